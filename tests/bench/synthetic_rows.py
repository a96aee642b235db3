"""Turns simulated processes into the columns of an export's event tables.

Each function returns a mapping from column name to values: arrays, or one value for all rows. The
columns of several processes are merged in order of start, as exporters write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from synthetic_episodes import DEVICE_SYNC, DRIVER_EVERY, EVENT_SYNC, FILLER, NESTED, RECORD, STREAM_SYNC
from synthetic_plan import (
    GRAPH_OP,
    I64,
    KERNEL_OP,
    MEMCPY_OP,
    MEMSET_OP,
    Bool,
    ProcessPlan,
)
from synthetic_simulation import Calls, Process

Columns = dict[str, Any]

VM = 1 << 48
NULL_STREAM_ID = 7
NO_ID = 0xFFFFFFFF
KERNELS = (
    ("at::native::<unnamed>::fill_kernel<float>", "fill_kernel"),
    (
        "void at::native::vectorized_elementwise_kernel<4, at::native::AddFunctor<float>>(int)",
        "vectorized_elementwise",
    ),
    (
        "void at::native::elementwise_kernel<128, 2, at::native::MulFunctor<float>>(int)",
        "elementwise_kernel",
    ),
    (
        "void at::native::reduce_kernel<512, 1, at::native::SumOps<float>>(at::native::ReduceOp)",
        "reduce_kernel",
    ),
    ("void rms_norm_kernel<__nv_bfloat16, 256>(const T1 *, T1 *, float, int)", "rms_norm_kernel"),
    ("void rope_kernel<__nv_bfloat16>(T1 *, const float *, int)", "rope_kernel"),
    (
        "void cub::DeviceRadixSortOnesweepKernel<Policy900, unsigned int>(T2 *)",
        "DeviceRadixSortOnesweepKernel",
    ),
    ("void gemv2T_kernel_val<int, float, 128, 16, 4, 4>(cublasGemvParams)", "gemv2T_kernel_val"),
    ("nvjet_hsh_128x64_64x8_1x2_h_bz_coopA_TNT", "nvjet_hsh_128x64_64x8_1x2_h_bz_coopA_TNT"),
    ("sine_step(float *, int)", "sine_step"),
    (
        "void flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64, 4>>(Flash_fwd_params)",
        "flash_fwd_kernel",
    ),
    (
        "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64",
        "sm90_xmma_gemm_bf16bf16_bf16f32",
    ),
)
LAUNCH_NAMES = (
    "cudaLaunchKernel_v7000",
    "cudaMemcpyAsync_v3020",
    "cudaMemsetAsync_v3020",
    "cudaGraphLaunch_v10000",
)
ROLE_NAMES = {
    RECORD: "cudaEventRecord_v3020",
    STREAM_SYNC: "cudaStreamSynchronize_v3020",
    EVENT_SYNC: "cudaEventSynchronize_v3020",
    DEVICE_SYNC: "cudaDeviceSynchronize_v3020",
}
FILLER_NAMES = (
    "cudaStreamIsCapturing_v10000",
    "cudaEventQuery_v3020",
    "cuKernelGetName",
    "cuKernelGetAttribute",
    "cudaOccupancyMaxActiveClusters_v11070",
)
NESTED_NAMES = ("cuLaunchKernelEx", "cuKernelGetFunction")
DRIVER_NAMES = ("cuLaunchKernel", "cuKernelGetName", "cuKernelGetAttribute", *NESTED_NAMES)
CUDA_ERROR_NOT_READY = 600
# As exporter 3.20.3 writes them, whatever its ENUM_CUPTI_SYNC_TYPE says.
SYNC_TYPES = {EVENT_SYNC: 1, STREAM_SYNC: 2, DEVICE_SYNC: 4}


class Strings:
    """The StringIds table: gives every text one id, in order of first use."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.ids.setdefault(text, len(self.ids) + 1)

    def array(self, texts: Sequence[str]) -> I64:
        """Ids of several texts."""
        return np.array([self(text) for text in texts], np.int64)


def pid_of(plan: ProcessPlan) -> int:
    """Process ID of a synthetic process."""
    return 4000 + 517 * plan.index


def global_pid(plan: ProcessPlan) -> int:
    """Serialized process ID: virtual machine, pid, no thread."""
    return VM + (pid_of(plan) << 24)


