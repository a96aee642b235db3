"""What an op's work looked like, as far as its place in a schedule depends on it."""

from __future__ import annotations

import numpy as np

from nsysgap.tables import NONE, OP_DETAILS, Array, Column, Schema, Table

OP_SIZES = Schema(
    "op_sizes",
    "Grid, block, bytes and kinds of memory of every op, row for row beside ops; -1 where the op has no such value.",
    (
        *OP_DETAILS.columns[:6],
        Column("bytes", "int64", "B", "bytes copied or set"),
        Column("copy_kind", "int32", "", "direction of a copy: ENUM_CUDA_MEMCPY_OPER"),
        Column("source_kind", "int32", "", "memory that a copy reads: ENUM_CUDA_MEM_KIND, 0 pageable"),
        Column("target_kind", "int32", "", "memory that a copy writes: ENUM_CUDA_MEM_KIND, 0 pageable"),
    ),
)


def shared_memory(details: Table, rows: Array) -> Array:
    """Shared memory per block of some rows of OP_DETAILS, static and dynamic together, in B; NONE where unknown.

    Where only one of the two is recorded, it is that one: int64 of shape (rows,).
    """
    kinds = [details[name][rows].astype(np.int64) for name in ("static_shared", "dynamic_shared")]
    unknown = (kinds[0] == NONE) & (kinds[1] == NONE)
    return np.where(unknown, NONE, sum(np.where(kind == NONE, 0, kind) for kind in kinds))
