"""Which nsys to run, and whether it can trace what this machine's driver does."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nsysgap.errors import NsysgapError

USUAL_PLACES = (
    "/opt/nvidia/nsight-systems/*/bin/nsys",
    "/opt/nvidia/nsight-systems-cli/*/bin/nsys",
    "/opt/nvidia/hpc_sdk/*/*/profilers/Nsight_Systems/bin/nsys",
    "/usr/local/cuda*/bin/nsys",
    "/usr/lib/nsight-systems/bin/nsys",
    "/usr/local/bin/nsys",
    "/usr/bin/nsys",
)
INSTALL_HINT = (
    "Install NVIDIA Nsight Systems (packages nsight-systems or nsight-systems-cli of NVIDIA's CUDA repositories), "
    "or name one: --nsys /path/to/nsys, or the variable NSYS."
)
NEEDED_BY_CUDA = {13: 2025}
_VERSION = re.compile(r"\b(20\d\d(?:\.\d+)+)")
_ANSWER_WITHIN_S = 30


@dataclass(frozen=True)
class Nsys:
    """An nsys that answered: its path, and its version such as (2025, 3, 2)."""

    path: str
    version: tuple[int, ...]

    @property
    def version_text(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver: its version, the CUDA version it is for such as (13, 0), the names of the GPUs."""

    version: str
    cuda: tuple[int, int]
    gpus: tuple[str, ...]


def find_nsys(given: str | None = None) -> Nsys:
    """The nsys that was asked for (`given`, else the variable NSYS), else the newest on PATH and in the usual folders.

    Raises NsysgapError when there is none, or when the one asked for does not answer.
    """
    for asked, where in ((given, "--nsys"), (os.environ.get("NSYS"), "the variable NSYS")):
        if asked:
            return _asked_for(asked, where)
    installed = [nsys for path in _candidates() if (nsys := ask(path)) is not None]
    if not installed:
        raise NsysgapError("nsys was not found, neither on PATH nor in the usual folders.", INSTALL_HINT)
    return max(installed, key=lambda nsys: nsys.version)


def _asked_for(asked: str, where: str) -> Nsys:
    path = (
        shutil.which(asked)
        or shutil.which(str(Path(asked) / "bin" / "nsys"))
        or shutil.which(str(Path(asked) / "nsys"))
    )
    if path is None:
        raise NsysgapError(f"{where} names {asked}, which is no program.", INSTALL_HINT)
    nsys = ask(path)
    if nsys is None:
        raise NsysgapError(f"{where} names {path}, which does not say its version as nsys does.", INSTALL_HINT)
    return nsys


def _candidates() -> Iterable[str]:
    """Every nsys on PATH and in the usual folders, each once."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    usual = [path for pattern in USUAL_PLACES for path in sorted(Path("/").glob(pattern[1:]))]
    paths = [folder / "nsys" for folder in folders] + usual
    return dict.fromkeys(str(path) for path in paths if path.is_file() and os.access(path, os.X_OK))


def ask(path: str) -> Nsys | None:
    """Ask a program for its nsys version; None if it has none."""
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, errors="replace", timeout=_ANSWER_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = _VERSION.search(done.stdout) if "Nsight Systems" in done.stdout else None
    return Nsys(path, tuple(map(int, said[1].split(".")))) if said else None


def find_driver() -> Driver | None:
    """What NVML says about the driver and the GPUs; None on a machine without an NVIDIA driver."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    if nvml.nvmlInit_v2() != 0:
        return None
    try:
        text, number = ctypes.create_string_buffer(96), ctypes.c_int(0)
        nvml.nvmlSystemGetDriverVersion(text, ctypes.c_uint(len(text)))
        nvml.nvmlSystemGetCudaDriverVersion(ctypes.byref(number))
        cuda = (number.value // 1000, number.value % 1000 // 10)
        return Driver(text.value.decode("ascii", "replace"), cuda, tuple(_gpu_names(nvml)))
    finally:
        nvml.nvmlShutdown()


def _gpu_names(nvml: ctypes.CDLL) -> Iterable[str]:
    number = ctypes.c_uint(0)
    nvml.nvmlDeviceGetCount_v2(ctypes.byref(number))
    for index in range(number.value):
        handle, name = ctypes.c_void_p(), ctypes.create_string_buffer(96)
        if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle)) == 0:
            nvml.nvmlDeviceGetName(handle, name, ctypes.c_uint(len(name)))
            yield name.value.decode("utf-8", "replace")


def check_version(nsys: Nsys, driver: Driver | None) -> None:
    """Raise NsysgapError for an nsys that loses events on this driver.

    Seen: nsys 2023.4 on a CUDA 13 driver stops at the first runtime call it does not know and keeps only the rows
    before it, without a word.
    """
    needed = NEEDED_BY_CUDA.get(driver.cuda[0]) if driver else None
    if driver is not None and driver.cuda[0] > max(NEEDED_BY_CUDA):
        needed = max(NEEDED_BY_CUDA.values())
    if driver is not None and needed is not None and nsys.version[0] < needed:
        raise NsysgapError(
            f"nsys {nsys.version_text} ({nsys.path}) is too old for this driver, which is for CUDA {driver.cuda[0]}."
            f"{driver.cuda[1]}: it would silently keep only the first rows.",
            f"Install Nsight Systems {needed} or newer, or name one: --nsys /path/to/nsys.",
        )


def knows_option(nsys: Nsys, option: str) -> bool:
    """Whether `nsys profile` lists an option in its help."""
    try:
        done = subprocess.run(
            [nsys.path, "profile", "--help"], capture_output=True, timeout=_ANSWER_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return option.encode() in done.stdout + done.stderr
