"""Cure: a batch copied from pageable memory -> from pinned memory.

Each step copies 16 MB to the GPU and works on it for some 100 us. Before: the batch lies in ordinary memory, and the
driver copies it through its own buffers while the host waits. After: it lies in pinned memory. The host's filling of
the buffer is in neither form.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure

ELEMENTS, BATCHES = 4 << 20, 4


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    batches = [torch.randn(ELEMENTS) for _ in range(BATCHES)]
    if form == "after":
        batches = [batch.pin_memory() for batch in batches]
    total = torch.zeros((), device="cuda", dtype=torch.float64)
    del steps

    def step(number: int) -> None:
        value = batches[number % BATCHES].to("cuda", non_blocking=form == "after")
        for _ in range(6):
            value = torch.sin(value)
        total.add_(value.double().sum())
        torch.cuda.current_stream().synchronize()

    return Form(step, lambda: total.reshape(1))


CURE = Cure("pinned", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
