"""Cure: twelve elementwise kernels a step -> one kernel, written by hand.

Before: twelve operations of PyTorch on 1 M elements, each reading and writing all of them. After: the same arithmetic
in one CUDA kernel (compiled by PyTorch's jiterator with NVRTC).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure

ELEMENTS, ROUNDS = 1 << 20, 4
CODE = """
template <typename T> T chain(T x) {
  for (int round = 0; round < 4; round++) x = sin(x) * T(1.01) + T(0.125);
  return x;
}
"""


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    state = torch.randn(ELEMENTS, device="cuda")
    chain = torch.cuda.jiterator._create_jit_fn(CODE)
    sums = torch.zeros(steps, dtype=torch.float64)

    def step(number: int) -> None:
        value = state
        if form == "after":
            value = chain(value)
        else:
            for _ in range(ROUNDS):
                value = torch.sin(value)
                value = value * 1.01
                value = value + 0.125
        sums[number] = value.double().sum().item()

    return Form(step, lambda: sums)


CURE = Cure("fused", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
