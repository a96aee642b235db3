"""Which line of the program kept the GPU idle: its idle time by line, function or file, and as a call tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsysgap.analysis.idle.grouping import folded_inside
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.stretches import Stretches, idle_stretches
from nsysgap.analysis.stacks.document import StackRows, stack_rows, tree_document
from nsysgap.analysis.stacks.idle_stacks import SAMPLED, IdleStacks, choose_source, idle_stacks, launched_from
from nsysgap.answers.opening import OpenReport, require_ops
from nsysgap.answers.selection import WHOLE, Selection
from nsysgap.causes import PARTS
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Figure, Header
from nsysgap.tables import Notice, Stacks
from nsysgap.units import percent

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "nsysgap.stacks/1"
INTERPRETER, INTERPRETER_SHARE = "_PyEval_EvalFrameDefault", 0.2
CAPTURE_HINT = (
    "Capture them: nsysgap profile --stacks python PROGRAM; by hand: nsys profile --python-sampling=true (Python) or "
    "--sample=process-tree (native), then nsys export --type sqlite --include-blobs=true."
)
COLUMNS = (
    *("function", "file", "line", "kind", "self_ns", "nearest_ns", "self_low_ns", "self_high_ns", "self_samples"),
    *("inclusive_ns", "inclusive_samples", "few_samples"),
)
_WHOLE = tuple(name for name in COLUMNS if name == "line" or name.startswith(("self_", "nearest_", "inclusive_")))


@dataclass(frozen=True)
class StacksOptions:
    """`by`: line, function or file; `causes`: which parts of the idle time count (of PARTS, or "all"), none for host,
    or for all of them by stacks of single calls; `stacks`: python, native, calls or nvtx, None for the best there is;
    `launched_from`: by the line that launched the op after each gap. `sort`: rows by self or inclusive time;
    `innermost`: a stack's own time is that of its innermost line of any code, not of the program's own; `unfold`: NVTX
    ranges by their whole names, not without numbers."""

    selection: Selection = WHOLE
    by: str = "line"
    causes: tuple[str, ...] = ()
    stacks: str | None = None
    launched_from: bool = False
    sort: str = "self"
    innermost: bool = False
    unfold: bool = True


@dataclass(frozen=True)
class StacksAnswer:
    """The answer: `shares` is what follows the header in "nsysgap.stacks/1", `selection` what was selected."""

    header: Header
    shares: Document
    selection: str

    def document(self) -> Document:
        """The contract "nsysgap.stacks/1"; with a selection also what it was."""
        document = {"schema": SCHEMA, "report": self.header.document(), **self.shares}
        return {**document, "selection": self.selection} if self.selection else document

    def figures(self) -> tuple[Figure, ...]:
        """Idle time, that of the causes that count, and how much of it no stack is known for."""
        names = ("idle_ns", "chosen_ns", "no_stack_ns")
        return tuple(Figure(name, self.shares[name], "ns", "lower") for name in names)

    def frame(self) -> pd.DataFrame:
        """One row per line, function or file; times in ns."""
        import pandas as pd

        return pd.DataFrame(self.shares["rows"], columns=COLUMNS).astype(dict.fromkeys(_WHOLE, "Int64"))


def stacks(report: OpenReport, options: StacksOptions = StacksOptions()) -> StacksAnswer:
    """Which lines kept the GPU idle.

    Raises NsysgapError for a report without GPU work, an empty selection, and where the stacks asked for are not there.
    """
    shared = _shared(report, options)
    shares = stack_rows(
        shared.idle, shared.stacks, shared.causes, StackRows(options.by, options.sort, options.innermost)
    )
    if shared.stacks.labels:
        shares["folded"] = folded_inside(shared.idle)
    return StacksAnswer(report.header((*shared.notices, *_interpreter(shares))), shares, shared.selection)


def _interpreter(shares: Document) -> list[Notice]:
    """A hint where CPU samples see Python's interpreter, not the program's lines."""
    if shares["stacks"] != "native":
        return []
    inside = max((row["inclusive_ns"] for row in shares["rows"] if row["function"].startswith(INTERPRETER)), default=0)
    if inside < INTERPRETER_SHARE * shares["chosen_ns"] or not inside:
        return []
    said = (
        f"{percent(inside, shares['chosen_ns'])} of this time is inside Python's interpreter ({INTERPRETER}), whose "
        "lines CPU samples do not see: Python sampling does (nsysgap profile --stacks python PROGRAM, or nsys profile "
        "--python-sampling=true)."
    )
    return [Notice("note", said)]


def stack_tree(report: OpenReport, options: StacksOptions = StacksOptions()) -> Document:
    """The call tree for flame graphs, as plain values (analysis/stacks/document.py). Raises as `stacks` does."""
    shared = _shared(report, options)
    return tree_document(shared.idle, shared.stacks, shared.causes, shared.selection)


@dataclass(frozen=True)
class _Shared:
    """Idle time shared out among stacks, and of which causes."""

    idle: IdleReport
    stacks: IdleStacks
    causes: tuple[str, ...]
    notices: tuple[Notice, ...]
    selection: str


def _shared(report: OpenReport, options: StacksOptions) -> _Shared:
    require_ops(report.trace)
    selected = report.select(options.selection)
    idle = report.idle(options.selection)
    causes, stretches = _stretches(idle, options.causes or ("host",))
    no_host = []
    if not options.causes and not len(stretches.start):  # other causes may have stacks
        causes, stretches = _stretches(idle, ("all",))
        no_host = (
            [Notice("note", "None of the idle time is 'host': this is all of it.")] if len(stretches.start) else []
        )
    source = options.stacks or _best_source(idle, report.stacks, stretches, options)
    if source == "calls" and not options.causes and not options.launched_from:  # the program's own code is in no call
        causes, stretches = _stretches(idle, ("all",))
    notices = (*report.stacks.warnings, *no_host, *_require_stacks(idle, report.stacks, source, options))
    if options.launched_from:
        by_stack = launched_from(idle, stretches, report.stacks, source)
    else:
        by_stack = idle_stacks(idle, stretches, report.stacks, source, unfold=options.unfold)
    return _Shared(idle, by_stack, causes, (*notices, *selected.notes), selected.words)


def _stretches(idle: IdleReport, causes: Sequence[str]) -> tuple[tuple[str, ...], Stretches]:
    """The causes in the order of PARTS, and the idle time that they have."""
    chosen = tuple(part for part in PARTS if part in causes or "all" in causes)
    return chosen, idle_stretches(idle, frozenset(PARTS.index(part) for part in chosen))


def _best_source(idle: IdleReport, stacks: Stacks, stretches: Stretches, options: StacksOptions) -> str:
    """Samples of the launching threads, else NVTX ranges (no range says what launched), else stacks of calls."""
    best = choose_source(stacks, stretches)
    if best == "nvtx" and stacks.calls.rows and (options.launched_from or not idle.trace.nvtx.rows):
        return "calls"
    return best


def _require_stacks(idle: IdleReport, stacks: Stacks, source: str, options: StacksOptions) -> list[Notice]:
    """What to say about the chosen source. Raises NsysgapError if the report holds none of its stacks."""
    missing = {
        "calls": not stacks.calls.rows,
        "nvtx": options.launched_from or not idle.trace.nvtx.rows,
        **{name: not (stacks.samples["source"] == number).any() for name, number in SAMPLED.items()},
    }
    if missing[source]:
        why = "".join(f" {notice.text}" for notice in stacks.warnings)
        if options.launched_from and source == "nvtx":
            what = "stacks that say where something was launched"
        elif options.stacks:
            what = "NVTX ranges" if options.stacks == "nvtx" else f"{options.stacks} stacks"
        elif stacks.samples.rows:
            what = "stacks of a thread that launched work, only of others, and no NVTX ranges"
        else:
            what = "stacks and no NVTX ranges"
        raise NsysgapError(f"{idle.trace.path} holds no {what}.{why}", CAPTURE_HINT)
    if source == "nvtx" and options.stacks is None:
        said = f"No stacks were sampled on the launching threads: this is by NVTX range. {CAPTURE_HINT}"
        return [Notice("note", said)]
    return []
