"""How much slower a program is under the profiler."""

from __future__ import annotations

from nsysgap.profiling.capture import Run
from nsysgap.profiling.summary import perturbation


def test_perturbation_is_of_the_measured_part_else_of_the_whole_run() -> None:
    plain, traced = Run(0, 2.0, {"wall_s_measured": 0.5}), Run(0, 9.0, {"wall_s_measured": 0.6})
    assert perturbation(plain, traced, 10**9) == {
        "of": "the measured part",
        "plain_s": 0.5,
        "profiled_s": 0.6,
        "ratio": 1.2,
    }
    whole = perturbation(Run(0, 2.0, None), traced, 3 * 10**9)
    assert whole == {"of": "the whole run", "plain_s": 2.0, "profiled_s": 3.0, "ratio": 1.5}
    assert perturbation(Run(0, 2.0, None), traced, None) is None  # only a range was captured
    assert perturbation(None, traced, 10**9) is None
    assert perturbation(Run(1, 2.0, None), traced, 10**9) is None  # a failed run's time means nothing
