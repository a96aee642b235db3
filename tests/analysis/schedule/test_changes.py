"""Changes and predictions: laws on random loops, each change on a small loop, and pairs that were measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_builder import ReportBuilder

from nsysgap.analysis.schedule.bodies import Bodies, loop_bodies
from nsysgap.analysis.schedule.changes import Asked, Changes
from nsysgap.analysis.schedule.loop_time import run_loop
from nsysgap.analysis.schedule.predict import FIGURE, GAIN, RANGE, Predicted, predict
from nsysgap.answers.opening import opened
from nsysgap.answers.schedules import chosen_loops

MS = 1_000_000


@dataclass(frozen=True)
class Step:
    """What each step does, ns: own code in the range "load" and outside, kernels of two names, a copy, a wait."""

    load: int = 20_000
    host: int = 3_000
    call: int = 4_000
    kernels: tuple[int, ...] = (30_000, 40_000)
    copy: int = 0
    pinned: bool = True
    waits: bool = True


def loop_of(step: Step, steps: int = 5) -> ReportBuilder:
    """A program that runs the step over and over, as a GPU and a driver would: simulated call by call."""
    report, at, gpu, number = ReportBuilder(), 10_000, 0, 0
    report.call(0, 1_000, 0, "cudaFree_v3020")
    for count in range(steps):
        begin = at
        at += step.load
        report.nvtx(begin, at, "load")
        for place, took in enumerate(((step.copy,) if step.copy else ()) + step.kernels):
            is_copy = bool(step.copy) and place == 0
            at += step.host
            start = max(at + step.call + 2_000, gpu + 1_000)
            gpu = start + took
            end = gpu + 1_000 if is_copy and not step.pinned else at + step.call
            number += 1
            if is_copy:
                report.call(at, end, number, "cudaMemcpyAsync_v3020")
                kinds = {"srcKind": 1 if step.pinned else 0, "dstKind": 2}
                report.memcpy(start, gpu, number, bytes=took * 20, **kinds)
            else:
                report.call(at, end, number).kernel(start, gpu, number, f"kernel {place % 2}", gridX=8)
            at = end
        if step.waits:
            at += step.host
            end = max(at + 2_000, gpu + 3_000)
            number += 1
            report.sync(at, end, number)
            at = end
        report.nvtx(begin, at + 500, f"step {count}")
        at += 1_000
    return report


def bodies_of(report: ReportBuilder, folder: Path) -> Bodies:
    with opened(report.save(folder)) as source:
        (chosen,) = chosen_loops(source, "step #")
        return loop_bodies(chosen.model, chosen.stretch)


def predicted(bodies: Bodies, *asked: Asked) -> Predicted:
    changes = [Changes(bodies).candidate(one).change for one in asked]
    made = [one for one in changes if one is not None]
    assert len(made) == len(asked)
    return predict(bodies, made, bodies.model.schedule, run_loop(bodies, bodies.model.schedule).length)


_STEPS = st.builds(
    Step,
    load=st.integers(0, 200_000),
    host=st.integers(100, 40_000),
    call=st.integers(1_000, 10_000),
    kernels=st.lists(st.integers(1_000, 300_000), min_size=2, max_size=5).map(tuple),
    copy=st.sampled_from([0, 0, 100_000, 600_000]),
    pinned=st.booleans(),
    waits=st.booleans(),
)
_few = settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_few
@given(step=_STEPS)
def test_no_change_predicts_no_gain(step: Step, tmp_path: Path) -> None:
    found = predicted(bodies_of(loop_of(step), tmp_path)).prediction
    assert found.best_ns == found.worst_ns
    assert found.gain_percent in (0, None)


@_few
@given(step=_STEPS)
def test_more_of_a_change_never_gains_less(step: Step, tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(step), tmp_path)
    for name, target in (("faster", "kernel 0"), ("faster", "load"), ("cheaper-launches", "")):
        if name == "faster" and target == "load" and not step.load:
            continue
        lengths = [predicted(bodies, Asked(name, target, factor)).length for factor in (1, 1.5, 2, 4, 16)]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] == run_loop(bodies, bodies.model.schedule).length


@_few
@given(step=_STEPS, factor=st.sampled_from([2, 5]))
def test_taking_time_out_of_kernels_gains_at_most_their_share_of_the_path(
    step: Step, factor: int, tmp_path: Path
) -> None:
    bodies = bodies_of(loop_of(step), tmp_path)
    recorded = run_loop(bodies, bodies.model.schedule)
    of_kernel = Changes(bodies).ops_named("kernel 0")
    share = int(recorded.path().gpu[of_kernel].sum())
    assert recorded.length - predicted(bodies, Asked("faster", "kernel 0", factor)).length <= share


@_few
@given(step=_STEPS)
def test_the_order_of_changes_does_not_matter(step: Step, tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(step), tmp_path)
    asked = [Asked("graph"), Asked("faster", "kernel 1", 2), Asked("cheaper-launches", "", 2)]
    if step.waits:
        asked.append(Asked("fewer-syncs", "", 2))
    there, back = predicted(bodies, *asked), predicted(bodies, *asked[::-1])
    assert (there.prediction, there.length) == (back.prediction, back.length)


def test_a_graph_of_a_gpu_bound_step_is_a_figure_and_gains_next_to_nothing(tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(Step(kernels=(900_000, 900_000, 900_000), load=0)), tmp_path)
    found = predicted(bodies, Asked("graph"))
    assert found.prediction.kind == FIGURE
    recorded = run_loop(bodies, bodies.model.schedule).length // bodies.count
    assert found.prediction.central_ns is not None
    assert abs(recorded - found.prediction.central_ns) < 10_000
    assert [len(calls) for calls in bodies.segments] == [3] * 5
    assert Changes(bodies).identical == (5, 5)
    (blocker,) = bodies.blockers
    assert (blocker.what, blocker.bodies, blocker.of) == ("cudaDeviceSynchronize", 5, 5)


@pytest.mark.parametrize(
    ("load", "said"), [(150_000, ""), (750_000, "749 us of the host's time before the first launch")]
)
def test_of_what_comes_before_a_graph_5_us_stay_and_at_worst_all(load: int, said: str, tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(Step(kernels=(100_000,) * 6, load=load)), tmp_path)
    candidate = Changes(bodies).candidate(Asked("graph"))
    change = candidate.change
    assert change is not None
    first = bodies.segments[1][0]
    gaps = [int(change.edit(bodies.model.schedule, case).gap[first]) for case in ("central", "best", "worst")]
    assert gaps == [5_000, 2_000, load + 3_000 + 1_000]
    assert said in candidate.said
    assert ("is left out" in candidate.said) == bool(said)
    found = predicted(bodies, Asked("graph"))
    assert found.scaled_by[0] == FIGURE
    assert found.prediction.kind == (RANGE if said else FIGURE)  # what the host does there may have to stay


def test_a_graph_of_a_host_bound_step_is_a_range(tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(Step(kernels=(2_000,) * 20, host=20_000, load=0)), tmp_path)
    found = predicted(bodies, Asked("graph")).prediction
    assert (found.kind, found.central_ns, found.gain_percent) == (RANGE, None, None)
    assert found.best_ns < found.worst_ns < 500_000


def test_pinned_copies_are_faster_and_do_not_block(tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(Step(copy=4 * MS, pinned=False, kernels=(900_000, 900_000))), tmp_path)
    found = predicted(bodies, Asked("pinned"))
    assert found.prediction.kind == FIGURE
    # 80 MB at 12 GB/s, what is usual for a GPU without a name, is no faster than it was.
    assert (found.prediction.gain_percent or 0) < 1
    named = bodies_of(
        loop_of(Step(copy=4 * MS, pinned=False, kernels=(900_000, 900_000))).gpu(0, "NVIDIA H200"), tmp_path
    )
    assert 40 < (predicted(named, Asked("pinned")).prediction.gain_percent or 0) < 50


def test_a_gpu_that_reaches_host_memory_over_nvlink_is_refused(tmp_path: Path) -> None:
    report = loop_of(Step(copy=4 * MS, pinned=False)).gpu(0, "NVIDIA GH200 480GB")
    assert "NVLink" in Changes(bodies_of(report, tmp_path)).candidate(Asked("pinned")).refused


def test_overlapped_copies_hide_behind_kernels(tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(Step(copy=600_000, kernels=(500_000, 500_000), load=0)), tmp_path)
    recorded = run_loop(bodies, bodies.model.schedule).length // bodies.count
    found = predicted(bodies, Asked("overlapped")).prediction
    assert found.kind == RANGE
    assert recorded - found.best_ns > 300_000


def test_work_elsewhere_takes_at_least_as_long_as_it_took(tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(Step(load=900_000)), tmp_path)
    found = predicted(bodies, Asked("elsewhere", "load"))
    recorded = run_loop(bodies, bodies.model.schedule).length
    assert found.length == 5 * 900_000
    assert found.prediction.worst_ns == recorded // 5
    assert found.prediction.best_ns < 150_000


def test_a_faster_range_is_a_gain_at_equal_host_speed(tmp_path: Path) -> None:
    found = predicted(bodies_of(loop_of(Step(load=900_000)), tmp_path), Asked("faster", "load", 2)).prediction
    assert found.kind == GAIN
    assert 40 < (found.gain_percent or 0) < 50


def test_fewer_syncs_let_the_host_run_ahead_but_the_last_one_stays(tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(Step(load=50_000, kernels=(60_000, 60_000))), tmp_path)
    recorded = run_loop(bodies, bodies.model.schedule).length
    found = predicted(bodies, Asked("fewer-syncs", "", 100))
    assert 5 * 120_000 < found.length < recorded - 4 * 40_000


def test_fused_and_batched_kernels_are_ranges(tmp_path: Path) -> None:
    bodies = bodies_of(loop_of(Step(kernels=(5_000,) * 8, host=10_000)), tmp_path)
    recorded = run_loop(bodies, bodies.model.schedule).length // 5
    fused, batched = predicted(bodies, Asked("fused", "kernel")), predicted(bodies, Asked("batched", "kernel", 4))
    assert fused.prediction.kind == batched.prediction.kind == RANGE
    assert fused.prediction.best_ns < batched.prediction.worst_ns
    assert batched.length // 5 < recorded - 60_000


def test_what_is_not_there_is_refused_with_the_reason(tmp_path: Path) -> None:
    changes = Changes(bodies_of(loop_of(Step(kernels=(5_000,), waits=False)), tmp_path))
    for asked, why in (
        (Asked("graph"), "Nothing can be captured"),
        (Asked("fewer-syncs", "", 2), "no call that only waits"),
        (Asked("pinned"), "pageable"),
        (Asked("overlapped"), "pin it first"),
        (Asked("elsewhere", "nothing"), "no range called"),
        (Asked("faster", "nothing", 2), "Neither a range"),
        (Asked("fused", "nothing"), "No two kernels"),
        (Asked("os-waits"), "No OS call"),
    ):
        found = changes.candidate(asked)
        assert found.change is None
        assert why in found.refused


PAIRS: dict[str, tuple[str, tuple[str, ...], int, tuple[int, ...]]] = {
    # program: (change, its options, measured under nsys, measured plain), us per step
    "graph_small_eager": ("graph", ("--graph",), 98, (68, 66)),
    "host_full": ("elsewhere", ("--elsewhere", "tokenize"), 1_598, (1_579, 1_590)),
    "copy_pageable": ("pinned", ("--pin",), 679, (648, 647)),
    "batch_single": ("batched", ("--batch", ".=64"), 53, (32, 31)),
}
PLAIN = {"graph_small_eager": 317, "host_full": 1_742, "copy_pageable": 1_642, "batch_single": 1_715}


@pytest.mark.parametrize("name", PAIRS)
def test_measured_pairs_lie_in_what_was_predicted(name: str, real_report: Callable[[str], Path]) -> None:
    change, options, measured, plain = PAIRS[name]
    done = run("whatif", real_report(name), *options, "--plain", f"{PLAIN[name]}us", "--format", "json")
    document: dict[str, Any] = json.loads(done.stdout)
    (found,) = document["changes"]
    assert (found["change"], document["iterations"]) == (change, 40)
    under = found["under_nsys"]
    assert under["best_ns"] <= 1_000 * measured <= under["worst_ns"]
    assert all(found["plain"]["best_ns"] <= 1_000 * one <= found["plain"]["worst_ns"] for one in plain)
    if under["kind"] == FIGURE:
        assert abs(under["central_ns"] - 1_000 * measured) < 0.1 * 1_000 * measured
