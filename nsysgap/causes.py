"""The ten causes of idle time as data: what they are called, what they mean, what helps, and how they are drawn.

docs/definitions.md says which nanoseconds each one has. The order is that of its table: a gap's cause is its largest
part, of equals the first in this order. Terminal, pages, documents and docs/causes.md take all they show from here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """Advice that fits better where the call that ended the longest gap, or its op, has `name` in its name.

    Of several cases the first that fits counts.
    """

    name: str
    advice: str


@dataclass(frozen=True)
class Cause:
    """One part that a gap is cut into.

    `key` stands in documents and commands, `label` beside it wherever people read, at most 40 characters; `meaning` is
    a clause, `advice` one or more sentences with code between backticks; `pages` of the docs say more. `color` is
    #rrggbb, `hatch` one of Plotly's patterns, so that causes differ without colour too. `counted` is the advice where
    the hardware counted what the GPU did in that time.
    """

    key: str
    label: str
    meaning: str
    advice: str
    color: str
    hatch: str = ""
    cases: tuple[Case, ...] = ()
    counted: str = ""
    pages: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """Key and label for running text: "host (in the program's own code)"."""
        return f"{self.key} ({self.label})"


# Migrations of unified memory's pages are copies that no call launches.
PAGES_TO_HOST = Case(
    "Unified Device-to-Host",
    "Pages move to the host when it touches them: `cudaMemPrefetchAsync` to `cudaCpuDeviceId` moves them before.",
)
PAGES_TO_DEVICE = Case(
    "Unified", "`cudaMemPrefetchAsync` before the kernel and `cudaMemAdvise` keep pages from moving on demand."
)
CAUSES = (
    Cause(
        "in_graph",
        "from node to node of a CUDA graph",
        "the GPU's own step from one node of a CUDA graph to the next",
        "Usually well below 1 us a node. Fewer, larger nodes help: fuse kernels, or let independent branches overlap.",
        "#19a7c4",
        pages=("graphs.md",),
    ),
    Cause(
        "queued",
        "launched, not yet started",
        "the launch had returned, the GPU had not started the op yet",
        "Some microseconds are the hardware's own: launch further ahead, so that they overlap with running work, or "
        "use graphs, which shorten the way from launch to launch. Where the launching thread is in later launch calls "
        'meanwhile, the launch rate limits ("4.1 us a call for 0.8 us of work"): launch less often, not earlier. More '
        "means that the op waited for another stream, an event or a full queue.",
        "#e3a008",
        "|",
    ),
    Cause(
        "launch",
        "in the call that launched the next op",
        "the GPU waited while the host was inside the call that launched its next op",
        "Launch less often: fuse kernels, batch small requests, or replay the launches as a CUDA graph; in PyTorch "
        '`torch.compile(mode="reduce-overhead")`. nsys itself makes this part larger: compare with the plain run of '
        "`nsysgap profile`.",
        "#e8710a",
        "/",
        cases=(
            Case(
                "GraphLaunch",
                "Each graph launch costs this much: put more work into one graph, or launch the next before the last "
                "has ended.",
            ),
        ),
        pages=("launching.md", "graphs.md", "batching.md"),
    ),
    Cause(
        "profiler",
        "nsys's own work on that thread",
        "nsys's own work on the launching thread",
        "Not your program's: it goes away without nsys. Compare with a plain run, trace less (`--trace=cuda,nvtx`).",
        "#a88f6a",
        "+",
    ),
    Cause(
        "sync",
        "in a sync call, after the GPU finished",
        "a synchronising call had not returned although the GPU was done",
        "Synchronise less often: once a step, not once a kernel. Queue the next work before waiting, or wait for an "
        "event of other work. Spinning instead of blocking (`cudaSetDeviceFlags(cudaDeviceScheduleSpin)`) shortens "
        "each return.",
        "#d93a4e",
        "x",
    ),
    Cause(
        "untraced",
        "in a sync call, GPU perhaps busy unseen",
        "a long stretch of a sync call in which no recorded op ran",
        "Often no idle time at all: kernels launched by kernels are in no table. Before calling it idle let the "
        "hardware decide: `nsysgap profile --gpu-metrics`.",
        "#8b93a1",
        "\\",
        counted="A trace does not show kernels started by kernels: the hardware counter, above, tells whether the GPU "
        "worked then.",
    ),
    Cause(
        "cuda_api",
        "in another CUDA call",
        "the launching thread was in a CUDA call that is neither the launch nor a synchronising one",
        "See which calls it is (`--by api`). Allocate once, not in the loop (`cudaMallocAsync`, PyTorch's caching "
        "allocator); load modules and create streams, events and handles before it.",
        "#0f8f7e",
        "-",
    ),
    Cause(
        "os",
        "in an OS call: file, lock, sleep, ...",
        "the launching thread was in an OS call: a file, a lock, a sleep, a pipe",
        "Read data ahead in other threads or processes (`DataLoader(num_workers=...)`), pin memory, take locks out of "
        "the loop.",
        "#6d5bd0",
        ".",
    ),
    Cause(
        "host",
        "in the program's own code",
        "the program's own code ran before it launched the next op",
        "Launch ahead of the GPU instead of waiting each step, move work to another thread, or use CUDA graphs. "
        "`nsysgap stacks` finds the line; in PyTorch take `.item()`, `.cpu()` and `print` of tensors out of the loop.",
        "#a142c9",
        "\\",
        pages=("stacks.md",),
    ),
    Cause(
        "unknown",
        "no launch call known",
        "the op that ended the gap has no launch call",
        "The capture lost the call or began after it: capture with `--trace=cuda`, so that API calls are recorded.",
        "#9aa3ad",
        cases=(PAGES_TO_HOST, PAGES_TO_DEVICE),
    ),
)
# Modules are loaded inside calls of several causes; what helps against those does not help against this.
LOADING = Case(
    "loading modules",
    "load before what matters: warm up with every kernel, or load all at the start (`CUDA_MODULE_LOADING=EAGER`); "
    "fewer launches would not help.",
)
PARTS = tuple(cause.key for cause in CAUSES)
IN_GRAPH, QUEUED, LAUNCH, PROFILER, SYNC, UNTRACED, CUDA_API, OS, HOST, UNKNOWN = range(len(CAUSES))
ON_A_THREAD = tuple(PARTS[part] for part in (HOST, OS, CUDA_API, LAUNCH, SYNC))
"""The causes that lie in what a thread did, the largest in most programs first: its call stacks can explain them."""
LABELS = {cause.key: cause.label for cause in CAUSES}
GROUPINGS = ("cause", "kernel", "api", "nvtx", "thread", "process", "line", "held")
"""By what idle time can be grouped."""
