"""What a report cannot answer, why, and which nsys flag records it next time."""

from __future__ import annotations

from dataclasses import dataclass

from nsysgap.arrays import is_any
from nsysgap.tables import GRAPH, KERNEL, NO_GRAPH_NODE, Trace

CALL_STACKS = frozenset({"CUDA_CALLCHAINS", "OSRT_CALLCHAINS", "SAMPLING_CALLCHAINS", "NVTX_PAYLOAD_SCHEMAS"})


@dataclass(frozen=True)
class Limit:
    """Something the report does not hold: what, the consequence, and how to record it."""

    missing: str
    consequence: str
    remedy: str


@dataclass(frozen=True)
class Question:
    """A question people bring, and whether this report can answer it; `why` says what it rests on or lacks."""

    text: str
    answered: bool
    why: str


def has_kernels(trace: Trace) -> bool:
    """Whether the report recorded any kernel, alone or inside a graph traced as a whole."""
    return bool(is_any(trace.ops["kind"], (KERNEL, GRAPH)).any())


def why_no_kernels(trace: Trace) -> tuple[str, str] | None:
    """(message, hint) for a report from which no idle time of kernels can be told; None if it can."""
    if has_kernels(trace):
        return None
    said = [one.text for one in trace.warnings if one.level != "note"]
    because = f" {' '.join(said)}" if said else ""
    if trace.ops.rows:
        return f"{trace.path} holds no kernel rows, only copies and memsets.{because}", _CAPTURE_CUDA
    return f"{trace.path} holds no GPU work: how idle the GPU was cannot be told from it.{because}", _capture_hint(
        trace
    )


_CAPTURE_CUDA = (
    "Capture with --trace=cuda,nvtx,osrt, and let the program end by itself so that nsys can flush its buffers."
)


def _capture_hint(trace: Trace) -> str:
    if trace.api.rows:
        return (
            "CUDA calls were recorded but no GPU work: the program was killed or crashed before nsys could flush, or "
            "launched nothing. Let it end by itself, or bound the capture with cudaProfilerStop or --duration."
        )
    return (
        "Capture with nsys profile --trace=cuda,nvtx,osrt, with an nsys as new as the driver (nsys status -e shows "
        "what the machine allows); work started in child processes needs --trace-fork-before-exec=true."
    )


def limits(trace: Trace) -> list[Limit]:
    """What is missing from this report, most important first."""
    found = []
    ops, present = trace.ops, trace.tables_present
    if not has_kernels(trace):
        found.append(Limit("kernel rows", "no idle time, no launch latency", "nsys profile --trace=cuda"))
    if not trace.api.rows:
        found.append(Limit("CUDA API calls", "causes of idle time are unknown", "nsys profile --trace=cuda"))
    if (ops["kind"] == GRAPH).any():
        found.append(Limit("graph nodes (traced as a whole)", "no kernels inside graphs", "--cuda-graph-trace=node"))
    if not trace.osrt.rows:
        found.append(Limit("OS runtime calls", "'os' time counts as 'host'", "nsys profile --trace=cuda,nvtx,osrt"))
    if not trace.nvtx.rows:
        found.append(Limit("NVTX ranges", "no phases, no --nvtx", "--trace=nvtx, and ranges in the program"))
    if _launches_graphs(trace) and not (ops["graph_node"] != NO_GRAPH_NODE).any() and not (ops["kind"] == GRAPH).any():
        found.append(Limit("graph node IDs", "graph launches cannot be told apart", "--cuda-graph-trace=node"))
    if not present & CALL_STACKS:
        remedy = "--python-sampling=true, --sample=process-tree or --cudabacktrace=all"
        found.append(Limit("call stacks", "no line of code for 'host' time", remedy))
    if "GPU_METRICS" not in present:
        found.append(Limit("GPU metrics", "no hardware check of busy and idle", "--gpu-metrics-devices=all"))
    return found


def _launches_graphs(trace: Trace) -> bool:
    graph_calls = trace.names.find(("cudaGraphLaunch", "cuGraphLaunch"))
    return bool(is_any(trace.api["name"], graph_calls).any())


def questions(trace: Trace) -> list[Question]:
    """The questions of `nsysgap gaps`, each with whether this report can answer it."""
    kernels, calls = has_kernels(trace), bool(trace.api.rows)
    nodes = bool((trace.ops["graph_node"] != NO_GRAPH_NODE).any())
    ready = "kernel and API rows" if kernels and calls else "needs kernel and API rows"
    syncs = bool(trace.sync_records.rows)
    return [
        Question("How long was each GPU idle?", kernels, "kernel rows" if kernels else "needs kernel rows"),
        Question("Why: launch, sync, CUDA call, host?", kernels and calls, ready),
        Question("Was the host in an OS call?", kernels and bool(trace.osrt.rows), "OS runtime rows"),
        Question("What does a launch cost?", kernels and calls, ready),
        Question("How long do syncs return after the GPU?", calls and syncs, "synchronization records"),
        Question("What happens inside a CUDA graph?", nodes, "graph node IDs"),
        Question("In which phase of the program?", kernels and bool(trace.nvtx.rows), "NVTX ranges"),
        Question("Which line of the program?", bool(trace.tables_present & CALL_STACKS), "call stacks or samples"),
    ]
