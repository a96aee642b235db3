"""The ranges that nsys --trace=python-gil writes of Python's lock (GIL): they are nsys's own, not the program's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import is_any
from nsysgap.tables import Trace

WAITING, HOLDING = "Waiting for GIL", "Holding GIL"
DOMAIN = "GIL Trace"


def lock_ranges(trace: Trace, *texts: str) -> NDArray[np.intp]:
    """The rows of nvtx with one of these texts that nsys wrote: in its domain, or one whose name is not recorded.

    In the default domain and in others only the program itself writes, whatever it calls its ranges.
    """
    nvtx = trace.nvtx
    rows = np.flatnonzero(is_any(nvtx["name"], trace.names.find(texts)) & (nvtx["domain"] != 0))
    others = {key for key, name in trace.domains.items() if name != DOMAIN}
    if not len(rows) or not others:
        return rows
    process, domain = trace.threads["process"][nvtx["thread"][rows]], nvtx["domain"][rows]
    own = [key not in others for key in zip(process.tolist(), domain.tolist(), strict=True)]
    return rows[np.array(own, np.bool_)]
