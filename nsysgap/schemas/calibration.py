"""The document of `nsysgap calibrate`: what graphs, queue gaps and copies cost on a machine."""

from __future__ import annotations

from nsysgap.schemas.building import Schema, document, integer, mapping, nullable, number, pair, text


def _costs(meaning: str, numbers: int) -> Schema:
    items = {"type": "array", "items": integer("ns"), "minItems": numbers, "maxItems": numbers}
    return mapping(items, f"{meaning}, ns, by tracing: nsys (node tracing), graph, plain.")


_RATES = pair(number("GB/s"), "To the GPU, from it, GB/s.")
DOCUMENT = document(
    "calibration",
    1,
    "What predictions rest on, as measured on one machine.",
    {
        "gpu": text("The model."),
        "driver": text("Its version."),
        "nsys": text("Its version."),
        "graph_call": _costs("[of a graph launch call, more per node]", 2),
        "graph_latency": _costs("[from that call to the first node, more per node]", 2),
        "node_gaps": _costs("From node to node: [different kernels, one kernel, to or from a copy]", 3),
        "plain_queue_gap": integer("How much shorter the gap between operations is without nsys, ns."),
        "pinned_rate": nullable(_RATES, "not measured."),
        "pageable_rate": nullable(_RATES, "not measured."),
    },
)
