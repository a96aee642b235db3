"""Before and after: what changed per step, what explains it, which kernels, and whether noise lets one say so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nsysgap.analysis.comparing.captures import STEP, Capture
from nsysgap.analysis.comparing.comparable import Labels, labels_of, reasons, same_loops
from nsysgap.analysis.comparing.comparison import ENOUGH_CAPTURES, REST, SAME, Change, compare_figures, explained
from nsysgap.analysis.comparing.kernels import OpChange, OpTimes, coverage, match_ops
from nsysgap.analysis.comparing.prediction import Outcome, outcomes
from nsysgap.analysis.comparing.roles import of_role, roles_of
from nsysgap.answers.captures import CaptureOptions, capture
from nsysgap.answers.fleet_captures import side_captures
from nsysgap.answers.opening import Asker, ask
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Figure, as_json
from nsysgap.fleet.names import report_name
from nsysgap.units import counted, duration, printable

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "nsysgap.compare/1"
COLUMNS = ("kind", "name", "before_ns", "after_ns", "change_ns", "before_count", "after_count", "before_mean_ns")
LARGEST_PREDICTION = 64_000_000
Sides = tuple[tuple[Capture, ...], tuple[Capture, ...], tuple[Labels, Labels]]


@dataclass(frozen=True)
class CompareOptions:
    """`capture`: what of each report is compared; `anyway`: other loops and launch counts are meant; `predicted`: the
    file of a document "nsysgap.whatif/1", None for none; `job`: a side's reports are the ranks of one job."""

    capture: CaptureOptions = field(default_factory=CaptureOptions)
    anyway: bool = False
    predicted: str | None = None
    job: bool = False


