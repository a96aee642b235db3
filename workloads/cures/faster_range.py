"""Cure: slow host code in the range "tokenize" -> the same made twice as fast.

Each step splits and numbers the words of a text in plain Python, then the GPU works on the numbers for some 100 us and
the host waits. Before: every text is numbered twice, the second time for nothing. After: once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure
from common.torchgpu import phase

WORDS, SIDE = 4096, 1024


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    del steps
    torch.manual_seed(0)
    texts = [" ".join(f"word{(7 * word + text) % 911}" for word in range(WORDS)) for text in range(4)]
    weight = torch.randn(SIDE, SIDE, device="cuda") / SIDE**0.5
    total = torch.zeros((), device="cuda", dtype=torch.float64)

    def numbered(text: str) -> list[int]:
        known: dict[str, int] = {}
        return [known.setdefault(word, len(known)) for word in text.split()]

    def step(number: int) -> None:
        with phase(torch, "tokenize"):
            for _ in range(2 if form == "before" else 1):
                numbers = numbered(texts[number % len(texts)])
        given = torch.tensor(numbers[:SIDE], dtype=torch.float32).to("cuda")
        value = given.expand(SIDE, SIDE)
        for _ in range(3):
            value = torch.tanh(value @ weight)
        total.add_(value.double().sum())
        torch.cuda.current_stream().synchronize()

    return Form(step, lambda: total.reshape(1))


CURE = Cure("faster_range", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
