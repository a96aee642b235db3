"""Cuts the scrubbed captures of tests/gpu/ranks.sh down to what sample_traces/ranks holds.

    python tests/gpu/small_ranks.py SCRUBBED.sqlite.xz... FOLDER

Left out are call stacks of OS calls, and OS calls outside the steps or of threads that call no CUDA: with NCCL's and
Python's start-up they are nine tenths of a report. Everything else stays as it was recorded.
"""

from __future__ import annotations

import lzma
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

LOOP = """SELECT min(start), max(end) FROM NVTX_EVENTS LEFT JOIN StringIds ON id = textId
WHERE ifnull(text, value) LIKE 'step %'"""
CUTS = (
    "DROP TABLE IF EXISTS OSRT_CALLCHAINS",
    "DELETE FROM OSRT_API WHERE globalTid NOT IN (SELECT globalTid FROM CUPTI_ACTIVITY_KIND_RUNTIME)",
)


def cut(report: Path, target: Path) -> None:
    """Write the small form of a packed report."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, "report.sqlite")
        plain.write_bytes(lzma.decompress(report.read_bytes()))
        with closing(sqlite3.connect(plain)) as connection:
            for statement in CUTS:
                connection.execute(statement)
            first, last = connection.execute(LOOP).fetchone()
            connection.execute("DELETE FROM OSRT_API WHERE end < ? OR start > ?", (first, last))
            connection.commit()
            connection.execute("VACUUM")
        target.write_bytes(lzma.compress(plain.read_bytes(), preset=9 | lzma.PRESET_EXTREME))


def main() -> None:
    """All reports into the folder."""
    *reports, folder = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    for report in reports:
        cut(report, folder / report.name)


if __name__ == "__main__":
    main()
