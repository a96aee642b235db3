"""A gate for CI: whether reports keep to limits, absolute or against a baseline, or whether that cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from nsysgap.analysis.comparing.captures import FIGURES, Capture, side_value
from nsysgap.analysis.comparing.comparable import labels_of, reasons, same_loops
from nsysgap.analysis.comparing.limits import (
    BROKEN,
    CAUSE,
    HOLDS,
    RELATIVE,
    UNKNOWN,
    WORSE,
    Judged,
    Limit,
    Verdict,
    figure_named,
    judge,
)
from nsysgap.analysis.comparing.roles import of_role, roles_of
from nsysgap.answers.baseline import baseline_document, is_baseline, read_baseline
from nsysgap.answers.captures import CaptureOptions
from nsysgap.answers.fleet_captures import side_captures
from nsysgap.answers.opening import Asker, ask
from nsysgap.causes import PARTS
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Figure
from nsysgap.units import printable

SCHEMA = "nsysgap.check/1"
Named = Iterable[tuple[str, Fraction]]
"""(cause or figure, percent) of each."""
EXIT_CODES: dict[Verdict, int] = {HOLDS: 0, BROKEN: 3, UNKNOWN: 4}


@dataclass(frozen=True)
class CheckOptions:
    """`capture`: what of each report is judged; `baseline`: a report or a baseline's file, None for none; `anyway`: the
    baseline's other loop and launch count are meant; `job`: the reports are the ranks of one job."""

    limits: tuple[Limit, ...] = ()
    capture: CaptureOptions = field(default_factory=CaptureOptions)
    baseline: str | None = None
    anyway: bool = False
    job: bool = False


@dataclass(frozen=True)
class CheckAnswer:
    """The answer: every limit judged; `untold` is why nothing can be told of the reports, "" if it can."""

    captures: tuple[Capture, ...]
    baseline: tuple[Capture, ...]
    judged: tuple[Judged, ...]
    untold: str
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """ "fail" where a limit is broken, else "unknown" where something cannot be told, else "pass"."""
        verdicts = {judged.verdict for judged in self.judged} | ({UNKNOWN} if self.untold else set())
        return BROKEN if BROKEN in verdicts else UNKNOWN if UNKNOWN in verdicts else HOLDS

    @property
    def exit_code(self) -> int:
        """0 all limits hold, 3 one is broken, 4 it cannot be told."""
        return EXIT_CODES[self.verdict]

    @property
    def ranks(self) -> tuple[str, ...]:
        """Which ranks of a job each capture is, where they are those of one job; else none."""
        job = len({capture.role for capture in self.captures}) == len(self.captures)
        return tuple(capture.ranks for capture in self.captures) if job else ()

    @property
    def text(self) -> str:
        """What came out, in a sentence."""
        number = len(self.judged)
        broken = sum(judged.verdict == BROKEN for judged in self.judged)
        unknown = sum(judged.verdict == UNKNOWN for judged in self.judged)
        if number == 1 and (broken or unknown):
            return "The limit is broken." if broken else "Whether the limit holds cannot be told."
        if broken:
            return f"{broken} of {number} limits {'is' if broken == 1 else 'are'} broken."
        if unknown:
            return f"Whether {unknown} of {number} limits {'holds' if unknown == 1 else 'hold'} cannot be told."
        if self.untold:
            return f"It cannot be told: {self.untold}."
        return "The limit holds." if number == 1 else f"All {number} limits hold." if number else "No limit was given."

    def document(self) -> Document:
        """The contract "nsysgap.check/1"."""
        return {
            "schema": SCHEMA,
            "reports": [_row(capture) for capture in self.captures],
            "unit": self.captures[0].unit,
            "baseline": [_row(capture) for capture in self.baseline] or None,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "text": self.text,
            "limits": [_limit_row(judged) for judged in self.judged],
            "figures": {name: side_value(self.captures, name) for name in FIGURES},
            "reasons": list(self.reasons),
            "warnings": [
                f"{printable(capture.path)}: {text}" for capture in self.captures for text in capture.warnings
            ],
        }

    def figures(self) -> tuple[Figure, ...]:
        """The figures that were judged."""
        values = ((name, side_value(self.captures, name)) for name in FIGURES)
        return tuple(
            Figure(name, value, "ns" if name.endswith("_ns") else "", "lower")
            for name, value in values
            if value is not None
        )

    def saved(self) -> Document:
        """The baseline that these captures make. Raises NsysgapError where they tell nothing, or a limit is broken."""
        if self.untold:
            raise NsysgapError(f"No baseline was written: {self.untold}.", "Capture again.", exit_code=4)
        if self.verdict == BROKEN:
            raise NsysgapError("No baseline was written: a limit is broken.", "Save it without limits.", exit_code=3)
        return baseline_document(self.captures)


