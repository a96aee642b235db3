"""Cure: memory allocated and freed in every step -> kept.

Before: each step takes a buffer of 64 MB from the driver and gives it back (cudaMalloc, cudaFree, which waits for the
GPU). After: PyTorch's allocator keeps it, so that no step calls the driver.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure

ELEMENTS = 16 << 20


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    given = torch.randn(ELEMENTS, device="cuda")
    total = torch.zeros((), device="cuda", dtype=torch.float64)
    del steps

    def step(_: int) -> None:
        value = torch.empty_like(given)
        torch.sin(given, out=value)
        for _ in range(4):
            torch.sin(value, out=value)
        total.add_(value.sum(dtype=torch.float64))
        torch.cuda.current_stream().synchronize()
        del value
        if form == "before":
            torch.cuda.empty_cache()

    return Form(step, lambda: total.reshape(1))


CURE = Cure("allocation", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
