"""A notice by what must show it, what must not, and who is asked: the form of the tables in tests/notices_of_*.py.

    Case("left no kernel", lambda r: r.call(0, 1, 9), lambda r: r.call(0, 1, 9, returnValue=1))

Both reports begin alike (`begin`), so that what one adds makes the notice. Words are of the sentence itself, not of the
values put into it; several are all there or none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from case_answers import MS, steps
from command_line import run
from report_builder import ReportBuilder
from stack_reports import StackReport

from nsysgap.answers.gaps import GapsOptions, gaps
from nsysgap.answers.opening import ask
from nsysgap.answers.timeline import TimelineOptions, timeline

Change = Callable[[Any], object]
Ask = Callable[[Path], str]


def working() -> ReportBuilder:
    """Five kernels, a millisecond from one to the next."""
    return steps(ReportBuilder(), 5, MS)


def of_gaps(path: Path) -> str:
    """The notices of `gaps`."""
    return notices(ask(path, gaps, GapsOptions(top=0, loops=False)).document())


def of_page(path: Path) -> str:
    """The notices of the page of `timeline`."""
    return notices(ask(path, timeline, TimelineOptions()).summary)


def notices(document: dict[str, Any]) -> str:
    """All notices of a document, as one text."""
    return " ".join(one["text"] for one in document["report"]["warnings"])


def printed(*arguments: object) -> Ask:
    """What a command prints of the report, to both outputs, in one line."""

    def said(path: Path) -> str:
        done = run(arguments[0], path, *arguments[1:], columns=80)
        return re.sub(r"\s+", " ", f"{done.stdout} {done.stderr}")

    return said


@dataclass(frozen=True)
class Case:
    """A notice: words that it says, what makes a report show it and one that does not, who is asked, how both begin."""

    says: str | tuple[str, ...]
    shown: Change
    hidden: Change
    ask: Ask = of_gaps
    begin: Callable[[], ReportBuilder | StackReport] = working

    @property
    def words(self) -> tuple[str, ...]:
        """All that it says."""
        return (self.says,) if isinstance(self.says, str) else self.says

    def said(self, change: Change, folder: Path) -> str:
        """What is said of the report with this change."""
        report = self.begin()
        changed = change(report)
        report = changed if isinstance(changed, ReportBuilder | StackReport) else report
        path = folder / "report.sqlite"
        path.unlink(missing_ok=True)
        return self.ask(report.save(folder) if isinstance(report, ReportBuilder) else report.write(path))