@dataclass(frozen=True)
class CompareAnswer:
    """The answer. `before` and `after` are the captures of each side, `reasons` why they are not comparable, if so.

    `explained`: (what, ns) that sum to the change of the step; `ops` per iteration, by change; `matched`: (names in
    both, percent of the time before and after). `outcomes`: how the prediction held, None without one.
    """

    before: tuple[Capture, ...]
    after: tuple[Capture, ...]
    reasons: tuple[str, ...]
    changes: tuple[Change, ...]
    explained: tuple[tuple[str, int], ...]
    ops: tuple[OpChange, ...]
    matched: tuple[int, float, float]
    warnings: tuple[str, ...]
    outcomes: tuple[Outcome, ...] | None = None
    role: str = ""

    @property
    def step(self) -> Change:
        """The change of the step."""
        return self.changes[0]

    @property
    def noise(self) -> str:
        """What can be said about noise, in a sentence."""
        numbers = (len(self.before), len(self.after))
        if min(numbers) < ENOUGH_CAPTURES:
            captures = counted(numbers[0], "capture", "captures")
            sides = f"{captures} a side" if numbers[0] == numbers[1] else f"{captures} before, {numbers[1]} after"
            return f"{sides}: no statement about noise; give {ENOUGH_CAPTURES} or more."
        return f"{numbers[0]} captures before, {numbers[1]} after: exact Mann-Whitney U test of medians per capture."

    @property
    def verdict(self) -> str:
        """What came out, in one sentence."""
        step = self.step
        if step.before is None or step.after is None:
            return "Nothing tells how a step changed: a side has no GPU work."
        percent = "" if step.change_percent is None else f" ({step.change_percent:+.1f} %)"
        took = f"a window of {duration(step.after)}"
        if self.before[0].loop is not None:
            took = f"{duration(step.after)} a step"
        took += f", not {duration(step.before)}{percent}"
        if self.reasons:
            return f"Not comparable ({counted(len(self.reasons), 'reason', 'reasons')} given): {took}."
        if step.p is None:
            return f"{took[0].upper()}{took[1:]}{self._mostly()}; noise not judged."
        if step.verdict == SAME:
            return f"No change shown (p = {step.p:.2g}): {took}."
        return f"Changed (p = {step.p:.2g}): {took}{self._mostly()}."

    def _mostly(self) -> str:
        """The largest part of the change, where it goes the way of the whole."""
        change = self.step.change or 0
        name, ns = max(self.explained, key=lambda part: part[1] * (1 if change > 0 else -1))
        said = "GPU busy time" if name == "busy" else name
        return f", mostly {said}" if name != REST and 2 * abs(ns) > abs(change) and ns * change > 0 else ""

    def document(self) -> Document:
        """The contract "nsysgap.compare/1"; with a prediction also how it held, as "predicted"."""
        document: Document = {
            "schema": SCHEMA,
            **({"role": self.role} if self.role else {}),
            "before": _side_row(self.before),
            "after": _side_row(self.after),
            "comparable": not self.reasons,
            "reasons": list(self.reasons),
            "figures": [_figure_row(change) for change in self.changes],
            "ops": [_op_row(op) for op in self.ops],
            "matched_percent": list(self.matched[1:]),
            "warnings": list(self.warnings),
        }
        if self.outcomes is not None:
            document["predicted"] = [
                {**as_json(outcome), "off_percent": outcome.off_percent} for outcome in self.outcomes
            ]
        return document

    def pictures(self) -> tuple[tuple[Document | None, Document | None], tuple[list[int], list[int]]]:
        """What a page draws of each side: (its typical step, of the capture in the middle; all steps of all, ns)."""
        before, after = ([step for report in side for step in report.steps] for side in (self.before, self.after))
        return (as_json(_middle(self.before).drawn), as_json(_middle(self.after).drawn)), (before, after)

    def figures(self) -> tuple[Figure, ...]:
        """The change of every figure that both sides have."""
        return tuple(
            Figure(change.name, change.change, change.unit, "lower")
            for change in self.changes
            if change.change is not None
        )

    def frame(self) -> pd.DataFrame:
        """One row per kernel, copy, memset and graph, per iteration; of a job's ranks with their role."""
        import pandas as pd

        rows = [{**_op_row(op), "change_ns": op.change, **_means(op)} for op in self.ops]
        frame = pd.DataFrame(rows, columns=[*COLUMNS, "after_mean_ns"]).astype(
            {"before_mean_ns": "Int64", "after_mean_ns": "Int64"}
        )
        return frame.assign(role=self.role) if self.role else frame


def compare(
    before: Sequence[str], after: Sequence[str], options: CompareOptions = CompareOptions(), asker: Asker = ask
) -> CompareAnswer:
    """Compare the captures of two sides, read one after the other: only figures are kept.

    Raises NsysgapError for a report that cannot be read or lacks what is selected, for what is no prediction, and for
    jobs of several ranks, which are compared by role (`compare_roles`).
    """
    answers = compare_roles(before, after, options, asker)
    if len(answers) > 1:
        hint = "In Python: open_fleet(before).compare(open_fleet(after))."
        raise NsysgapError("The ranks of a job are compared by role.", hint)
    return answers[0]


def compare_roles(
    before: Sequence[str], after: Sequence[str], options: CompareOptions = CompareOptions(), asker: Asker = ask
) -> list[CompareAnswer]:
    """`compare`, once for each role where a side is the ranks of a job: the straggler, the others, or all of them."""
    document = None if options.predicted is None else read_prediction(options.predicted)
    first, second, loops = sides(before, after, options.capture, asker, job=options.job)
    return [
        replace(
            _compared(tuple(of_role(first, role)), tuple(of_role(second, role)), loops, options, document), role=role
        )
        for role in roles_of(first, second)
    ]


