"""The one vocabulary of CUDA API calls: what a call does, by its name alone.

Names are those of `Trace.api`: runtime (cuda...) and driver (cu...) calls alike, without _v2 and _ptsz. A kind's
pattern matches whole names, so that what is not listed is in no kind by accident.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import is_any
from nsysgap.tables import Trace


@dataclass(frozen=True)
class CallKind:
    """Calls that do one thing."""

    pattern: str

    def __contains__(self, name: str) -> bool:
        return self._compiled.fullmatch(name) is not None

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        """Compiled when first asked: there are many kinds, of which a command looks at few."""
        return re.compile(self.pattern)

    def __or__(self, other: CallKind) -> CallKind:
        return CallKind(f"(?:{self.pattern})|(?:{other.pattern})")

    def names(self, trace: Trace) -> list[int]:
        """The indices of the names of this kind that api has: each name is looked at once, not each row."""
        return [index for index in trace.api.distinct("name").tolist() if trace.name(index) in self]

    def rows(self, trace: Trace) -> NDArray[np.bool_]:
        """Which rows of api are of this kind: shape (api,)."""
        return is_any(trace.api["name"], self.names(trace))


def _calls(names: str) -> CallKind:
    """The kind of runtime calls cuda<names> and driver calls cu<names>."""
    return CallKind(f"cu(?:da)?(?:{names})")


# Launching. cudaLaunchHostFunc puts a function of the host into a stream: no op comes of it.
KERNEL_LAUNCHES = _calls(r"Launch(?!HostFunc)(?!.*Attribute)\w*")
GRAPH_LAUNCHES = _calls("GraphLaunch")
LAUNCHES = KERNEL_LAUNCHES | GRAPH_LAUNCHES
HOST_FUNCTIONS = _calls(r"LaunchHostFunc|StreamAddCallback")
COPIES = _calls(r"Memcpy(?!.*Attribute)\w*")
SETS = _calls(r"Memset(?!.*Attribute)\w*")
PREFETCHES = _calls(r"MemPrefetch(?:Batch)?Async")

# Synchronising: exactly the calls that docs/definitions.md names, by what they wait for.
SYNC_CALLS = {
    "cudaStreamSynchronize": "stream",
    "cuStreamSynchronize": "stream",
    "cudaEventSynchronize": "event",
    "cuEventSynchronize": "event",
    "cudaDeviceSynchronize": "context",
    "cuCtxSynchronize": "context",
}
SYNCS = CallKind("|".join(SYNC_CALLS))
# Other waiting: the stream waits for an event, the host does not.
STREAM_WAITS = _calls("StreamWaitEvent")
EVENT_RECORDS = _calls(r"EventRecord(?:WithFlags)?")
QUERIES = _calls("EventQuery|StreamQuery")
# Calls that synchronise by the way, where they own no op.
IMPLICIT_SYNCS = CallKind("cudaFree|cuMemFree|cudaFreeHost|cudaHostUnregister|cudaMemcpy|cudaMemset|cudaDeviceReset")
# No op is launched by these, though correlation IDs that were used again may say so.
NO_LAUNCHES = SYNCS | STREAM_WAITS | _calls(r"Event\w*|StreamQuery")

# Memory, modules, streams.
ALLOCATIONS = CallKind(
    r"cudaMalloc\w*|cudaFree\w*|cudaHostAlloc|cuMem(?:Alloc|Free|Create)\w*|cuMemHostAlloc|cuMemRelease"
)
MODULE_LOADS = CallKind(r"cu(?:Module|Library)Load\w*|cudaLibraryLoad\w*")
# Memory management in a wider sense: registering, mapping, advising.
MEMORY = ALLOCATIONS | _calls(r"(?:Mem|Host)(?!cpy|set|Prefetch)\w*")
# What a capture into a graph cannot hold, or should not.
CAPTURE_BLOCKERS = CallKind(
    r"cudaMalloc\w*|cudaFree\w*|cuMem(?:Alloc|Free|Create)\w*|cudaHostAlloc|cu(?:Module|Library)Load\w*|"
    r"cuda(?:Event|Stream)Query|cudaStream(?:Create|Destroy)\w*"
)

# Graphs: capturing, building, changing, making executable.
CAPTURE_BEGINS = _calls(r"StreamBeginCapture\w*")
CAPTURE_ENDS = _calls("StreamEndCapture")
NODE_ADDS = _calls(r"GraphAdd\w*")
GRAPH_CLONES = _calls("GraphClone")
GRAPH_UPDATES = _calls(r"Graph(?:ExecUpdate|\w*NodeSet)\w*")
INSTANTIATIONS = _calls(r"GraphInstantiate\w*")
UPLOADS = _calls("GraphUpload")
# Inside a capture these become nodes of the graph and own no op.
CAPTURED_WORK = KERNEL_LAUNCHES | HOST_FUNCTIONS | COPIES | SETS
CAPTURED = CAPTURED_WORK | PREFETCHES | ALLOCATIONS | EVENT_RECORDS | STREAM_WAITS

# What kind of node a call creates; the first that occurs in its name.
_NODE_KINDS = (
    (re.compile("Memcpy"), "memcpy"),
    (re.compile("Memset"), "memset"),
    (re.compile("Host"), "host"),
    (re.compile("ChildGraph"), "child graph"),
    (re.compile("Event"), "event"),
    (re.compile("Alloc|Malloc"), "alloc"),
    (re.compile("Free"), "free"),
    (re.compile("EmptyNode"), "empty"),
    (re.compile("Kernel|cuLaunch|cudaLaunch"), "kernel"),
)
OTHER_NODE = "other"
# The runtime call that does what a launching driver call does.
_RUNTIME_NAMES = (
    (re.compile("cuLaunchKernel"), "cudaLaunchKernel"),
    (re.compile("cuLaunchKernelEx"), "cudaLaunchKernelExC"),
    (re.compile("cuLaunchCooperativeKernel"), "cudaLaunchCooperativeKernel"),
    (re.compile("cuGraphLaunch"), "cudaGraphLaunch"),
    (re.compile("cuMemcpy.*Async"), "cudaMemcpyAsync"),
    (re.compile("cuMemset.*Async"), "cudaMemsetAsync"),
)
# What pictures colour calls by, the first that fits.
_GROUPS = (("launch", LAUNCHES), ("sync", SYNCS), ("copy", COPIES | SETS | PREFETCHES), ("memory", MEMORY))
OTHER_GROUP = "call"


def created_node(call: str) -> str:
    """What a call that created a node of a graph says of the node."""
    return next((kind for pattern, kind in _NODE_KINDS if pattern.search(call)), OTHER_NODE)


def is_driver_call(name: str) -> bool:
    """Whether a call is of the driver API: cuLaunchKernel, not cudaLaunchKernel."""
    return name.startswith("cu") and name[2:3].isupper()


def runtime_name(driver: str) -> str | None:
    """The runtime call that does what a launching driver call does; None for others."""
    return next((name for pattern, name in _RUNTIME_NAMES if pattern.fullmatch(driver)), None)


def call_groups(trace: Trace) -> dict[int, str]:
    """Name index -> "launch", "sync", "copy", "memory" or "call", for the names that api has."""
    names = {index: trace.name(index) for index in trace.api.distinct("name").tolist()}
    return {
        index: next((group for group, kind in _GROUPS if name in kind), OTHER_GROUP) for index, name in names.items()
    }