def named_limits(causes: Named, figures: Named) -> tuple[Limit, ...]:
    """Limits of idle time by cause, then of figures against the baseline's.

    Raises NsysgapError (usage) for what is no cause and no figure.
    """
    limits: list[Limit] = []
    for cause, percent in causes:
        if cause not in PARTS:
            raise NsysgapError(f"'{printable(cause)}' is no cause.", f"There are {', '.join(PARTS)}.", exit_code=2)
        limits.append(Limit(CAUSE, percent, cause))
    for name, percent in figures:
        figure = figure_named(name)
        if figure is None:
            hint = "Such as step, busy, idle, idle_host, launches, ops, api_calls, sync_tail."
            raise NsysgapError(f"'{printable(name)}' is no figure of a step.", hint, exit_code=2)
        limits.append(Limit(WORSE, percent, figure))
    return tuple(limits)


def check(reports: Sequence[str], options: CheckOptions, asker: Asker = ask) -> CheckAnswer:
    """Judge reports, all of one program, by limits.

    Raises NsysgapError for what cannot be read, and for limits against a baseline without one.
    """
    if options.baseline is None and any(limit.option in RELATIVE for limit in options.limits):
        said = "--max-slower and --max-worse need something to compare with."
        raise NsysgapError(said, "Add --baseline FILE.", exit_code=2)
    kept: tuple[Capture, ...] = ()
    if options.baseline is not None:
        kept = _baseline(options.baseline, options.capture, asker)
    captures = side_captures(reports, options.capture, asker, job=options.job)
    untold = _untold(captures)
    why: list[str] = []
    if kept:
        loops = labels_of(kept), labels_of(captures)
        why = reasons(kept, captures, loops, anyway=options.anyway)
        if not why and not same_loops(*loops) and {capture.unit for capture in (*kept, *captures)} != {"iteration"}:
            why = ["One side has a loop and the other has none: a step and a window are not compared."]
    judged: list[Judged] = []
    for role in roles_of(captures):
        mine, before = of_role(captures, role), of_role(kept, role)
        rows = judge(options.limits, mine, before, untold, why[0].rstrip(".") if why else "")
        judged += [replace(row, role=role) for row in rows]
    return CheckAnswer(captures, kept, tuple(judged), untold, tuple(why))


def _baseline(path: str, options: CaptureOptions, asker: Asker) -> tuple[Capture, ...]:
    if is_baseline(path):
        return read_baseline(path)
    return side_captures([path], options, asker)


def _untold(side: Sequence[Capture]) -> str:
    """Why the reports tell nothing that limits could be held against, "" if they do."""
    for capture in side:
        if not capture.has_gpu_work:
            return f"{printable(capture.path)} holds no GPU work"
        if capture.incomplete:
            return f"{printable(capture.path)} is incomplete: {printable(capture.incomplete[0]).rstrip('.')}"
    if not same_loops(labels_of(side), labels_of(side)):
        return "the reports do not have the same loop"
    return ""


def _row(capture: Capture) -> Document:
    return {"path": capture.path, "loop": capture.loop, "iterations": capture.iterations}


def _limit_row(judged: Judged) -> Document:
    most = judged.limit.most
    return {
        "limit": judged.limit.option,
        "of": judged.limit.of or None,
        **({"role": judged.role} if judged.role else {}),
        "unit": judged.limit.unit,
        "value": judged.value,
        "most": int(most) if most.denominator == 1 else float(most),
        "verdict": judged.verdict,
        "p": judged.p,
        "why": judged.why or None,
        "largest_cause": judged.largest or None,
    }
