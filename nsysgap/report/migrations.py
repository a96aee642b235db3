"""Why pages of unified memory moved: what CUPTI says of each migration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import distinct
from nsysgap.names import Names
from nsysgap.report.reads import Read
from nsysgap.report.source import Source
from nsysgap.report.streams import OP_TABLES
from nsysgap.tables import MEMCPY, Table


def read_migration_causes(source: Source, names: Names, ops: Table) -> NDArray[np.int8] | None:
    """CUpti_ActivityUnifiedMemoryMigrationCause of each row of copies, 0 unknown; None where none migrated pages."""
    table = OP_TABLES["memcpy"]
    named = distinct(ops["name"][ops["kind"] == MEMCPY]).tolist()
    unified = any(names[index].startswith("[CUDA memcpy Unified") for index in named if index in names)
    if not unified or not source.catalog.has(table, "migrationCause"):
        return None
    causes: NDArray[np.int8] = source.columns(table, [Read("cause", "migrationCause", 0, "int8")])["cause"]
    return causes
