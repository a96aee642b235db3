"""The Python API of sides: `nsysgap.compare(before, after)` and `nsysgap.check(reports, limits)`, as the commands."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import TYPE_CHECKING, Any, TypedDict

from nsysgap.analysis.comparing.limits import Limit
from nsysgap.answers.captures import CaptureOptions
from nsysgap.answers.check import CheckAnswer, CheckOptions, named_limits
from nsysgap.answers.check import check as judged
from nsysgap.answers.compare import CompareAnswer, CompareOptions
from nsysgap.answers.compare import compare as compared
from nsysgap.api_arguments import Path, Paths, Time, ns, one_of, selection, texts_of
from nsysgap.errors import NsysgapError
from nsysgap.shown import ShownDocument, ShownList, shown, shown_list

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Unpack

Percent = int | float | str | Fraction


class Chosen(TypedDict, total=False):
    """What of each report counts: its main loop, or the one of the label `loop`, or a window.

    The window: `nvtx` and `domain` (regular expressions of ranges and their domains), `since`, `until` (ns, or text
    such as "1.2s"), or `whole`. `device`: of one GPU.
    """

    loop: str | None
    whole: bool
    device: int | None
    nvtx: str | None
    domain: str | None
    since: Time | None
    until: Time | None


class Limits(TypedDict, total=False):
    """Limits of one number: percent, ns (or text such as "12ms"), ns, launch calls a step, percent, percent."""

    max_idle: Percent
    max_step: Time
    max_gap: Time
    max_launches: int
    max_starved: Percent
    max_slower: Percent


@dataclass(frozen=True)
class Comparison:
    """What `nsysgap compare` says of two sides. All times are integer nanoseconds of a step, or of the window."""

    answer: CompareAnswer

    @property
    def verdict(self) -> str:
        """What came out, in one sentence."""
        return self.answer.verdict

    @property
    def noise(self) -> str:
        """What can be said about noise: with four captures a side or more a change is tested."""
        return self.answer.noise

    @property
    def reasons(self) -> ShownList:
        """Why the sides are not comparable; none where they are."""
        return shown_list(self.answer.reasons)

    def figures(self) -> pd.DataFrame:
        """One row per figure, as "figures" of the document: name, unit, before, after, change, p and what came out."""
        import pandas as pd

        return pd.DataFrame(self.document()["figures"])

    def ops(self) -> pd.DataFrame:
        """One row per kernel, copy, memset and graph, of an iteration: counts and ns before and after."""
        return self.answer.frame()

    def document(self) -> ShownDocument:
        """The contract "nsysgap.compare/1", as `nsysgap compare --format json` writes it."""
        return shown(self.answer.document())

    def __repr__(self) -> str:
        return f"<nsysgap comparison: {self.verdict}>"

    def _repr_html_(self) -> str:
        """The comparison as a notebook shows it: the verdict, noise, a row per figure. Names are escaped."""
        said = "".join(f"<p>{escape(text)}</p>" for text in (self.noise, *self.reasons) if text)
        return f"<h4>{escape(self.verdict)}</h4>{said}{self.figures().to_html(index=False, escape=True)}"


@dataclass(frozen=True)
class Checked:
    """What `nsysgap check` says of reports: true where all limits hold."""

    answer: CheckAnswer

    @property
    def verdict(self) -> str:
        """ "pass", "fail" where a limit is broken, "unknown" where it cannot be told."""
        return self.answer.verdict

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        return self.answer.text

    def __bool__(self) -> bool:
        return self.answer.exit_code == 0

    def limits(self) -> pd.DataFrame:
        """One row per limit, as "limits" of the document: limit, of, unit, value, most, verdict, why."""
        import pandas as pd

        return pd.DataFrame(self.document()["limits"])

    def document(self) -> ShownDocument:
        """The contract "nsysgap.check/1", as `nsysgap check --format json` writes it."""
        return shown(self.answer.document())

    def __repr__(self) -> str:
        return f"<nsysgap check: {self.text}>"

    def _repr_html_(self) -> str:
        """The check as a notebook shows it: the verdict, a row per limit. Names are escaped."""
        return f"<h4>{escape(self.text)}</h4>{self.limits().to_html(index=False, escape=True)}"


def compare(
    before: Paths,
    after: Paths,
    *,
    anyway: bool = False,
    predicted: Path | None = None,
    match: str = "demangled",
    **chosen: Unpack[Chosen],
) -> Comparison:
    """Compare the captures of two sides, per step: one report a side, or several of one program.

    `anyway`: other loops and launch counts are meant; `predicted`: a file of `nsysgap whatif --format json`; `match`:
    kernels are the same by their "demangled" or "short" name; `chosen`: what counts (Chosen), else the main loop.
    Raises NsysgapError for what cannot be read or is not there.
    """
    options = _options(chosen, short=one_of(match, ("demangled", "short"), "match") == "short")
    file = None if predicted is None else os.fspath(predicted)
    return Comparison(compared(texts_of(before), texts_of(after), CompareOptions(options, anyway, file)))


def check(
    reports: Paths,
    limits: Limits | None = None,
    *,
    max_cause: Mapping[str, Percent] | None = None,
    max_worse: Mapping[str, Percent] | None = None,
    baseline: Path | None = None,
    anyway: bool = False,
    **chosen: Unpack[Chosen],
) -> Checked:
    """Hold captures of one program against limits, such as `{"max_idle": 30, "max_step": "12ms"}` (Limits).

    `max_cause`: {"host": 10}, idle by a cause in percent of the time; `max_worse`: {"launches": 0}, a figure of compare
    in percent against the `baseline`, a report or what `nsysgap check --save-baseline` wrote; `anyway`: its other loop
    is meant; `chosen`: what counts (Chosen), else the main loop. Raises NsysgapError for what cannot be read, and for
    limits of nothing.
    """
    causes, figures = (
        [(name, _number(value)) for name, value in (given or {}).items()] for given in (max_cause, max_worse)
    )
    named = [*_plain_limits(limits or {}), *named_limits(causes, figures)]
    if not named:
        raise NsysgapError("No limit is named.", 'Add one, such as {"max_idle": 30}.', exit_code=2)
    file = None if baseline is None else os.fspath(baseline)
    return Checked(judged(texts_of(reports), CheckOptions(tuple(named), _options(chosen), file, anyway)))


def _plain_limits(given: Limits) -> list[Limit]:
    limits = []
    numbers: Mapping[str, Any] = {**given}
    for name, value in numbers.items():
        if name not in Limits.__annotations__:
            raise NsysgapError(f"{name!r} is no limit.", f"There are {', '.join(Limits.__annotations__)}.", exit_code=2)
        most = Fraction(ns(value)) if name in {"max_step", "max_gap"} else _number(value)
        limits.append(Limit(name.replace("_", "-"), most))
    return limits


def _number(value: Percent) -> Fraction:
    """As the command reads it: 0.1 is a tenth, not the number that is nearest to it in binary."""
    try:
        number = Fraction(str(value).removesuffix("%"))
    except (ValueError, ZeroDivisionError):
        raise NsysgapError(f"{value!r} is no number.", "Such as 30 or '0.5'.", exit_code=2) from None
    if number < 0:
        raise NsysgapError(f"{value!r} is below 0.", "A limit is 0 or more.", exit_code=2)
    return number


def _options(chosen: Chosen, *, short: bool = False) -> CaptureOptions:
    """What of each report counts. Raises NsysgapError where both a loop and a window are chosen."""
    unknown = chosen.keys() - Chosen.__annotations__.keys()
    if unknown:
        raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}")
    ranges = chosen.get("nvtx"), chosen.get("domain")
    of_report = selection(chosen.get("device"), ranges, chosen.get("since"), chosen.get("until"))
    loop, whole = chosen.get("loop"), chosen.get("whole", False)
    options = CaptureOptions(of_report, loop, whole, short)
    if options.selects_both:
        said = "loop selects iterations; nvtx, domain, since, until and whole a window."
        raise NsysgapError(said, "Take one of them.", exit_code=2)
    return options
