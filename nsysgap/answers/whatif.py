"""What a loop would gain by a change: predicted by replaying it, with what may be said of it and why not more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from nsysgap.analysis.schedule.advice import HOW, WORTH_TRYING, gain, rank, worth_asking
from nsysgap.analysis.schedule.bodies import Bodies, loop_bodies
from nsysgap.analysis.schedule.calibration import USUAL_CONSTANTS, Constants
from nsysgap.analysis.schedule.changes import Asked, Candidate, Changes
from nsysgap.analysis.schedule.constants import FEWEST_STEPS
from nsysgap.analysis.schedule.cure import Limit, cure_text, limits_of
from nsysgap.analysis.schedule.host_pieces import loop_ranges
from nsysgap.analysis.schedule.limits import doubts, refusals
from nsysgap.analysis.schedule.loop_time import LoopRun, run_loop
from nsysgap.analysis.schedule.path import Path
from nsysgap.analysis.schedule.path_rows import PathRow, host_time, parts_of, path_rows, top_kernel
from nsysgap.analysis.schedule.plain import PlainSchedule, without_profiler
from nsysgap.analysis.schedule.predict import Change, Predicted, Prediction, apply, predict
from nsysgap.answers.calibrations import constants_of, gpus_of
from nsysgap.answers.critical_path import STILL_TRUE
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.per_day import Iteration, per_day
from nsysgap.answers.plain_step import plain_step
from nsysgap.answers.schedules import ProcessLoop, chosen_loops
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Figure, Header
from nsysgap.kernel_names import short_kernel_name
from nsysgap.tables import Stacks

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "nsysgap.whatif/1"
UNSURE = (
    "Two runs of one program differed by up to 1.7x where the host limits: measure both forms in turn, several times."
)


@dataclass(frozen=True)
class WhatifOptions:
    """`asked`: the changes, each predicted alone and all together; none: the report's own candidates are found.

    `loop`: its label, None for the main loop of the process with most GPU work; `plain`: a time of one iteration
    without the profiler ("9.31ms"), or the NAME.json that `profile` wrote; `per_day`: iterations a day, `price` of a
    GPU hour; `calibration`: a calibration's file or name, None for the one found by GPU and driver, else the usual.
    """

    asked: tuple[Asked, ...] = ()
    loop: str | None = None
    plain: str | None = None
    per_day: float | None = None
    price: float | None = None
    calibration: str | None = None


@dataclass(frozen=True)
class WhatifAnswer:
    """The answer: `changes` as in the contract "nsysgap.whatif/1"; `together` all of them at once, None for one.

    `left_out`: how many candidates gain less than 2 %; `cure`: what the critical path asks for; `kernel`: the name of
    the kernel that runs longest, where kernels are what limits, else ""; `notes`: sentences; `scale`: hours a day;
    `constants`: what graphs and pinned copies cost.
    """

    header: Header
    loop: str
    process: int
    iterations: int
    recorded_ns: int
    plain_ns: int | None
    changes: tuple[Document, ...]
    together: Document | None
    left_out: int
    cure: str
    kernel: str
    notes: tuple[str, ...]
    scale: Document | None
    constants: Constants

    @property
    def kernel_command(self) -> str:
        """How to look into that kernel with Nsight Compute, "" without one."""
        if not self.kernel:
            return ""
        name = re.escape(short_kernel_name(self.kernel))
        return f"ncu --set full --kernel-name 'regex:{name}' --launch-count 3 PROGRAM"

    def document(self) -> Document:
        """The contract "nsysgap.whatif/1", with what people want beside it."""
        document: Document = {
            "schema": SCHEMA,
            "report": self.header.document(),
            "loop": self.loop,
            "process": self.process,
            "iterations": self.iterations,
            "recorded_ns": self.recorded_ns,
            "plain_ns": self.plain_ns,
            "changes": list(self.changes),
            "left_out": self.left_out,
            "cure": self.cure,
            "notes": list(self.notes),
            "calibration": {
                "gpu": self.constants.calibration.gpu or None,
                "driver": self.constants.calibration.driver or None,
                "source": self.constants.source,
            },
        }
        if self.together is not None:
            document["together"] = self.together
        if self.scale is not None:
            document["scale"] = self.scale
        return document

    def figures(self) -> tuple[Figure, ...]:
        """What an iteration takes, and per change the best and the worst it would."""
        figures = [Figure("recorded_ns", self.recorded_ns, "ns", "lower", self.loop)]
        for change in self.changes:
            prediction = change["under_nsys"]
            if prediction is not None:
                whose = f"{change['change']} {change['target'] or ''}".strip()
                figures += [Figure(key, prediction[key], "ns", "lower", whose) for key in ("best_ns", "worst_ns")]
        return tuple(figures)

    def frame(self) -> pd.DataFrame:
        """One row per change; times of an iteration in ns, missing where nothing may be said."""
        import pandas as pd

        rows = []
        for change in self.changes:
            row = {key: change[key] for key in ("change", "target", "factor", "refused")}
            row |= {"loop": self.loop, "recorded_ns": self.recorded_ns, "plain_recorded_ns": self.plain_ns}
            for where, prefix in (("under_nsys", ""), ("plain", "plain_")):
                row |= {f"{prefix}{key}": (change[where] or {}).get(key) for key in Prediction.__dataclass_fields__}
            rows.append(row)
        frame = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["change", "target", "recorded_ns"])
        times = [name for name in frame.columns if name.endswith("_ns")]
        return frame.astype(dict.fromkeys(times, "Int64")).assign(report=self.header.path)


def whatif(report: OpenReport, options: WhatifOptions) -> WhatifAnswer:
    """What changes would gain.

    Raises NsysgapError where nothing may be said of the report's loop: its text says why and what is still true.
    """
    return asked_whatif(report, options)[0]


def advise(
    report: OpenReport, options: WhatifOptions = WhatifOptions(), loops: Iterable[ProcessLoop] | None = None
) -> WhatifAnswer:
    """Changes that would gain 2 % or more, found by themselves, best first. Raises NsysgapError as `whatif` does.

    `loops`: the loops to choose from, where they are known already.
    """
    return asked_whatif(report, options, advising=True, loops=loops)[0]


class Asker:
    """A loop, recorded and plain, of which changes are predicted."""

    def __init__(
        self,
        chosen: ProcessLoop,
        plain_each: int | None,
        stacks: Stacks | None,
        constants: Constants = USUAL_CONSTANTS,
    ) -> None:
        self.constants = constants
        self.bodies: Bodies = loop_bodies(chosen.model, chosen.stretch)
        self.model = chosen.model
        self.run: LoopRun = run_loop(self.bodies, chosen.model.schedule)
        self.changes = Changes(self.bodies, stacks=stacks, constants=constants)
        self.each = self.run.length // self.bodies.count
        self.plain_each = plain_each
        self.plain: PlainSchedule | None = None
        if plain_each is not None:
            length = plain_each * self.bodies.count
            self.plain = without_profiler(
                self.bodies, self.run.host_share(self.run.path()), length, constants.calibration
            )
            self.plain_changes = Changes(self.bodies, "plain", stacks, constants)

    def predicted(self, changes: Sequence[Change]) -> Predicted:
        """Under nsys."""
        return predict(self.bodies, changes, self.model.schedule, self.run.length)

    def predicted_plain(self, asked: Sequence[Asked]) -> Prediction | None:
        """Without the profiler, where that is known."""
        if self.plain is None or self.plain_each is None or self.plain.refused:
            return None
        changes = [self.plain_changes.candidate(wanted).change for wanted in asked]
        made = [change for change in changes if change is not None]
        length = self.plain_each * self.bodies.count
        return predict(self.bodies, made, self.plain.schedule, length, plain=True).prediction

    def document(self, candidate: Candidate) -> Document:
        """One change as in the contract."""
        asked = candidate.asked
        document: Document = {
            "change": asked.name,
            "target": asked.target or None,
            "factor": asked.factor or None,
            "per_iteration": True,
            "under_nsys": None,
            "plain": None,
            "evidence": dict(candidate.evidence),
            "blockers": [asdict(blocker) for blocker in self.bodies.blockers] if asked.name in BLOCKED else [],
            "refused": candidate.refused or None,
            "said": candidate.said,
        }
        if candidate.change is not None:
            predicted = self.predicted([candidate.change])
            document["under_nsys"] = asdict(predicted.prediction)
            if predicted.limits is not None:
                document["then_limits"] = predicted.limits
            plain = self.predicted_plain([asked])
            document["plain"] = None if plain is None else asdict(plain)
        return document


BLOCKED = frozenset({"graph", "fused", "batched"})


def asked_whatif(
    report: OpenReport,
    options: WhatifOptions,
    *,
    advising: bool = False,
    loops: Iterable[ProcessLoop] | None = None,
) -> tuple[WhatifAnswer, Asker, list[Candidate]]:
    """(the answer, the loop that it is of, what was asked for), for those who draw it. Raises as `whatif` does."""
    chosen = _loop(chosen_loops(report, options.loop) if loops is None else loops)
    plain = None if options.plain is None else plain_step(options.plain, chosen.stretch, _domain(chosen))
    constants = constants_of(chosen.model.trace, gpus_of(chosen.model), options.calibration)
    asker = Asker(chosen, plain, report.samples, constants)
    rows, parts, limits, kernel = _recorded(report, chosen, asker.run.path())
    asked = worth_asking(asker.bodies, rows, asker.run.length) if advising else list(options.asked)
    candidates = [asker.changes.candidate(wanted) for wanted in asked]
    documents = [asker.document(candidate) for candidate in candidates]
    left_out = 0
    if advising:
        documents, left_out = _ordered(documents, asker.each)
    answer = WhatifAnswer(
        header=report.header(),
        loop=chosen.stretch.label or "",
        process=chosen.pid,
        iterations=asker.bodies.count,
        recorded_ns=asker.each,
        plain_ns=asker.plain_each,
        changes=tuple(documents),
        together=None if advising else _together(asker, candidates),
        left_out=left_out,
        cure=cure_text(parts, limits),
        kernel=kernel,
        notes=_notes(asker),
        scale=_scale(asker, candidates, documents, options),
        constants=constants,
    )
    return answer, asker, candidates


def _domain(chosen: ProcessLoop) -> str:
    """The name of the NVTX domain that the loop's ranges are in, "" of the default one."""
    trace, stretch = chosen.model.trace, chosen.stretch
    return trace.domains.get((int(trace.threads["process"][stretch.thread]), stretch.domain), "")


