"""Loops against tests/reference_steps.py: one page of definitions, two programs that share no line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import reference_steps
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loop_reports import document_of, loop_rows, steps_of
from random_reports import HIDDEN_AFTER, Row, build


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rows=loop_rows())
def test_random_loops_and_which_of_them_is_the_main_one(folder: Path, rows: list[Row]) -> None:
    path = build(rows).save(folder)
    steps = steps_of(path, HIDDEN_AFTER)
    document = document_of(steps)
    found = [loop for loop in document["loops"] if loop["source"] == "nvtx"]
    assert found == reference_steps.steps_json(str(path), HIDDEN_AFTER)
    for row in document["loops"]:
        for device in row["devices"]:
            assert device["busy_ns"] + device["idle_ns"] == device["window_ns"]
            assert sum(device["idle_by_cause_ns"].values()) == device["idle_ns"]
    expected = reference_steps.main_labels(str(path))
    for process, number in steps.main.items():
        loop = steps.loops[number]
        if loop.source == "nvtx":  # the reference knows no others
            assert (loop.label, loop.count) == expected[int(steps.trace.processes["global_pid"][process])]


@settings(max_examples=examples(200))
@given(text=st.text(alphabet="ab-0179 \t\n.#\u0663\u2003"))
def test_labels(text: str) -> None:
    from nsysgap.range_labels import label_of

    assert label_of(text) == reference_steps.label_of(text)


REAL = ("decode_pysampled", "copy_pageable", "fleet_host_rank0", "s3.20.2_nsightful", "s2.9.1_pipit")


@pytest.mark.parametrize("name", REAL)
def test_real_loops(name: str, real_report: Callable[[str], Path]) -> None:
    path = real_report(name)
    found = [loop for loop in document_of(steps_of(path))["loops"] if loop["source"] == "nvtx"]
    assert found
    assert found == reference_steps.steps_json(str(path))
