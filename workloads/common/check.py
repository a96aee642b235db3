"""Is the result right, and did every kernel run? NumPy's answer to the work, and the comparison.

The work v = sin(v) * 0.99 + 0.01 contracts: from any start in [0, 1) it reaches the same fixed
point (about 0.34), and each kernel of 20 iterations divides what is left by about 4. After some 12
kernels the array no longer tells one kernel more from one fewer. So a workload is checked in three
ways: a short run of `SHORT_STEPS` x `SHORT_KERNELS`, in which one kernel missing or repeated is far
above the tolerance; the measured run's array, where an element never written or written twice in
parallel shows; and the count of kernels of work that the GPU keeps, which must be exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.errors import WorkloadError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ITERATIONS = 20
"""Iterations of v = sin(v) * 0.99 + 0.01 in one kernel of work."""

PERIOD = 4093
"""The start values repeat after this many elements: a prime, so that no block or power of two of
elements is like another, and NumPy has 4,093 values to compute and not two million.
"""

SHORT_STEPS = 2
SHORT_KERNELS = 3
"""The short run: six kernels of work, steps and kernels unequal so that one taken for the other
shows.
"""

TOLERANCE = 1e-5
"""Largest absolute difference from NumPy's float64 result that float32 arithmetic explains.

One iteration rounds by at most 2 ulp in sinf (CUDA's documented bound) and half an ulp in each of
multiply and add. Errors of earlier iterations shrink by 0.99 * cos(v), which is 0.93 near the fixed
point. Summed up along the way of every start value, that is 1.4e-6 at the very most, and 3e-7 in
practice. In the short run the last kernel still moves the largest value by 7.6e-4, 76 times the
tolerance.
"""


def start_values(n: int) -> NDArray[np.float32]:
    """Return what the work starts from: `n` float32 values in [0, 1) that repeat each `PERIOD`."""
    import numpy as np

    one_period = (np.arange(PERIOD) / PERIOD).astype(np.float32)
    return np.resize(one_period, n)


def reference(n: int, kernels: int) -> NDArray[np.float64]:
    """Return NumPy's float64 result of `kernels` kernels of work on `start_values(n)`: shape (n,).

    Stops early once no value changes any more: the following iterations would repeat themselves.
    """
    import numpy as np

    factor, term = np.float64(np.float32(0.99)), np.float64(np.float32(0.01))
    values = start_values(min(n, PERIOD)).astype(np.float64)
    for _ in range(kernels * ITERATIONS):
        following = np.sin(values) * factor + term
        if np.array_equal(following, values):
            break
        values = following
    return np.resize(values, n)


def check_result(what: str, result: NDArray[np.float32], kernels: int, done: int) -> float:
    """Compare a result with NumPy's and return the largest absolute error.

    `what` names the run in the error, `kernels` is the number of kernels of work that should have
    run, `done` the number that the GPU counted. Raises `WorkloadError` when the count differs or an
    element is off by more than `TOLERANCE` (or is no number).
    """
    if done != kernels:
        raise WorkloadError(f"wrong result: {done} kernels of work ran in the {what}, {kernels} were launched")
    return check_array(what, result, kernels)


def check_array(what: str, result: NDArray[np.float32], kernels: int) -> float:
    """Compare an array alone with NumPy's after `kernels` kernels; return the largest error.

    Raises `WorkloadError` when an element is off by more than `TOLERANCE` (or is no number).
    """
    import numpy as np

    error = np.abs(result.astype(np.float64) - reference(len(result), kernels))
    wrong = ~(error <= TOLERANCE)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise WorkloadError(
            f"wrong result: {int(wrong.sum())} of {len(result)} elements of the {what} differ "
            f"from NumPy's by more than {TOLERANCE:g}, the first is element {first}: "
            f"{float(result[first])!r}"
        )
    return float(error.max())
