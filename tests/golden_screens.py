"""Writes the first screens of all samples, and of the real reports in NSYSGAP_TRACES, to golden/screens.

    NSYSGAP_TRACES=TRACES PYTHONPATH=tests python tests/golden_screens.py

Look at what changed: these are the first lines that anybody reads.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from command_line import run
from folders import ROOT, TESTS
from real_reports import real_reports, require_report

FOLDER = TESTS / "golden" / "screens"


def sample_screen(name: str) -> str:
    """The screen of a sample as a user in the repository gets it; name with its endings."""
    return run("gaps", f"sample_traces/{name}", cwd=ROOT).stdout


def report_screen(path: Path) -> str:
    """The screen of a report as a user in its folder gets it."""
    return run("gaps", path.name, cwd=path.parent).stdout


def sample_names() -> list[str]:
    """All samples."""
    return sorted(path.name for path in (ROOT / "sample_traces").glob("*.sqlite*"))


def main() -> None:
    """Write one file per report."""
    for name in sample_names():
        (FOLDER / f"sample_{name.split('.')[0]}.txt").write_text(sample_screen(name))
    with tempfile.TemporaryDirectory() as folder:
        for packed in real_reports():
            name = packed.name.removesuffix(".sqlite.xz")
            (FOLDER / f"{name}.txt").write_text(report_screen(require_report(name, Path(folder))))


if __name__ == "__main__":
    main()
