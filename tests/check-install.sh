#!/bin/sh
# Does `pip install nsysgap` work? Builds the wheel and the sdist and installs each into clean environments: every Python
# from 3.10 on that this machine has, with the newest versions of the dependencies, and the oldest Python with the lowest
# that pyproject.toml allows. In each: the same answers about the samples, types, shell completion.
#
#     sh tests/check-install.sh [PYTHON...]        such as: python3.10 python3.14
#
# Ends with 1 at the first that fails. Needs the network for packages; uv is taken from PyPI.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet --disable-pip-version-check build uv
git archive HEAD | tar -x -C "$work" --one-top-level=source
"$work/tools/bin/python" -m build --quiet --outdir "$work/dist" "$work/source" > "$work/build.log" 2>&1 || {
  tail -n 20 "$work/build.log"
  exit 1
}
wheel=$(ls "$work"/dist/*.whl)
sdist=$(ls "$work"/dist/*.tar.gz)

pythons=$*
if [ -z "$pythons" ]; then
  for minor in 10 11 12 13 14 15; do
    # A shim may be there for a Python that is not.
    if "python3.$minor" -c "" 2> /dev/null; then pythons="$pythons python3.$minor"; fi
  done
fi
oldest=$(echo $pythons | cut -d" " -f1)

# The lowest versions that pyproject.toml allows, of what nsysgap itself asks for.
"$work/tools/bin/uv" pip install --quiet --python "$work/tools/bin/python" packaging
"$work/tools/bin/python" - "$wheel" > "$work/lowest.txt" <<'LOWEST'
import sys
import zipfile
from email.parser import Parser

from packaging.requirements import Requirement

wheel = zipfile.ZipFile(sys.argv[1])
(metadata,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
for text in Parser().parsestr(wheel.read(metadata).decode()).get_all("Requires-Dist"):
    asked = Requirement(text)
    if asked.marker is None or asked.marker.evaluate({"extra": "parquet"}):
        lowest = [one.version for one in asked.specifier if one.operator == ">="]
        print(f"{asked.name}=={lowest[0]}")
LOWEST
: > "$work/highest.txt"

check() { # PYTHON PACKAGE highest|lowest
  rm -rf "$work/env" "$work/cwd"
  mkdir "$work/cwd"
  "$work/tools/bin/uv" venv --quiet --python "$(command -v "$1")" "$work/env"
  "$work/tools/bin/uv" pip install --quiet --python "$work/env/bin/python" --constraint "$work/$3.txt" "$2[parquet]"
  (
    cd "$work/cwd" # not in the source tree: what was installed answers
    PATH="$work/env/bin:$PATH"
    nsysgap gaps "$root/sample_traces/naive.sqlite" --format json --top 5 -o naive.json 2> /dev/null
    [ -e "$work/first.json" ] || cp naive.json "$work/first.json"
    cmp naive.json "$work/first.json" # every version of everything says the same
    python - <<'CHECK'
import importlib.metadata
import importlib.resources
import sys

import nsysgap

assert (importlib.resources.files("nsysgap") / "py.typed").is_file()
names = ("click", "numpy", "pandas", "plotly", "rich", "sqlalchemy", "zstandard", "pyarrow")
versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
print(f"{sys.version.split()[0]}: nsysgap {nsysgap.__version__} with {versions}")
CHECK
    for command in "info" "steps" "critical-path" "advise" "stacks" "timeline -o page.html" "to-chrome -o trace.pftrace" \
      "report -o summary.html" "gaps --top all -o gaps.parquet"; do
      set -- $command
      name=$1
      shift
      nsysgap "$name" "$root/sample_traces/slow_host.sqlite.xz" "$@" > /dev/null 2> said || { cat said; exit 1; }
    done
    _NSYSGAP_COMPLETE=bash_source nsysgap | grep -q _NSYSGAP_COMPLETE
  )
}

for python in $pythons; do
  check "$python" "$wheel" highest
done
# Later Pythons have no wheels of versions that old.
if "$oldest" -c "import sys; sys.exit(sys.version_info[:2] != (3, 10))"; then
  check "$oldest" "$wheel" lowest
else
  echo "The lowest versions were not tried: they need Python 3.10."
fi
check "$oldest" "$sdist" highest
echo "The wheel and the sdist install and answer:$(printf ' %s' $pythons)."
