"""Questions for workers of another process, which import this module: they behave badly on purpose."""

from __future__ import annotations

import os
import time
from pathlib import Path

from nsysgap.answers.opening import OpenReport
from nsysgap.answers.rank_units import RankOptions, ReportUnits, report_units


def waiting_once(report: OpenReport, folder: str) -> ReportUnits:
    """The units; but the first worker that reads rank1 says its process ID in the folder, and does not go on."""
    marked = Path(folder, "pid")
    if Path(report.path).name == "rank1.sqlite" and not marked.exists():
        writing = Path(folder, "writing")
        writing.write_text(str(os.getpid()))
        writing.rename(marked)
        time.sleep(3600)
    return report_units(report, RankOptions())


def killing(report: OpenReport, name: str) -> str:
    """The report's name; kills whoever reads the one of that name."""
    if Path(report.path).name == name:
        os._exit(1)
    return Path(report.path).name
