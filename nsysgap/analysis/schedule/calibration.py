"""What CUDA graphs, queue gaps and copies cost on a GPU: measured by `nsysgap calibrate`, or the usual ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nsysgap.analysis.schedule.constants import (
    FOREIGN_COSTS,
    GRAPH_BEST_CALL,
    GRAPH_BEST_LATENCY,
    GRAPH_CALL,
    GRAPH_LATENCY,
    NODE_GAPS,
    PLAIN_QUEUE_GAP,
)
from nsysgap.errors import NsysgapError

SCHEMA = "nsysgap.calibration/1"


@dataclass(frozen=True)
class Calibration:
    """Costs in ns, by "nsys" (node tracing) or "plain"; `gpu` as the report names it, "" of no certain one.

    `graph_call`, `graph_latency`: (of a graph, more per node), by "graph" too where graphs traced as a whole were
    measured; `node_gaps`: from node to node, of different kernels, of one kernel, to or from a copy; `plain_queue_gap`:
    by how much the gap between ops is shorter without nsys; `pinned_rate`, `pageable_rate`: GB/s of large copies, (to
    the GPU, from it), None where not measured.
    """

    gpu: str
    driver: str
    nsys: str
    graph_call: dict[str, tuple[int, int]]
    graph_latency: dict[str, tuple[int, int]]
    node_gaps: dict[str, tuple[int, int, int]]
    plain_queue_gap: int
    pinned_rate: tuple[float, float] | None = None
    pageable_rate: tuple[float, float] | None = None

    def document(self) -> dict[str, Any]:
        """The JSON of a calibration file."""
        return {"schema": SCHEMA, **asdict(self)}


USUAL = Calibration("", "", "", dict(GRAPH_CALL), dict(GRAPH_LATENCY), dict(NODE_GAPS), PLAIN_QUEUE_GAP)
"""An H200's, from captures of many programs: where nothing was measured."""


@dataclass(frozen=True)
class Constants:
    """The costs that predictions rest on. `foreign`: they are another GPU's than the report's, and its range is wider;
    `source`: "usual", the name of a shipped one or the file; `said`: which they are, a sentence."""

    calibration: Calibration = USUAL
    foreign: bool = False
    source: str = "usual"
    said: str = ""

    def scaled(self, cost: int, case: str) -> int:
        """A cost of another GPU: less at best, more at worst; this GPU's own stays."""
        return round(cost * FOREIGN_COSTS.get(case, 1)) if self.foreign else cost

    def graph_launch(self, nodes: int, tracing: str, case: str) -> tuple[int, int]:
        """(the call, the latency) of a graph launch of so many nodes, ns."""
        call, latency = (
            of_graph[tracing][0] + of_graph[tracing][1] * nodes
            for of_graph in (self.calibration.graph_call, self.calibration.graph_latency)
        )
        if case == "best":
            call, latency = max(call - GRAPH_BEST_CALL, 0), max(latency - GRAPH_BEST_LATENCY, 0)
        return self.scaled(call, case), self.scaled(latency, case)


USUAL_CONSTANTS = Constants()


def from_document(document: Mapping[str, Any]) -> Calibration:
    """A calibration from its JSON. Raises NsysgapError for what is none."""
    hint = "Make one: nsysgap calibrate"
    if document.get("schema") != SCHEMA:
        raise NsysgapError(f"This is no calibration: its schema is not {SCHEMA}.", hint)
    try:
        return Calibration(
            gpu=str(document["gpu"]),
            driver=str(document["driver"]),
            nsys=str(document["nsys"]),
            graph_call={key: _pair(value) for key, value in document["graph_call"].items()},
            graph_latency={key: _pair(value) for key, value in document["graph_latency"].items()},
            node_gaps={key: _triple(value) for key, value in document["node_gaps"].items()},
            plain_queue_gap=int(document["plain_queue_gap"]),
            pinned_rate=_rates(document["pinned_rate"]),
            pageable_rate=_rates(document.get("pageable_rate")),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise NsysgapError(f"The calibration is not whole ({type(error).__name__}: {error}).", hint) from None


def _pair(values: Sequence[Any]) -> tuple[int, int]:
    return int(values[0]), int(values[1])


def _rates(values: Sequence[Any] | None) -> tuple[float, float] | None:
    return None if values is None else (float(values[0]), float(values[1]))


def _triple(values: Sequence[Any]) -> tuple[int, int, int]:
    return int(values[0]), int(values[1]), int(values[2])
