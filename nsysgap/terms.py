"""What the words on the screen mean: the one place of their definitions, for `--explain` and docs/terms.md.

docs/definitions.md and docs/steps.md say the same to the nanosecond; causes.py has the ten causes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nsysgap.causes import CAUSES


@dataclass(frozen=True)
class Term:
    """A word and what it means, a clause. `seen`: what on a screen is this word, where it is not the word alone."""

    word: str
    meaning: str
    seen: str = ""
    pattern: re.Pattern[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(rf"(?<![\w-])(?:{self.seen or re.escape(self.word)})(?![\w-])"))


TERMS = (
    Term("busy", "time in which at least one kernel, copy or memset ran on the GPU"),
    Term("idle", "time in which none ran; busy and idle make up the window, to the nanosecond"),
    Term("window", "from a GPU's first op to its last, or the part of it that was selected"),
    Term("op", "a kernel, copy, memset, or a CUDA graph that was traced as a whole", "ops?"),
    Term("gap", "a stretch in which nothing ran on the GPU; its cause is its largest part", "gaps?"),
    Term(
        "loop", "NVTX ranges of one name but for numbers, or launches, that come again: at least three times", "loops?"
    ),
    Term(
        "a step",
        "one iteration of the loop; it takes the longer of the host's and the GPU's median, parts of it are means",
        "a step|steps",
    ),
    Term("set-up", "from the GPU's first op to the first window of the loop"),
    Term("warm-up", "iterations at the loop's beginning that took longer than twice the median; they are counted"),
    Term(
        "limited by",
        "the critical path: what the loop waited for at each moment, every nanosecond once; shortening anything else "
        "gains nothing",
        "limited by|critical path",
    ),
    Term("would gain", "what a change would take off a step, predicted by replaying the report with the change"),
    Term("host code", "on the critical path: the program's own code between CUDA calls"),
    Term("launch calls", "on the critical path: inside the calls that launch kernels, copies and graphs"),
    Term("launch latency", "from the start of a launch call to the start of its op on the GPU"),
    Term("between ops", "on the critical path: from the end of one op to the start of the next one of its stream"),
    Term("unqueued", "of ops whose stream was free when they were launched: only these show what a launch costs"),
    Term("queue", "from the return of a launch call to the start of its op: long where launches run ahead"),
    Term("tail", "how long after the GPU had finished a synchronising call returned"),
    Term("waited", "sync calls that had work to wait for"),
    Term("found nothing", "sync calls that covered no unfinished work"),
    Term("median", "of sorted values the middle one, of two the lower one"),
    Term("p90", "nine of ten values are no larger"),
    Term("p99", "99 of 100 values are no larger"),
    Term("in collectives", "inside NCCL's kernels: busy, though a rank that waits for another does nothing there"),
    Term("traced call", "a CUDA call that nsys recorded, slowed down a little by that", "traced calls?"),
)
CAUSE_TERMS = tuple(Term(cause.key, f"{cause.meaning} ({cause.label})") for cause in CAUSES)
ALL = (*TERMS, *CAUSE_TERMS)


def terms_in(text: str) -> tuple[Term, ...]:
    """The terms that a text uses, in their own order."""
    return tuple(term for term in ALL if term.pattern.search(text))
