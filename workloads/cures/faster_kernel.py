"""Cure: a slow kernel -> a faster one, where the GPU is busy all the time.

Each step is six products of float32 matrices. Before: in full precision on the ordinary cores. After: as TF32 on the
tensor cores, some times faster; the answers differ by TF32's rounding.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure

SIDE, PRODUCTS = 1536, 6


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    weight = torch.randn(SIDE, SIDE, device="cuda") / SIDE**0.5
    state = torch.randn(SIDE, SIDE, device="cuda")
    sums = torch.zeros(steps, dtype=torch.float64)

    def step(number: int) -> None:
        torch.backends.cuda.matmul.allow_tf32 = form == "after"
        value = state
        for _ in range(PRODUCTS):
            value = value @ weight
        sums[number] = value.abs().mean().item()

    return Form(step, lambda: sums)


CURE = Cure("faster_kernel", make, tolerance=5e-3)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
