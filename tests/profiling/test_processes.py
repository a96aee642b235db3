"""Processes as /proc tells them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nsysgap.profiling.processes import processes


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_this_process_is_there_with_its_parent_and_name() -> None:
    own = next(process for process in processes() if process.pid == os.getpid())
    assert own.parent == os.getppid()
    assert own.state != "Z"
    assert own.program == Path("/proc/self/comm").read_text().strip()