def _loop(loops: Iterable[ProcessLoop]) -> ProcessLoop:
    """The loop to ask about: that of the process with most ops of those of which something may be said."""
    refused: list[str] = []
    accepted: list[ProcessLoop] = []
    for chosen in loops:
        against = [*refusals(chosen.model, chosen.stretch), *doubts(chosen.model, chosen.stretch)]
        if len(chosen.stretch.starts) < FEWEST_STEPS:
            against.append("The report has no loop of three steps or more.")
        if against:
            refused.append(" ".join(against))
        else:
            accepted.append(chosen)
    if not accepted:
        why = refused[0] if refused else "The report holds no CUDA API calls beside its GPU work."
        raise NsysgapError(f"No gain can be predicted. {why}", STILL_TRUE)
    return max(accepted, key=lambda loop: len(loop.model.ops.call))


def _recorded(
    report: OpenReport, chosen: ProcessLoop, path: Path
) -> tuple[list[PathRow], dict[str, int], list[Limit], str]:
    """(rows and parts of the recorded loop's path, what limits it, the kernel to look at where kernels do)."""
    host = host_time(chosen.model, path, loop_ranges(report.trace.nvtx, chosen.stretch.starts, chosen.stretch.ends))
    rows = sorted(path_rows(chosen.model, path, host), key=lambda row: -row.ns)
    parts = parts_of(chosen.model, path, host)
    limits = limits_of(parts, rows)
    return rows, parts, limits, top_kernel(chosen.model, path) if limits and limits[0].kind == "kernel" else ""


