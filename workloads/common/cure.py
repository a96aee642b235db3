"""A program in two forms, before and after a cure: the same result, measured the same way.

Both forms run `--steps` steps after some to warm up, each in a range "step N" inside "measured", and end with the same
answer, which is checked against the other form's.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from common.errors import WorkloadError
from common.options import positive
from common.program import Program, run_program
from common.torchgpu import describe, import_torch, largest_difference, phase

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

FORMS = ("before", "after")
WARM_UP = 6


@dataclass(frozen=True)
class Form:
    """A form made ready: `step(i)` runs step i, `finish()` waits for the rest and returns the answer, a tensor."""

    step: Callable[[int], None]
    finish: Callable[[], Any]


@dataclass(frozen=True)
class Cure:
    """A cure: its name, what makes each form, how much the answers may differ (of the largest value)."""

    name: str
    make: Callable[[Any, str, int], Form]
    tolerance: float = 1e-3


def run_form(torch: Any, cure: Cure, form: str, steps: int, label: str = "step") -> tuple[list[float], float, Any]:
    """Return the us of each step, the us a step of the whole, waited for at the end, and the answer."""
    made = cure.make(torch, form, steps + WARM_UP)
    with phase(torch, "warm-up"):
        for number in range(WARM_UP):
            made.step(number)
        torch.cuda.synchronize()
    times = []
    with phase(torch, "measured"):
        begin = perf_counter()
        for number in range(WARM_UP, WARM_UP + steps):
            start = perf_counter()
            with phase(torch, f"{label} {number - WARM_UP}"):
                made.step(number)
            times.append(1e6 * (perf_counter() - start))
        answer = made.finish()
        torch.cuda.synchronize()
        whole = 1e6 * (perf_counter() - begin) / steps
    return times, whole, answer


def record(cure: Cure, form: str, times: Sequence[float], whole: float) -> dict[str, object]:
    """Return what is said of a form."""
    return {
        "workload": f"cures/{cure.name}",
        "form": form,
        "steps": len(times),
        "wall_s_measured": round(1e-6 * whole * len(times), 9),
        "step_us": round(whole, 2),
        "step_us_median": round(sorted(times)[(len(times) - 1) // 2], 2),
    }


def measure(cure: Cure, options: argparse.Namespace) -> dict[str, object]:
    """Run one form, and the other one shortly for its answer; return the record."""
    torch = import_torch()
    with torch.no_grad():
        times, whole, answer = run_form(torch, cure, options.form, options.steps)
        error = None
        if options.check:
            other = FORMS[1 - FORMS.index(options.form)]
            made = cure.make(torch, other, options.steps + WARM_UP)
            with phase(torch, "check"):
                for number in range(options.steps + WARM_UP):
                    made.step(number)
                expected = made.finish()
            error = largest_difference(answer, expected, f"the form {options.form!r}", cure.tolerance)
    return record(cure, options.form, times, whole) | {"max_relative_error": error} | describe(torch)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --form, --steps and --no-check."""
    parser.add_argument("--form", choices=FORMS, default="before")
    parser.add_argument("--steps", type=positive, default=40)
    parser.add_argument("--no-check", dest="check", action="store_false", help="do not run the other form")


def run_cure(cure: Cure, description: str | None, arguments: Sequence[str] | None = None) -> int:
    """Run a cure's program from the command line."""
    program = Program(cure.name, add_options, lambda options: measure(cure, options))
    return run_program(program, description, arguments)


def answers_agree(cure: Cure, answers: dict[str, Any]) -> float:
    """Return the difference of two forms' answers; raises `WorkloadError` where it is too large."""
    if set(answers) != set(FORMS):
        raise WorkloadError(f"{cure.name}: an answer is missing")
    return largest_difference(answers["after"], answers["before"], cure.name, cure.tolerance)
