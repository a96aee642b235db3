"""One line per command and report: the SHA-256 of what it prints or writes, to hold two states of the code together.

    python tests/output_digests.py FOLDER... > before; (change) ; python tests/output_digests.py FOLDER... > after
    diff before after

Every .sqlite and .sqlite.xz below the folders is put through every command, in this process, with its own name alone:
digests are the same wherever the folders lie.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import lzma
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

COMMANDS = [
    "gaps {}",
    "gaps {} --format json --top all",
    "gaps {} --format csv --top all",
    *(f"gaps {{}} --by {by}" for by in ("cause", "kernel", "api", "nvtx", "thread", "process", "line")),
    "gaps {} --from 1ms --to 400ms --format json",
    "steps {} --format json",
    "info {}",
    "info {} --format json",
    "launches {}",
    "launches {} --format json",
    "graphs {}",
    "graphs {} --format json",
    "graphs {} --html -o out",
    "ranks {}",
    "ranks {} --format json",
    "ranks {} --html -o out",
    "compare {} {} --format json",
    "check {} --max-idle 50 --format json",
    "stacks {}",
    "stacks {} --format json",
    "stacks {} --format html -o out",
    "to-chrome {} -o out",
    "to-chrome {} -o out.pftrace",
    "timeline {} -o out",
    "report {} --timeline none -o out.html",
    "report {} --format markdown",
    "scrub {} -o out.sqlite",
    "critical-path {} --format json",
    "timeline {} --critical-path -o out",
    "advise {} --format json",
    "compare {} {} --detail",
    "check {} --max-idle 50 --max-step 10ms",
    "check {} --baseline {} --max-slower 5 --format json",
    "check {} --save-baseline out.json",
]


class _Captured(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def bytes(self) -> bytes:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue()


def run(arguments: list[str]) -> tuple[object, bytes]:
    """(exit code, everything that was printed) of a command in this process."""
    from nsysgap.commands import main

    out, err = _Captured(), _Captured()
    code: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
        except Exception as error:  # a traceback is an outcome to compare as well
            code = repr(error)
    return code, out.bytes() + b"\0" + err.bytes()


def digests(path: Path) -> list[str]:
    """The lines of one report."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        name = path.name.removesuffix(".xz")
        if path.suffix == ".xz":
            Path(name).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copy(path, name)
        for command in COMMANDS:
            code, printed = run(command.replace("{}", name).split())
            written = b""
            for out in sorted(Path().glob("out*")):
                written += out.read_bytes()
                out.unlink()
            digest = hashlib.sha256(printed + b"\0" + written).hexdigest()[:16]
            lines.append(f"{name}  {command.replace('{}', 'R')}  exit {code}  {digest}")
        os.chdir("/")
    return lines


def main() -> None:
    """Print the lines of every report below the folders named on the command line."""
    found = [path for folder in sys.argv[1:] for path in Path(folder).resolve().rglob("*.sqlite*")]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for lines in pool.map(digests, sorted(found, key=lambda path: path.name)):
            print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
