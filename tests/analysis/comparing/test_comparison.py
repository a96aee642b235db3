"""Sides compared: medians of captures, what explains the change, what noise lets one say, what is not comparable."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.analysis.comparing.captures import FIGURES, PART_FIGURES, Capture, OpTime, Value
from nsysgap.analysis.comparing.comparable import labels_of, reasons
from nsysgap.analysis.comparing.comparison import compare_figure, compare_figures, explained
from nsysgap.analysis.comparing.kernels import coverage, match_ops
from nsysgap.units import rounded_together, scale_of

STEPS = st.lists(st.integers(1, 10**9), min_size=1, max_size=6)


def capture(step: int | None = 100, **more: Any) -> Capture:
    """A capture of the loop "step #": 4 iterations, 1 launch each; `figures` adds to its figures."""
    figures: dict[str, Value] = dict.fromkeys(FIGURES, None if step is None else 0)
    figures |= {"step_ns": step, "busy_ns": step, "launches": 1, "ops": 1, **more.pop("figures", {})}
    made: dict[str, Any] = {
        "path": "a.sqlite",
        "loop": "step #",
        "iterations": 4,
        "steps": (step or 0,) * 4,
        "ops": {},
        "gpus": ("NVIDIA H200",),
        "gpu_count": 1,
        "graph_trace": None,
        "longest_gap": 0,
    }
    return Capture(figures=figures, **{**made, **more})


def side(*steps: int) -> list[Capture]:
    """A side of captures that differ in their step."""
    return [capture(step) for step in steps]


def why(before: list[Capture], after: list[Capture], **options: bool) -> list[str]:
    """The reasons why two sides are not comparable."""
    return reasons(before, after, (labels_of(before), labels_of(after)), **options)


def test_a_side_is_the_lower_median_of_its_captures() -> None:
    found = compare_figure(side(100, 400, 200, 300), side(50), "step_ns")
    assert (found.before, found.after, found.change, found.change_percent) == (200, 50, -150, -75.0)


@given(STEPS, STEPS)
def test_nothing_is_ever_changed_without_four_captures_a_side(before: list[int], after: list[int]) -> None:
    found = compare_figures(side(*before), side(*after))
    if min(len(before), len(after)) < 4:
        assert {(one.verdict, one.p) for one in found} == {("unknown", None)}
    else:
        assert {one.verdict for one in found} <= {"changed", "same"}


def test_changed_needs_both_p_and_two_percent() -> None:
    far = compare_figure(side(100, 101, 102, 103), side(200, 201, 202, 203), "step_ns")
    near = compare_figure(side(1000, 1001, 1002, 1003), side(1010, 1011, 1012, 1013), "step_ns")
    mixed = compare_figure(side(100, 200, 300, 400), side(110, 210, 310, 410), "step_ns")
    assert far.p == near.p == pytest.approx(2 / 70)
    assert (far.verdict, near.verdict) == ("changed", "same")  # 1 % is no change, however sure
    assert mixed.verdict == "same"  # 5 % that chance explains


def test_from_nothing_to_something_has_no_percentage() -> None:
    some = [capture(100, figures={"idle_host_ns": value}) for value in (5, 6, 7, 8)]
    found = compare_figure(side(100, 100, 100, 100), some, "idle_host_ns")
    assert (found.change_percent, found.verdict) == (None, "changed")


def test_waiting_for_ranks_is_shown_only_where_there_is_any() -> None:
    waiting = [capture(100, figures={"exposed_wait_ns": 7})]
    assert [one.name for one in compare_figures(side(100), side(100))] == list(FIGURES[:-1])
    assert [one.name for one in compare_figures(waiting, side(100))] == list(FIGURES)


@given(st.lists(st.integers(0, 10**6), min_size=12, max_size=12), st.integers(1, 10**7), st.integers(1, 4))
def test_what_explains_the_change_sums_to_it(values: list[int], step: int, gpus: int) -> None:
    figures = dict(zip(("busy_ns", "idle_ns", *PART_FIGURES), values, strict=True))
    after = capture(step, figures=figures, gpu_count=gpus)
    assert sum(ns for _, ns in explained([capture(100)], [after])) == step - 100


def test_nothing_explains_a_change_that_is_not_known() -> None:
    assert explained([capture(None)], [capture(100)]) == []


@given(st.lists(st.integers(-(10**10), 10**10), min_size=1, max_size=12))
def test_rounded_parts_sum_to_the_rounded_sum(values: list[int]) -> None:
    _, scale = scale_of(max(map(abs, values)))
    rounded = rounded_together(values, scale)
    assert abs(sum(rounded) * scale - sum(values)) * 2 <= scale
    assert all(abs(one * scale - value) < scale for one, value in zip(rounded, values, strict=True))


def test_kernels_are_matched_by_name_and_a_capture_without_one_has_none_of_it() -> None:
    before = [capture(ops={("kernel", "a"): OpTime(400, 8), ("kernel", "old"): OpTime(40, 4)})]
    after = [capture(ops={("kernel", "a"): OpTime(800, 8), ("memcpy", "a"): OpTime(10, 2)})]
    ops = match_ops(before, after)
    found = [(one.kind, one.name, one.before and one.before.ns, one.after and one.after.ns) for one in ops]
    assert found == [("kernel", "a", 100, 200), ("kernel", "old", 10, None), ("memcpy", "a", None, 2)]
    assert coverage(ops) == (1, 90.909, 99.01)


def test_a_kernel_of_every_other_iteration_runs_half_a_time() -> None:
    [found] = match_ops([capture(ops={("kernel", "a"): OpTime(100, 2)})], [capture()])
    assert found.before is not None
    assert (found.before.ns, found.before.count, found.before.mean, found.after) == (25, 0.5, 50, None)


def test_sides_of_one_kind_are_comparable() -> None:
    assert why(side(100), side(200)) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"gpus": ("NVIDIA H100",)}, "Not the same GPU: before NVIDIA H200, after NVIDIA H100."),
        ({"incomplete": ("Events were lost.",)}, "Incomplete after: a.sqlite: Events were lost."),
        ({"loop": "token #"}, "Not the same loop: before 'step #', after 'token #'. Name one with --loop LABEL."),
        ({"loop": None}, "Not the same loop: before 'step #', after none. Name one with --loop LABEL."),
        (
            {"figures": {"launches": 3}},
            "Launches differ by more than half: 1 before, 3 after. Where that is meant, add --anyway.",
        ),
    ],
)
def test_each_reason_is_a_sentence(more: dict[str, Any], said: str) -> None:
    assert why(side(100), [capture(100, **more)]) == [said]


def test_a_side_without_gpu_work_is_named() -> None:
    assert why([capture(None)], side(100)) == ["No GPU work before: a.sqlite."]


def test_graphs_traced_in_two_ways_are_not_comparable() -> None:
    node, graph = capture(graph_trace="node"), capture(graph_trace="graph")
    [said] = why([node], [graph])
    assert said.startswith("CUDA graphs were traced in two ways: before node, after graph.")
    assert why([node], side(100)) == []  # a program without graphs has no way of tracing them


def test_anyway_allows_other_loops_and_launches_only() -> None:
    other = capture(100, loop="token #", figures={"launches": 30}, gpus=("NVIDIA H100",))
    assert why(side(100), [other], anyway=True) == ["Not the same GPU: before NVIDIA H200, after NVIDIA H100."]


def test_launches_may_halve() -> None:
    assert why([capture(figures={"launches": 10})], [capture(figures={"launches": 5})]) == []


def test_labels_match_after_digits_are_blanked() -> None:
    first, second = capture(loop="gemm (409 launches)"), capture(loop="gemm (17 launches)")
    assert why([first], [second]) == []


def test_a_gpu_that_the_report_does_not_name_is_no_other_gpu() -> None:
    assert why(side(100), [capture(gpus=())]) == []
