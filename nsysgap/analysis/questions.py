"""What a report cannot answer, why, and which nsys flag records it next time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nsysgap.analysis.call_errors import fatal_errors, launch_errors
from nsysgap.analysis.relations.calls import GRAPH_LAUNCHES, LAUNCHES
from nsysgap.arrays import distinct, is_any
from nsysgap.tables import GRAPH, KERNEL, NO_GRAPH_NODE, NONE, Trace
from nsysgap.units import count, counted, printable

NATIVE_SAMPLES = frozenset({"COMPOSITE_EVENTS", "SAMPLING_CALLCHAINS"})
NATIVE_CALLS = frozenset({"CUDA_CALLCHAINS", "OSRT_CALLCHAINS"})
PYTHON_SAMPLES, PYTHON_CALLS = "Python Periodic Sampling", "Python Backtrace on CUDA"


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


def why_no_kernels(trace: Trace) -> tuple[str, str, tuple[str, ...]] | None:
    """(message, hint, what the report says of itself) where no idle time of kernels can be told; None if it can."""
    if has_kernels(trace):
        return None
    last = tuple(f"the program's last words: {printable(line, 200)}" for line in trace.last_words)
    said = (*last, *(notice.text for notice in trace.warnings if notice.level != "note"))
    what = (
        "holds no kernel rows, only copies and memsets."
        if trace.ops.rows
        else "holds no GPU work: how idle the GPU was cannot be told from it."
    )
    reason, hint = _reason(trace)
    return f"{trace.path} {what}{reason}", hint, said


_LET_IT_END = "let the program end by itself, or bound the capture with cudaProfilerStop or --duration."


def _reason(trace: Trace) -> tuple[str, str]:
    """(what the report itself tells of why it has no kernels, what to do next)."""
    if not trace.api.rows:
        return "", (
            "Capture with nsys profile --trace=cuda,nvtx,osrt, with an nsys as new as the driver (nsys status -e shows "
            "what the machine allows); work started in child processes needs --trace-fork-before-exec=true."
        )
    launches = LAUNCHES.rows(trace)
    failed = int((launches & trace.api["failed"]).sum())
    succeeded = int(launches.sum()) - failed
    fatal = fatal_errors(trace)
    if fatal and (succeeded or not failed):
        what = f"{counted(succeeded, 'launch', 'launches')} succeeded and left no kernel row" if succeeded else ""
        return (
            f" {what or 'No launch was recorded'}: {fatal}.",
            "Mend what its CUDA calls return, then capture it again.",
        )
    if succeeded:
        reason = (
            f" {counted(succeeded, 'launch', 'launches')} succeeded and left no kernel row: nsys "
            "could not trace the GPU (an nsys older than the driver, WSL2), or the program was killed before nsys "
            "could flush."
        )
        return reason, f"Use --trace=cuda,nvtx,osrt and the newest nsys; {_LET_IT_END}"
    if failed:
        which = "the only launch" if failed == 1 else f"all {count(failed)} launches"
        hint = "Run the program under compute-sanitizer, and check what its CUDA calls return."
        codes = launch_errors(trace)
        return f" No kernel ran: {which} returned an error{f' ({codes})' if codes else ''}.", hint
    reason = " The CUDA calls that were recorded launch no kernel."
    return reason, f"Capture the part that launches kernels with --trace=cuda,nvtx,osrt; {_LET_IT_END}"


def limits(trace: Trace) -> list[Limit]:
    """What is missing from this report, most important first."""
    missing = []
    ops, present = trace.ops, trace.tables_present
    if not has_kernels(trace):
        missing.append(Limit("kernel rows", "no idle time, no launch latency", "nsys profile --trace=cuda"))
    if not trace.api.rows:
        missing.append(Limit("CUDA API calls", "causes of idle time are unknown", "nsys profile --trace=cuda"))
    if (ops["kind"] == GRAPH).any():
        missing.append(Limit("graph nodes (traced as a whole)", "no kernels inside graphs", "--cuda-graph-trace=node"))
    if not trace.osrt.rows:
        missing.append(Limit("OS runtime calls", "'os' time counts as 'host'", "nsys profile --trace=cuda,nvtx,osrt"))
    if not trace.nvtx.rows:
        missing.append(Limit("NVTX ranges", "no phases, no --nvtx", f"--trace=nvtx, and ranges ({marking(trace)})"))
    if _launches_graphs(trace) and not (ops["graph_node"] != NO_GRAPH_NODE).any() and not (ops["kind"] == GRAPH).any():
        missing.append(Limit("graph node IDs", "graph launches cannot be told apart", "--cuda-graph-trace=node"))
    if not has_samples(trace):
        what = "stack samples" if _call_stacks(trace) else "call stacks"
        remedy = "--python-sampling=true or --sample=process-tree"
        missing.append(Limit(what, "no line of code for 'host' time", remedy))
    if "GPU_METRICS" not in present:
        missing.append(Limit("GPU metrics", "no hardware check of busy and idle", "--gpu-metrics-devices=all"))
    return missing


def uses_graphs(trace: Trace) -> bool:
    """Whether the program launched CUDA graphs, as far as calls or ops tell."""
    ops = trace.ops
    return _launches_graphs(trace) or bool(((ops["graph_node"] != NO_GRAPH_NODE) | (ops["kind"] == GRAPH)).any())


def _launches_graphs(trace: Trace) -> bool:
    return bool(GRAPH_LAUNCHES.names(trace))


def marking(trace: Trace) -> str:
    """How the program can mark its phases with NVTX ranges, in its language as far as processes' names tell it."""
    working = distinct(trace.ops["process"] if trace.ops.rows else np.arange(trace.processes.rows))
    names = [trace.name(int(trace.processes["name"][row])).lower() for row in working.tolist() if row != NONE]
    python = bool(trace.python_stacks) or any(name.startswith(("python", "pt_", "ray::")) for name in names)
    if python:
        return "nvtx.annotate, torch.cuda.nvtx.range_push"
    return "nvtxRangePush" if any(names) else "nvtxRangePush; in Python nvtx.annotate"


