"""The tables' small tools: texts by index, and what rows of two columns say together."""

from __future__ import annotations

import numpy as np

from nsysgap.names import Names
from nsysgap.op_sizes import shared_memory
from nsysgap.tables import NONE, OP_DETAILS, Table


def test_names_are_iterated_over_and_that_ends() -> None:
    names = Names({3: b"three", 7: b"\xff", 2_000_000_000: b""})
    assert list(names) == ["three", "\ufffd", ""]
    assert np.asarray(names).tolist() == ["three", "\ufffd", ""]
    assert len(np.asarray(Names())) == 0


def test_shared_memory_is_what_is_known_of_it() -> None:
    rows = [(16, 32), (NONE, 32), (16, NONE), (NONE, NONE), (0, 0)]
    columns = {column.name: np.full(len(rows), NONE, column.dtype) for column in OP_DETAILS.columns}
    columns["static_shared"], columns["dynamic_shared"] = np.array(rows, np.int32).T.copy()
    assert shared_memory(Table(OP_DETAILS, columns), np.arange(5)).tolist() == [48, 32, 16, NONE, 0]
