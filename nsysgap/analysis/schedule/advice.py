"""Which changes are worth predicting for a loop, found from its critical path, and in which order they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nsysgap.analysis.schedule.bodies import SYNC_ROLES, Bodies
from nsysgap.analysis.schedule.changes import Asked
from nsysgap.analysis.schedule.path_rows import OWN_CODE, PathRow
from nsysgap.analysis.schedule.predict import RANGE, Prediction

WORTH_TRYING = 0.02
MOST_OF_A_KIND = 2
KEEP_EVERY = 10
TWICE = 2


def worth_asking(bodies: Bodies, rows: Sequence[PathRow], length: int) -> list[Asked]:
    """Changes that take out a part of the path of 2 % or more: no other can gain so much.

    Faster kernels are none of them: that they could be is nothing that a report of nsys tells.
    """
    large = [row for row in rows if row.ns >= WORTH_TRYING * length]
    asked = []
    if bodies.segments:
        asked.append(Asked("graph"))
    if any(role in SYNC_ROLES for role in bodies.model.calls.role[bodies.calls].tolist()):
        asked.append(Asked("fewer-syncs", factor=KEEP_EVERY))
    copies = {row.detail for row in large if row.part in ("gpu", "launch_latency", "sync_tail") and row.detail}
    if "pageable" in copies:
        asked.append(Asked("pinned"))
    if copies - {"pageable", "device"}:
        asked.append(Asked("overlapped"))
    for name in _largest_ranges(rows, length):
        asked += [Asked("elsewhere", name), Asked("faster", name, TWICE)]
    if any(row.part == "os_wait" for row in large):
        asked.append(Asked("os-waits"))
    return asked


def _largest_ranges(rows: Sequence[PathRow], length: int) -> list[str]:
    """The ranges with most of the path's host code, where that is 2 % of the path or more."""
    sums: dict[str, int] = {}
    for row in rows:
        if row.part == "host" and row.name != OWN_CODE:
            sums[row.name] = sums.get(row.name, 0) + row.ns
    ordered = sorted(sums, key=lambda name: (-sums[name], name))
    return [name for name in ordered[:MOST_OF_A_KIND] if sums[name] >= WORTH_TRYING * length]


def gain(prediction: Prediction, recorded: int) -> float:
    """What a change gains of an iteration, 0 to 1: the central gain of figures, the best of ranges."""
    if prediction.kind == RANGE or prediction.central_ns is None:
        return 1 - prediction.best_ns / max(recorded, 1)
    return 1 - prediction.central_ns / max(recorded, 1)


def rank(prediction: Prediction, recorded: int) -> tuple[bool, float]:
    """Figures and gains first, by central gain; then ranges, by best gain."""
    return prediction.kind == RANGE, -gain(prediction, recorded)


HOW: Mapping[str, tuple[str, str, str]] = {
    "graph": (
        "CUDA: cudaStreamBeginCapture around a step's launches, cudaGraphInstantiate once, cudaGraphLaunch each step.",
        "PyTorch: torch.compile(mode='reduce-overhead'), or torch.cuda.graph() with static inputs.",
        "CuPy: stream.begin_capture(), graph = stream.end_capture(), graph.launch() on a stream.",
    ),
    "fewer-syncs": (
        "CUDA: read results with cudaMemcpyAsync into pinned memory, and wait for an event some steps later.",
        "PyTorch: keep losses on the GPU; .item() and .cpu() only every some steps.",
        "CuPy: .get() and float() of an array only every some steps.",
    ),
    "pinned": (
        "CUDA: cudaHostAlloc for the buffer, cudaMemcpyAsync on a stream.",
        "PyTorch: DataLoader(pin_memory=True), then .to('cuda', non_blocking=True).",
        "CuPy: cupyx.empty_pinned(), then array.set(buffer, stream=stream).",
    ),
    "overlapped": (
        "CUDA: copies on a stream of their own, two buffers, cudaStreamWaitEvent where a step needs its data.",
        "PyTorch: prefetch the next batch on torch.cuda.Stream(), wait_stream() before it is used.",
        "CuPy: with cupy.cuda.Stream(non_blocking=True): copy; event.record(), stream.wait_event().",
    ),
    "elsewhere": (
        "CUDA: a thread of its own that hands results over by a queue, one step ahead.",
        "PyTorch: DataLoader(num_workers=4, prefetch_factor=2), or a thread with a queue.",
        "CuPy: concurrent.futures with a process pool where Python code holds the GIL, one step ahead.",
    ),
    "faster": (
        "CUDA: nsysgap stacks says which lines take the time.",
        "PyTorch: torch.compile for what is many small ops.",
        "CuPy: cupy.fuse or a RawKernel for chains of elementwise kernels.",
    ),
    "os-waits": (
        "CUDA: look at the thread that is waited for: nsysgap timeline REPORT.",
        "PyTorch: more DataLoader workers, a longer queue; no lock held while the GPU is waited for.",
        "CuPy: the same; the GIL is such a lock.",
    ),
}
