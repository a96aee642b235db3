"""The texts of slices: names as PyTorch's profiler writes them, short kernel names, NVTX domains and colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.pictures.trace_options import Extras
from nsysgap.analysis.relations.calls import is_driver_call, runtime_name
from nsysgap.analysis.relations.domains import range_domains
from nsysgap.arrays import codes
from nsysgap.kernel_names import short_kernel_name
from nsysgap.tables import GRAPH, KERNEL, MEMCPY, NONE, Trace
from nsysgap.tracks import Texts

Rows = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]
_SOURCE_SHIFT, _TARGET_SHIFT = 40, 48
_MEMCPY = "[CUDA memcpy "


class Namer:
    """Texts for columns of the tables; what was worked out once is kept."""

    def __init__(self, trace: Trace, extras: Extras, *, demangled: bool = False) -> None:
        self.trace, self.extras, self.demangled = trace, extras, demangled
        self._of_op: dict[int, str] = {}
        self._of_name: dict[int, str] = {}

    def plain(self, ids: Rows) -> Texts:
        """The names with these indices."""
        return self._texts(ids, self._of_name, self.trace.name)

    @staticmethod
    def _texts(keys: Rows, known: dict[int, str], make: Callable[[int], str]) -> Texts:
        used, code = codes(keys)
        texts = []
        for key in used.tolist():
            if key not in known:
                known[key] = make(key)
            texts.append(known[key])
        return Texts(code, texts)

    def calls(self, rows: Rows) -> Texts:
        """The names of API calls; anything for row -1."""
        return self.plain(self.trace.api["name"][rows] if self.trace.api.rows else np.zeros(len(rows), np.int32))

    def ops(self, rows: Rows) -> Texts:
        """What ops are called in a viewer; anything for row -1."""
        ops = self.trace.ops
        key = ops["name"][rows].astype(np.int64)
        copies = np.flatnonzero(ops["kind"][rows] == MEMCPY)
        if len(copies):
            source, target = (column[rows[copies]].astype(np.int64) for column in self._copy_memory())
            key[copies] += (source + 1) << _SOURCE_SHIFT | (target + 1) << _TARGET_SHIFT
        return self._texts(key, self._of_op, self._op_name)

    def _copy_memory(self) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        return self.extras.copy_source, self.extras.copy_target

    def _op_name(self, key: int) -> str:
        index = key & ((1 << 32) - 1)
        if key == NONE or index == (1 << 32) - 1:
            return ""
        name = self.trace.name(index)
        if name.startswith(_MEMCPY):
            memory = [self._memory(key >> shift & 0xFF) for shift in (_SOURCE_SHIFT, _TARGET_SHIFT)]
            between = f" ({memory[0]} -> {memory[1]})" if any(memory) else ""
            return f"Memcpy {copy_direction(name)}{between}"
        if name == "[CUDA memset]":
            return "Memset"
        if name.startswith("[CUDA graph "):
            return name[1:-1]
        return name if self.demangled else short_kernel_name(name)

    def _memory(self, number: int) -> str:
        kinds = self.extras.memory_kinds
        return kinds[number - 1] if 0 < number <= len(kinds) else ""

    def demangled_names(self, rows: Rows) -> tuple[Texts, Mask]:
        """Kernels' whole names, and where they say more than the short ones."""
        ops = self.trace.ops
        used, code = codes(ops["name"][rows])
        whole = [self.trace.name(index) for index in used.tolist()]
        more = np.array(
            [name != self._op_name(index) for index, name in zip(used.tolist(), whole, strict=True)], np.bool_
        )
        return Texts(code, whole), more[code] & (ops["kind"][rows] == KERNEL)

    def are_driver_calls(self, ids: Rows) -> Mask:
        """Which names are of the driver API: cuLaunchKernel, not cudaLaunchKernel."""
        used, code = codes(ids)
        names = [self.trace.name(index) for index in used.tolist()]
        driver = np.array([is_driver_call(name) for name in names], np.bool_)
        return driver[code]

    @staticmethod
    def runtime_launches(names: Texts, launching: Mask) -> tuple[Texts, Mask]:
        """Names with those of driver calls that launched something replaced by the runtime's, and where that is so."""
        runtime = [runtime_name(name) for name in names.texts]
        known = np.array([name is not None for name in runtime], np.bool_)[names.index] & launching
        texts = [*names.texts, *(name or "" for name in runtime)]
        return Texts(np.where(known, names.index + len(names.texts), names.index), texts), known

    def copy_directions(self) -> dict[int, str]:
        """{name index: "HtoD"} of the copies."""
        copies = self.trace.ops["name"][self.trace.ops["kind"] == MEMCPY]
        return {int(index): copy_direction(self.trace.name(int(index))) for index in np.unique(copies)}

    def domains(self, rows: Rows) -> tuple[Texts, Mask]:
        """The domain of NVTX ranges, its number where it has no name; not for the default domain."""
        code, names = range_domains(self.trace, rows)
        return Texts(code, names or [""]), self.trace.nvtx["domain"][rows] != 0

    @staticmethod
    def colors(argb: Rows) -> tuple[Texts, Mask]:
        """Colours as "#RRGGBB", and where there is one."""
        used, code = np.unique(argb, return_inverse=True)
        texts = [f"#{color & 0xFFFFFF:06X}" for color in used.tolist()]
        return Texts(code, texts or [""]), argb != NONE


def copy_direction(name: str) -> str:
    """ "[CUDA memcpy Host-to-Device]" -> "HtoD", as PyTorch's profiler says it."""
    direction = name[len(_MEMCPY) : -1]
    words = direction.split(" ")
    start, _, end = words[-1].partition("-to-")
    short = f"{start[0]}to{end[0]}" if start and end else words[-1]
    return " ".join([*words[:-1], short])


OP_CATEGORIES = {KERNEL: "kernel", MEMCPY: "gpu_memcpy", 2: "gpu_memset", GRAPH: "gpu_graph"}
