"""What one capture contributes to a comparison: figures per iteration and time by kernel, never raw rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nsysgap.causes import PARTS

ITERATION, WINDOW = "iteration", "window"
STEP, BUSY, IDLE = "step_ns", "busy_ns", "idle_ns"
SYNC_TAIL, EXPOSED_WAIT = "sync_tail_ns", "exposed_wait_ns"
PART_FIGURES = tuple(f"idle_{part}_ns" for part in PARTS)
COUNTS = ("launches", "ops", "api_calls")
ALWAYS = (STEP, BUSY, IDLE, *PART_FIGURES, *COUNTS, SYNC_TAIL)
FIGURES = (*ALWAYS, EXPOSED_WAIT)
"""Every figure of a comparison, in its order; the exposed wait only where ranks wait for one another."""

OpKey = tuple[str, str]
"""(kind, name) of ops: what they are matched by."""
Value = int | None


@dataclass(frozen=True)
class OpTime:
    """Ops of one kind and name: ns and number, over all iterations of a capture."""

    ns: int
    count: int


@dataclass(frozen=True)
class Drawn:
    """The capture's typical step as a picture: times in ns from its start.

    `ops`: (start, duration, kind, name), `idle`: (start, duration, index into PARTS); `left_out`: shorter ops that are
    not drawn.
    """

    length: int
    ops: tuple[tuple[int, int, str, str], ...]
    idle: tuple[tuple[int, int, int], ...]
    left_out: int = 0


@dataclass(frozen=True)
class Capture:
    """One capture of a side: picklable, a few kB.

    `loop` is the label of its loop, None for a window; `figures` are the medians over its iterations (None: the report
    does not tell), `steps` what each of them took, ns; `ops` the time by kind and name, over all iterations. `gpus`:
    names of the GPUs that worked, `gpu_count` how many of them the figures are sums over; `graph_trace`: "node" or
    "graph", None where no graph ran; `longest_gap`: ns, inside the loop. `chosen`: the window was asked for;
    `untold`: causes of which the report did not record what tells them. `role`: of ranks of a job, "" for a report;
    `ranks`: which of them it is, such as "rank 17" or "63 other ranks".
    """

    path: str
    loop: str | None
    iterations: int
    figures: Mapping[str, Value]
    steps: tuple[int, ...]
    ops: Mapping[OpKey, OpTime]
    gpus: tuple[str, ...]
    gpu_count: int
    graph_trace: str | None
    longest_gap: int | None
    incomplete: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    chosen: bool = False
    untold: tuple[str, ...] = ()
    drawn: Drawn | None = field(default=None, compare=False)
    role: str = ""
    ranks: str = ""

    @property
    def unit(self) -> str:
        """What the figures are per: "iteration" or "window"."""
        return WINDOW if self.loop is None else ITERATION

    @property
    def has_gpu_work(self) -> bool:
        """Whether anything ran on a GPU in what is compared."""
        return self.figures[BUSY] is not None


Side = Sequence[Capture]
"""The captures of one program in one state: what stands before, or after. At least one."""


def median_of(values: Sequence[Value]) -> Value:
    """sorted[(n - 1) // 2] of the values that are known; None where one is not."""
    known = sorted(value for value in values if value is not None)
    return known[(len(known) - 1) // 2] if known and len(known) == len(values) else None


def side_value(side: Side, figure: str) -> Value:
    """A figure of a side: the median over its captures, None where one does not tell."""
    return median_of(values_of(side, figure))


def values_of(side: Side, figure: str) -> list[Value]:
    """A figure of every capture of a side."""
    return [capture.figures.get(figure) for capture in side]
