"""A workload with options of its own as a program: one JSON line out, errors as one sentence.

`cli.py` is the same for the five ways of launching, which share their sizes.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.errors import WorkloadError
from common.gpu import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GPU_PACKAGES = {"cupy", "cupy_backends", "torch"}
"""Packages whose own errors are about the GPU or the input, and become a sentence."""


@dataclass(frozen=True)
class Program:
    """A workload: `options` adds its options to a parser, `measure` turns them into the record."""

    name: str
    options: Callable[[argparse.ArgumentParser], object]
    measure: Callable[[argparse.Namespace], dict[str, object]]


def run_program(program: Program, description: str | None, arguments: Sequence[str] | None = None) -> int:
    """Run a workload from the command line; return 0, 1 on an error, 130 when interrupted."""
    parser = argparse.ArgumentParser(
        prog=program.name,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    program.options(parser)
    options = parser.parse_args(arguments)
    try:
        print(json.dumps(_measure_or_explain(program, options)), flush=True)
    except WorkloadError as error:
        print(f"{program.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program.name}: interrupted", file=sys.stderr)
        return 130
    return 0


def _measure_or_explain(program: Program, options: argparse.Namespace) -> dict[str, object]:
    """Measure; what CUDA, CuPy and PyTorch raise becomes one sentence."""
    try:
        return program.measure(options)
    except WorkloadError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise WorkloadError(f"out of memory: {first_line(error)}; choose smaller sizes") from error
        if is_gpu_error(error):
            raise WorkloadError(f"CUDA failed: {first_line(error)}") from error
        raise


def is_out_of_memory(error: BaseException) -> bool:
    """Whether host or GPU ran out of memory."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def is_gpu_error(error: BaseException) -> bool:
    """Whether an error comes from CUDA through CuPy or PyTorch."""
    package: Any = type(error).__module__.split(".")[0]
    return package in GPU_PACKAGES or (isinstance(error, RuntimeError) and "CUDA" in str(error))