def _compared(
    first: tuple[Capture, ...],
    second: tuple[Capture, ...],
    loops: tuple[Labels, Labels],
    options: CompareOptions,
    document: Any,
) -> CompareAnswer:
    changes = compare_figures(first, second)
    ops = match_ops(first, second)
    predicted, said = None, _warnings(first, second)
    step = changes[0]
    if document is not None:
        if step.before is None or step.after is None:
            raise NsysgapError("A side has no GPU work: nothing tells how the prediction held.", step_hint())
        held, warned = outcomes(document, first[0].loop, step.before, step.after)
        predicted, said = tuple(held), [*said, *warned]
    return CompareAnswer(
        before=first,
        after=second,
        reasons=tuple(reasons(first, second, loops, anyway=options.anyway)),
        changes=tuple(changes),
        explained=tuple(explained(first, second)),
        ops=tuple(ops),
        matched=coverage(ops),
        warnings=tuple(said),
        outcomes=predicted,
    )


def step_hint() -> str:
    """What to do where a report holds no GPU work."""
    return "Capture it with nsys profile --trace=cuda,nvtx,osrt; see nsysgap info REPORT."


def sides(
    before: Sequence[str], after: Sequence[str], options: CaptureOptions, asker: Asker = ask, *, job: bool = False
) -> Sides:
    """(captures before, captures after, the labels of their loops): whole windows where the loops are not the same."""
    first, second = (side_captures(names, options, asker, job=job) for names in (before, after))
    loops = labels_of(first), labels_of(second)
    if not same_loops(*loops):
        whole = replace(options, whole=True, loop=None)
        first, second = (
            tuple(report if report.loop is None else asker(report.path, capture, whole) for report in side)
            if not any(report.role for report in side)
            else side_captures(names, whole, asker, job=job)
            for side, names in ((first, before), (second, after))
        )
    return first, second, loops


def read_prediction(path: str) -> Any:
    """The JSON document of a file. Raises NsysgapError where there is none."""
    try:
        with Path(path).open("rb") as file:
            return json.loads(file.read(LARGEST_PREDICTION))
    except OSError as error:
        raise NsysgapError(f"{path} cannot be read ({error.strerror}).", "Name a file that whatif wrote.") from None
    except (ValueError, RecursionError):
        hint = "Write it with: nsysgap whatif BEFORE --format json -o whatif.json"
        raise NsysgapError(f"{path} is no JSON document.", hint) from None


def _warnings(before: Sequence[Capture], after: Sequence[Capture]) -> list[str]:
    said = [
        f"{name}: {printable(report_name(report.path))}: {text}"
        for name, side in (("before", before), ("after", after))
        for report in side
        for text in report.warnings
    ]
    ways = {report.graph_trace for side in (before, after) for report in side}
    if "graph" in ways and None in ways:
        said.append(
            "CUDA graphs were traced as a whole where they ran: their kernels are not in the table, and time between "
            "nodes counts as busy."
        )
    return said


def _middle(side: Sequence[Capture]) -> Capture:
    """The capture whose step is the median of all."""
    ordered = sorted(side, key=lambda report: report.figures[STEP] or 0)
    return ordered[(len(ordered) - 1) // 2]


def _side_row(side: Sequence[Capture]) -> Document:
    reports = [{"path": report.path, "loop": report.loop, "iterations": report.iterations} for report in side]
    return {"reports": reports, "unit": side[0].unit}


def _figure_row(change: Change) -> Document:
    return {
        "name": change.name,
        "unit": change.unit,
        "before": change.before,
        "after": change.after,
        "change": change.change,
        "change_percent": change.change_percent,
        "p": change.p,
        "verdict": change.verdict,
    }


def _op_row(op: OpChange) -> Document:
    before, after = (side or OpTimes(0, 0, 0) for side in (op.before, op.after))
    return {
        "kind": op.kind,
        "name": op.name,
        "before_ns": before.ns,
        "after_ns": after.ns,
        "before_count": _number(before.count),
        "after_count": _number(after.count),
    }


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else round(value, 6)


def _means(op: OpChange) -> Document:
    return {
        "before_mean_ns": None if op.before is None else op.before.mean,
        "after_mean_ns": None if op.after is None else op.after.mean,
    }
