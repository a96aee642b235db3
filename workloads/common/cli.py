"""The command line of the five workloads: options in, one JSON line out, errors as one sentence."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from common.errors import WorkloadError
from common.gpu import first_line, import_cupy
from common.measure import Sizes, measure
from common.options import positive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.measure import Workload


def main(workload: Workload, description: str | None, arguments: Sequence[str] | None = None) -> int:
    """Run a workload from the command line; return 0, 1 on an error, 130 when interrupted."""
    sizes = parse_sizes(workload.name, description, arguments)
    try:
        print(json.dumps(_measure_or_explain(workload, sizes)), flush=True)
    except WorkloadError as error:
        print(f"{workload.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{workload.name}: interrupted", file=sys.stderr)
        return 130
    return 0


def _measure_or_explain(workload: Workload, sizes: Sizes) -> dict[str, object]:
    """Measure; CUDA's, NVRTC's and CuPy's own errors become one sentence."""
    cupy = import_cupy()
    try:
        return measure(workload, sizes)
    except MemoryError as error:
        raise WorkloadError(f"out of memory: {first_line(error)}; try a smaller --n than {sizes.n}") from error
    except (RuntimeError, cupy.cuda.compiler.CompileException) as error:
        raise WorkloadError(f"CUDA failed: {first_line(error)}") from error


def parse_sizes(name: str, description: str | None, arguments: Sequence[str] | None) -> Sizes:
    """Return the sizes asked for; a wrong argument ends the program with 2, as argparse does."""
    parser = argparse.ArgumentParser(
        prog=name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--n",
        type=positive,
        default=2**21,
        help="float32 elements of the array (default: %(default)s)",
    )
    parser.add_argument("--steps", type=positive, default=50, help="steps to measure (default: %(default)s)")
    parser.add_argument(
        "--kernels",
        type=positive,
        default=20,
        help="kernels of work per step (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    return Sizes(options.n, options.steps, options.kernels)
