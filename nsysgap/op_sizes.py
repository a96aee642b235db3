"""What an op's work looked like, as far as its place in a schedule depends on it."""

from __future__ import annotations

from nsysgap.tables import OP_DETAILS, Column, Schema

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