def _ordered(documents: Sequence[Document], each: int) -> tuple[list[Document], int]:
    """(changes that gain 2 % or more, figures and gains first, best first; how many are left out)."""
    predicted = [
        (document, Prediction(**document["under_nsys"])) for document in documents if document["under_nsys"] is not None
    ]
    worth = [pair for pair in predicted if gain(pair[1], each) >= WORTH_TRYING]
    worth.sort(key=lambda pair: rank(pair[1], each))
    for document, _ in worth:
        document["how"] = list(HOW.get(document["change"], ()))
    return [document for document, _ in worth], len(predicted) - len(worth)


def _together(asker: Asker, candidates: Sequence[Candidate]) -> Document | None:
    made = [candidate for candidate in candidates if candidate.change is not None]
    if len(made) < 2:
        return None
    plain = asker.predicted_plain([candidate.asked for candidate in made])
    return {
        "changes": [candidate.asked.name for candidate in made],
        "under_nsys": asdict(
            asker.predicted([candidate.change for candidate in made if candidate.change is not None]).prediction
        ),
        "plain": None if plain is None else asdict(plain),
    }


def _notes(asker: Asker) -> tuple[str, ...]:
    said = [asker.constants.said]
    if asker.plain is not None:
        said.append(asker.plain.refused or f"Plain: {asker.plain.said}.")
    return tuple(said)


def _scale(
    asker: Asker, candidates: Sequence[Candidate], documents: Sequence[Document], options: WhatifOptions
) -> Document | None:
    """Iterations a day, and with the first change of which something is said."""
    if options.per_day is None:
        return None
    mine, count = asker.bodies.ops, asker.bodies.count
    busy = int(asker.model.ops.duration[mine].sum()) // count
    iteration = Iteration(asker.plain_each or asker.each, busy, len(mine) / count)
    first = next((document for document in documents if document["under_nsys"] is not None), None)
    if first is None:
        return per_day(iteration, options.per_day, options.price, None)
    target = first["change"], first["target"] or ""
    (change, *_) = [
        candidate.change
        for candidate in candidates
        if candidate.change and (candidate.asked.name, candidate.asked.target) == target
    ]
    changed = apply([change], asker.model.schedule, "central")
    return per_day(iteration, options.per_day, options.price, (first, int(changed.alive[mine].sum()) / count))