def thread_ids(plan: ProcessPlan) -> I64:
    """globalTid of every thread; the last one is the background thread. The first one's tid is the pid."""
    own = np.arange(plan.threads + 1, dtype=np.int64)
    return global_pid(plan) + pid_of(plan) + np.where(own > 0, 20 + own, 0)


def stream_ids(streams: I64) -> I64:
    """streamId of a context's n-th stream: the null stream, then created ones."""
    return np.where(streams == 0, NULL_STREAM_ID, 12 + streams)


def merge(parts: Sequence[Mapping[str, Any]], order_by: Sequence[str] = ("start",)) -> Columns:
    """Concatenate the columns of several processes and order the rows; constants are spread out."""
    parts = [part for part in parts if length(part)]
    if not parts:
        return {}
    merged = {name: np.concatenate([spread(part, name) for part in parts]) for name in parts[0]}
    order = np.lexsort([merged[name] for name in reversed(order_by)])
    return {name: values[order] for name, values in merged.items()}


def api_rows(process: Process, strings: Strings, rng: np.random.Generator) -> Columns:
    """Rows of CUPTI_ACTIVITY_KIND_RUNTIME."""
    calls = process.calls
    name, status = _api_names(calls, strings, rng)
    return {
        "start": calls.start,
        "end": calls.end,
        "eventClass": np.isin(name, strings.array(DRIVER_NAMES)).astype(np.int64),
        "globalTid": thread_ids(process.plan)[calls.thread],
        "correlationId": calls.correlation,
        "nameId": name,
        "returnValue": status,
    }


def _api_names(calls: Calls, strings: Strings, rng: np.random.Generator) -> tuple[I64, I64]:
    launch_names, fillers = strings.array(LAUNCH_NAMES), strings.array(FILLER_NAMES)
    name = launch_names[np.minimum(calls.role, GRAPH_OP)]
    by_driver = (calls.role == KERNEL_OP) & (calls.launch % DRIVER_EVERY == DRIVER_EVERY - 1)
    name[by_driver] = strings("cuLaunchKernel")
    for role, text in ROLE_NAMES.items():
        name[calls.role == role] = strings(text)
    filler = np.flatnonzero(calls.role == FILLER)
    drawn = rng.integers(0, len(fillers), len(filler))
    name[filler] = fillers[drawn]
    nested = np.flatnonzero(calls.role == NESTED)
    name[nested] = strings.array(NESTED_NAMES)[np.arange(len(nested)) % len(NESTED_NAMES)]
    status = np.zeros(len(name), np.int64)
    status[filler[drawn == 1]] = CUDA_ERROR_NOT_READY * rng.integers(0, 2, int((drawn == 1).sum()))
    return name, status


def _op_rows(process: Process, chosen: Bool) -> Columns:
    ops, plan = process.ops, process.plan
    return {
        "start": ops.start[chosen],
        "end": ops.end[chosen],
        "deviceId": ops.context[chosen],
        "contextId": ops.context[chosen] + 1,
        "streamId": stream_ids(ops.stream[chosen]),
        "correlationId": ops.correlation[chosen],
        "globalPid": global_pid(plan),
    }


