"""The document of `nsysgap graphs`: every CUDA graph."""

from __future__ import annotations

from nsysgap.schemas.building import (
    DEVICE,
    PROCESS,
    REPORT,
    WHICH,
    array,
    document,
    integer,
    mapping,
    maybe_stats,
    nullable,
    one_of,
    pair,
    record,
    stats,
    text,
)

_DIM = nullable(array(integer("x, y, z"), "Three numbers."), "not recorded.")
_NODE = record(
    "A node, over all replays.",
    {
        "node": integer("Its ID."),
        "body": nullable(integer("The body of a conditional node that it is in."), "in none."),
        "kind": text("kernel, memcpy, memset or other."),
        "name": text("What it runs."),
        "grid": _DIM,
        "block": _DIM,
        "shared_bytes": nullable(integer("Shared memory."), "not recorded."),
        "stream": nullable(integer("The stream it ran in."), "not recorded."),
        "count": integer("Runs."),
        "mean_ns": integer("Of a run."),
        "spread_ns": integer("Standard deviation."),
        "min_ns": integer("The shortest."),
        "max_ns": integer("The longest."),
        "gap_before_ns": integer("Mean time before it in which no node ran."),
        "starts_at_ns": integer("Mean time from the replay's start."),
    },
)
_REPLAYS = record(
    "Its replays.",
    {
        "count": integer("Replays."),
        "iterations": maybe_stats("How often its own nodes ran, per replay, where that is more than once."),
        "call_ns": maybe_stats("Of the launch call."),
        "latency_ns": maybe_stats("From the call's start to the first node's."),
        "span_ns": stats("From the first node's start to the last one's end."),
        "busy_ns": stats("In which a node ran."),
        "between_nodes_ns": stats("In which neither a node of its own ran nor a body was under way."),
        "whole_ns": maybe_stats("From the call's start to the last node's end."),
        "replay_ns": maybe_stats("From the call's start, or the previous replay's end, to its end."),
        "updates_before_ns": maybe_stats("In calls that changed it before a replay."),
    },
)
_SINGLY = record(
    "The same kernels launched one by one in the same report.",
    {
        "runs": integer("Runs of the sequence."),
        "launches": integer("Launches of one."),
        "time_ns": stats("Of one."),
        "calls_ns": stats("In its launch calls."),
        "saved_ns": nullable(integer("What a replay takes less."), "no replay's launch is known."),
    },
)
_BODY = record(
    "The body of a conditional node: part of the launch that it ran in.",
    {
        "body": integer("Its number."),
        "graph_ids": array(integer("An ID."), "Its graph's IDs."),
        "node_count": integer("Nodes."),
        "replays": integer("Replays it ran in."),
        "iterations": stats("Per replay."),
        "span_ns": stats("From its first node's start to its last one's end, of a replay."),
        "busy_ns": stats("In which a node ran."),
        "between_nodes_ns": stats("In which none ran."),
    },
)
_UNRECORDED = record(
    "Replays of which not all was recorded, on a GPU.",
    {
        "device": DEVICE,
        "which": WHICH,
        "unrecorded_ns": integer("Time in which such replays may have gone on: the next launch was waiting."),
        "gaps": integer("In how many gaps."),
        "idle_range_ns": pair(integer("ns"), "What idle time can be, at least and at most."),
        "window_ns": integer("Of how long."),
    },
    sometimes=("which",),
)
_GRAPH = record(
    "A graph: everything instantiated from the same nodes.",
    {
        "graph": integer("Its number in this list."),
        "process": nullable(PROCESS, "it is not known."),
        "built": one_of(("captured", "explicit", "cloned", "unknown"), "How."),
        "graphs": integer("Graphs."),
        "graph_ids": array(integer("An ID."), "Their IDs."),
        "clones": integer("Of them clones."),
        "executables": integer("Executable graphs."),
        "node_count": integer("Nodes."),
        "nodes_by_kind": mapping(integer("Nodes."), "How many of each kind."),
        "bodies": array(_BODY, "Bodies of conditional nodes."),
        "built_at_ns": nullable(integer("When."), "not recorded."),
        "build_ns": maybe_stats("What building took."),
        "instantiation_ns": maybe_stats("What instantiating took."),
        "replays": nullable(_REPLAYS, "none."),
        "launched_singly": nullable(_SINGLY, "the report has no such sequence."),
        "nodes": array(_NODE, "In the order they run."),
    },
)
_WHOLE = record(
    "Launches traced as a whole.",
    {
        "process": nullable(PROCESS, "it is not known."),
        "name": text("The graph."),
        "count": integer("Launches."),
        "call_ns": maybe_stats("Of the call."),
        "latency_ns": maybe_stats("From the call's start to the graph's."),
        "span_ns": stats("Of the graph."),
        "whole_ns": maybe_stats("From the call's start to the graph's end."),
    },
)
DOCUMENT = document(
    "graphs",
    1,
    "Every CUDA graph: how built and replayed, what it saves.",
    {
        "report": REPORT,
        "graphs": array(_GRAPH, "Graphs whose nodes were recorded."),
        "launched_by_gpu": record(
            "What no call of the host launched.", {"graphs": integer("Graphs."), "nodes": integer("Their nodes.")}
        ),
        "unrecorded": array(_UNRECORDED, "Replays not recorded in full."),
        "events": mapping(integer("Events."), "What was recorded of graphs being made."),
        "whole_graph_launches": array(_WHOLE, "Graphs traced as a whole."),
        "captures": record(
            "Stream captures.",
            {
                "captured_launches": integer("Launch calls that ran nothing: they were captured."),
                "duration_ns": maybe_stats("Of a capture."),
            },
        ),
        "instantiation_ns": maybe_stats("Of an instantiation."),
        "updates": array(
            record("A call that changes a graph.", {"call": text("Its name."), "duration_ns": stats("Of a call.")}),
            "By call.",
        ),
    },
)