def questions(trace: Trace, *, launchers_sampled: bool = True) -> list[Question]:
    """The questions of `nsysgap gaps`, each with whether this report can answer it.

    `launchers_sampled`: whether stack samples are of threads that launched work, where there are samples at all.
    """
    kernels = ("kernel rows", has_kernels(trace))
    calls = ("CUDA API rows", bool(trace.api.rows))
    ops = ("GPU rows", bool(trace.ops.rows))
    syncs = ("synchronization records", bool(trace.sync_records.rows))
    osrt = ("OS runtime rows", bool(trace.osrt.rows))
    nvtx = ("NVTX ranges", bool(trace.nvtx.rows))
    nodes = ("graph node IDs", bool((trace.ops["graph_node"] != NO_GRAPH_NODE).any()))
    of_graphs = [_question("What happens inside a CUDA graph?", nodes)] if uses_graphs(trace) else []
    return [
        _question("How long was each GPU idle?", kernels),
        _question("Why: launch, sync, CUDA call, host?", kernels, calls),
        _question("Was the host in an OS call?", kernels, osrt),
        _question("What does a launch cost?", kernels, calls),
        _question("How long do syncs return after the GPU?", ops, calls, syncs),
        *of_graphs,
        _question("In which phase of the program?", kernels, nvtx),
        _question("Which line of the program?", kernels, calls, *_lines(trace, launchers_sampled=launchers_sampled)),
    ]


def _question(text: str, *needs: tuple[str, bool]) -> Question:
    """A question that rests on all of these (what, whether it is there)."""
    missing = [what for what, there in needs if not there]
    why = f"needs {' and '.join(missing)}" if missing else ", ".join(what for what, _ in needs)
    return Question(text, not missing, why)


def _lines(trace: Trace, *, launchers_sampled: bool) -> list[tuple[str, bool]]:
    """What tells lines of code: samples at any time, Python's stacks of calls only inside those.

    Native code has functions and modules, no lines: its samples say where, stacks of its calls only who called.
    """
    if has_samples(trace) and not launchers_sampled:
        return [("stack samples of a thread that launched work", False)]
    if PYTHON_SAMPLES in trace.python_stacks:
        return [("stack samples", True)]
    if trace.tables_present >= NATIVE_SAMPLES:
        return [("stack samples (functions without lines)", True)]
    if PYTHON_CALLS in trace.python_stacks:
        return [("call stacks (only inside calls)", True)]
    if trace.tables_present & NATIVE_CALLS:
        return [("stack samples: the call stacks here name the functions that made calls, no lines", False)]
    return [("call stacks", False)]


def has_samples(trace: Trace) -> bool:
    """Whether the report has tables of stack samples."""
    return trace.tables_present >= NATIVE_SAMPLES or PYTHON_SAMPLES in trace.python_stacks


def _call_stacks(trace: Trace) -> bool:
    return bool(trace.tables_present & NATIVE_CALLS) or PYTHON_CALLS in trace.python_stacks