def kernel_rows(process: Process, strings: Strings) -> Columns:
    """Rows of CUPTI_ACTIVITY_KIND_KERNEL; a graphNodeId of -1 becomes NULL."""
    ops = process.ops
    chosen = ops.op == KERNEL_OP
    name, node, thread = ops.name[chosen], ops.node[chosen], ops.thread[chosen]
    number = np.arange(len(KERNELS), dtype=np.int64)
    demangled = strings.array([kernel[0] for kernel in KERNELS])
    short = strings.array([kernel[1] for kernel in KERNELS])
    return _op_rows(process, chosen) | {
        "demangledName": demangled[name],
        "shortName": short[name],
        "mangledName": short[name],
        "registersPerThread": (16 + 8 * number)[name],
        "gridX": (1 << (4 + number))[name],
        "blockX": np.where(number % 2, 256, 128)[name],
        "dynamicSharedMemory": (number // 6 * 49152)[name],
        "gridId": np.arange(1, len(name) + 1),
        "graphNodeId": np.where(node >= 0, graph_node_id(thread, node, executable=True), -1),
    }


def graph_node_id(thread: I64, node: I64, *, executable: bool) -> I64:
    """Each thread has one graph, captured (odd number) and instantiated (even number): number << 32 | node."""
    return ((2 * thread + (2 if executable else 1)) << 32) + node


def memcpy_rows(process: Process) -> Columns:
    """Rows of CUPTI_ACTIVITY_KIND_MEMCPY: host to device, device to host and device to device in turn."""
    chosen = process.ops.op == MEMCPY_OP
    kind = np.array([1, 2, 8], np.int64)[process.ops.launch[chosen] % 3]
    return _op_rows(process, chosen) | {
        "bytes": process.ops.size[chosen],
        "copyKind": kind,
        "srcKind": np.where(kind == 1, 1, 2),
        "dstKind": np.where(kind == 2, 1, 2),
    }


def memset_rows(process: Process) -> Columns:
    """Rows of CUPTI_ACTIVITY_KIND_MEMSET."""
    chosen = process.ops.op == MEMSET_OP
    return _op_rows(process, chosen) | {"bytes": process.ops.size[chosen]}


def sync_rows(process: Process) -> Columns:
    """Rows of CUPTI_ACTIVITY_KIND_SYNCHRONIZATION: a little inside the call that waits."""
    calls, contexts = process.calls, process.plan.contexts
    chosen = np.isin(calls.role, list(SYNC_TYPES))
    role, start, end = calls.role[chosen], calls.start[chosen], calls.end[chosen]
    is_event, context = role == EVENT_SYNC, calls.thread[chosen] % contexts
    return {
        "start": start + np.minimum(300, (end - start) // 4),
        "end": end - np.minimum(200, (end - start) // 8),
        "deviceId": context,
        "contextId": context + 1,
        "streamId": np.where(role == STREAM_SYNC, stream_ids(calls.stream[chosen]), NO_ID),
        "correlationId": calls.correlation[chosen],
        "globalPid": global_pid(process.plan),
        "syncType": np.select([role == key for key in SYNC_TYPES], list(SYNC_TYPES.values())),
        "eventId": np.where(is_event, calls.thread[chosen] + 1, NO_ID),
        "eventSyncId": np.where(is_event, _event_sync_ids(calls)[calls.event[chosen]], NO_ID),
    }


def event_rows(process: Process) -> Columns:
    """Rows of CUPTI_ACTIVITY_KIND_CUDA_EVENT; each thread records one event of its own over and over."""
    calls = process.calls
    chosen = calls.role == RECORD
    context = calls.thread[chosen] % process.plan.contexts
    return {
        "start": calls.start[chosen],
        "deviceId": context,
        "contextId": context + 1,
        "streamId": stream_ids(calls.stream[chosen]),
        "correlationId": calls.correlation[chosen],
        "globalPid": global_pid(process.plan),
        "eventId": calls.thread[chosen] + 1,
        "eventSyncId": _event_sync_ids(calls)[calls.event[chosen]],
    }


def _event_sync_ids(calls: Calls) -> I64:
    """eventSyncId by event number: 1, 2, .. in order of recording; the last entry serves event -1."""
    recorded = calls.event[calls.role == RECORD]
    numbers = np.zeros(len(recorded) + 1, np.int64)
    numbers[recorded] = np.arange(1, len(recorded) + 1)
    return numbers


def graph_node_rows(process: Process, strings: Strings) -> Columns:
    """Rows of CUDA_GRAPH_NODE_EVENTS: each thread captures one graph and instantiates it before its first launch."""
    plan = process.plan
    if not plan.graph_launches:
        return {}
    thread = np.repeat(np.arange(plan.launching_threads), plan.nodes)
    node = np.tile(np.arange(plan.nodes), plan.launching_threads)
    start = int(process.calls.start[0]) - 900_000 + 400 * np.arange(len(node))
    original = graph_node_id(thread, node, executable=False)
    return {
        "start": np.concatenate([start, start + 400 * len(node)]),
        "end": np.concatenate([start, start + 400 * len(node)]),
        "eventClass": 77,
        "globalTid": np.tile(thread_ids(plan)[thread], 2),
        "nameId": strings("cudaLaunchKernel_v7000"),
        "graphNodeId": np.concatenate([original, graph_node_id(thread, node, executable=True)]),
        "originalGraphNodeId": np.concatenate([np.full(len(node), -1), original]),
    }


def length(columns: Mapping[str, Any]) -> int:
    """Number of rows that the columns describe."""
    return max((len(values) for values in columns.values() if isinstance(values, np.ndarray)), default=0)


def spread(columns: Mapping[str, Any], name: str) -> Any:
    """One column as an array, a constant repeated for every row."""
    values = columns[name]
    return values if isinstance(values, np.ndarray) else np.full(length(columns), values)
