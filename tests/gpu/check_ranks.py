"""What the reports of tests/gpu/ranks.sh must say: who was late, why, and when.

python tests/gpu/check_ranks.py FOLDER
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

EXPECTED = {  # form -> verdict, straggler, cause
    "host": ("straggler", 1, "host"),
    "gpu": ("straggler", 1, "gpu"),
    "rotating": ("rotates", None, None),
    "even": ("even", None, None),
}
FIRST, LAST = 20, 25
"""The slow steps of the form "stretch" (workloads/pytorch/ranks.py)."""


def ranks(folder: Path, late: str) -> dict[str, Any]:
    """Return the document of the two reports of a form."""
    reports = [str(folder / f"{late}_rank{rank}.sqlite") for rank in (0, 1)]
    line = [sys.executable, "-m", "nsysgap", "ranks", *reports, "--format", "json"]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def main() -> int:
    """Compare; print a line per form; 1 if any differs."""
    folder = Path(sys.argv[1])
    failed = 0
    for late, expected in EXPECTED.items():
        verdict = ranks(folder, late)["verdict"]
        said = (verdict["kind"], verdict["rank"], verdict["cause"] if expected[2] else None)
        right = said == expected
        failed |= not right
        print(f"{'ok     ' if right else 'FAILED '} {late}: {said}, expected {expected}")
    slow = [one["iteration"] for one in ranks(folder, "stretch")["slow_iterations"]]
    wanted = list(range(FIRST, LAST + 1))
    missed, extra = sorted(set(wanted) - set(slow)), sorted(set(slow) - set(wanted))
    failed |= bool(missed)
    print(f"{'ok     ' if not missed else 'FAILED '} stretch: slow {slow}; missed {missed}; further {extra}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
