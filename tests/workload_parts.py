"""CuPy and PyTorch for tests, which the workloads need: NSYSGAP_WORKLOAD_PARTS names a folder that holds them."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest


def require_part(module: str) -> dict[str, str]:
    """An environment without a GPU in which Python finds the module; without it the test is skipped or fails."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    folder = os.environ.get("NSYSGAP_WORKLOAD_PARTS")
    if folder and (Path(folder) / module).is_dir():
        return {**environment, "PYTHONPATH": folder}
    if importlib.util.find_spec(module):
        return environment
    if os.environ.get("NSYSGAP_REQUIRE_ALL") == "1":
        pytest.fail(f"NSYSGAP_WORKLOAD_PARTS holds no {module}: run tests/install-workload-parts.sh FOLDER first")
    pytest.skip(f"needs {module}: tests/install-workload-parts.sh FOLDER, then NSYSGAP_WORKLOAD_PARTS=FOLDER")
