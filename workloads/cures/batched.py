"""Cure: 48 products of one shape, one by one -> one batched product.

Before: a launch a product. After: torch.bmm, one launch for all. The sum is read by the host in both.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure

SIDE, PRODUCTS = 192, 48


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    a, b = (torch.randn(PRODUCTS, SIDE, SIDE, device="cuda") for _ in range(2))
    out = torch.empty_like(a)
    sums = torch.zeros(steps, dtype=torch.float64)

    def step(number: int) -> None:
        if form == "before":
            for one in range(PRODUCTS):
                torch.mm(a[one], b[one], out=out[one])
        else:
            torch.bmm(a, b, out=out)
        sums[number] = out.double().square().sum().item()

    return Form(step, lambda: sums)


CURE = Cure("batched", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
