"""All cures in turn: each round runs both forms of every cure, so that what drifts meets both alike.

One line of JSON a form and round: what `cures/NAME.py` prints, and the round. The forms' answers are compared in every
round. Under nsys the ranges of a form are "NAME FORM step N".
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import FORMS, answers_agree, record, run_form
from common.errors import WorkloadError
from common.options import chosen, positive
from common.torchgpu import describe, import_torch

NAMES = (
    *("graph", "fewer_syncs", "pinned", "overlapped", "elsewhere", "batched", "fused", "allocation"),
    *("faster_kernel", "graph_block", "train_reads", "pinned_loader", "faster_range"),
)


def run_round(torch: Any, name: str, number: int, steps: int) -> None:
    """Run both forms of a cure, the other one first in every other round; print their records."""
    cure = importlib.import_module(f"cures.{name}").CURE
    answers = {}
    for form in FORMS if number % 2 == 0 else FORMS[::-1]:
        times, whole, answer = run_form(torch, cure, form, steps, label=f"{name} {form} step")
        answers[form] = answer.clone()
        said = record(cure, form, times, whole) | {"round": number} | describe(torch)
        print(json.dumps(said), flush=True)
    answers_agree(cure, answers)


def main() -> int:
    """Run the rounds; 1 where an answer is wrong or there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--steps", type=positive, default=40)
    parser.add_argument("--cure", default="all", help="one cure, several with commas between, or all of them")
    options = parser.parse_args()
    try:
        torch = import_torch()
        with torch.no_grad():
            for number in range(options.rounds):
                for name in chosen("--cure", options.cure, NAMES):
                    run_round(torch, name, number, options.steps)
    except WorkloadError as error:
        print(f"cures: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
