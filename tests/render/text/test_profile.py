"""The comparison of captures as text, Markdown and CSV, made from the sample reports and their workloads' records."""

from __future__ import annotations

import csv
import io
import json
import re
from functools import cache
from typing import Any

import pytest
from folders import SAMPLES

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.launching_ways import launch_figures
from nsysgap.analysis.relations.ranges import select_ranges
from nsysgap.figures import as_json
from nsysgap.profiling.capture import Run
from nsysgap.profiling.summary import perturbation
from nsysgap.render.text.profile import comparison_csv, comparison_markdown, comparison_text, perturbation_text
from nsysgap.report import open_source, read_trace

FIVE = ("naive", "graph", "fused", "mega", "cdp")
Document = dict[str, Any]


@cache
def capture(name: str) -> Document:
    """What `nsysgap profile` knows of a sample when it compares: its runs' records, and its report's figures."""
    record = json.loads((SAMPLES / "records.json").read_text())[name]
    [path] = SAMPLES.glob(f"{name}.sqlite*")
    with open_source(path) as source:
        trace = read_trace(source)
    idle = IdleReport(trace, selection=select_ranges(trace, re.compile("^measured$")).time)
    plain, profiled = Run(0, 1.0, record["plain"]), Run(0, 2.0, record["under_nsys"])
    figures = as_json(launch_figures(idle, record["under_nsys"]).as_dict())
    return {
        "name": name,
        "target": f"{name}.py",
        "figures": figures,
        "baseline": vars(plain),
        "profiled": vars(profiled),
        "perturbation": perturbation(plain, profiled, None),
    }


def failed(name: str, record: Document | None = None) -> Document:
    """A capture of a program that failed before it used the GPU; `record`: what it printed all the same."""
    run = {"exit_code": 1, "wall_s": 1.0, "record": record}
    return {"name": name, "target": name, "figures": None, "baseline": run, "profiled": run, "perturbation": None}


def row(text: str, label: str) -> list[str]:
    """The cells of the line that begins with a label."""
    [line] = [line for line in text.splitlines() if line.strip().startswith(label)]
    return re.split(r"  +", line.strip())[1:]


def test_five_ways_stand_side_by_side_in_80_columns() -> None:
    text = comparison_text([capture(name) for name in FIVE])
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[0].split() == list(FIVE)
    assert row(text, "measured part, plain") == ["5.09 ms", "3.76 ms", "14.2 ms", "3.51 ms", "17.1 ms"]
    assert row(text, "plain, us") == ["50.92", "37.62", "35.47", "35.08", "42.71"]
    assert row(text, "under nsys, us") == ["51.39", "39.65", "35.33", "34.76", "42.26"]
    assert row(text, "host API calls") == ["2,000", "100", "100", "20", "100"]  # mega: 1 launch, 1 wait for 100
    assert row(text, "GPU ops") == ["1,000", "1,000", "50", "10", "50"]
    assert row(text, "untraced time") == ["0 ns", "0 ns", "0 ns", "0 ns", "13.7 ms"]
    assert row(text, "idle, untraced counted as busy")[-1] == "1.8 %"
    assert row(text, "idle, untraced counted as idle")[-1] == "82.7 %"
    assert "exit code" not in text


def test_figures_that_nsys_inflates_are_marked() -> None:
    for text in (comparison_text([capture("naive")]), comparison_markdown([capture("naive")])):
        marked = re.findall(r"^\W*([a-z]\S.*?)(?: us)? \*", text, re.MULTILINE)
        assert marked == ["launch latency, median,", "idle: launch", "idle: host"]
        assert "inflated by nsys, whose hooks" in text


def test_many_captures_go_on_below() -> None:
    text = comparison_text([capture(name) for name in (*FIVE, *FIVE)])
    assert max(map(len, text.splitlines())) <= 80
    heads = [line.split() for line in text.splitlines() if line.lstrip().startswith(FIVE)]
    assert len(heads) > 1
    assert [name for head in heads for name in head] == [*FIVE, *FIVE]


def test_captures_without_figures_say_why() -> None:
    some = comparison_text([capture("naive"), failed("broken")])
    assert row(some, "exit code") == ["0", "1"]
    assert row(some, "plain, us") == ["50.92", "-"]
    assert "reports hold no kernels: broken." in some
    none = comparison_text([failed("one"), failed("two")])
    assert row(none, "exit code") == ["1", "1"]
    assert "reports hold no kernels: one, two." in none
    assert "inflated" not in none


@pytest.mark.parametrize("value", ["fast", None, True, [1], {"a": 1}])
def test_a_record_may_hold_anything(value: object) -> None:
    odd = failed("odd", {"wall_us_per_kernel": value, "event_us_per_kernel": value})
    for show in (comparison_text, comparison_markdown, comparison_csv):
        assert str(value) not in show([odd, capture("naive")]) or value is None
    assert row(comparison_text([odd, capture("naive")]), "plain, us") == ["-", "50.92"]


def test_csv_holds_every_figure_unrounded() -> None:
    naive, cdp, broken = csv.DictReader(
        io.StringIO(comparison_csv([capture("naive"), capture("cdp"), failed("broken")]))
    )
    assert (naive["plain_us_per_kernel"], naive["slowdown_percent"]) == ("50.916", "0.93")
    assert (cdp["untraced_ns"], cdp["idle_percent_untraced"]) == ("13684162", "80.94")
    assert (broken["exit_code"], broken["idle_percent_high"]) == ("1", "")


def test_markdown_is_one_table() -> None:
    lines = comparison_markdown([capture("naive"), capture("cdp")]).split("\n\n")[0].splitlines()
    assert {line.count("|") for line in lines} == {4}
    assert lines[:2] == ["|  | naive | cdp |", "| --- | ---: | ---: |"]


def test_what_nsys_changed_is_said_even_if_it_was_not_measured() -> None:
    measured = perturbation_text(capture("graph"))
    assert "the measured part took 3.76 ms plain and 3.96 ms under nsys (+5.4 %)" in measured.replace("\n", " ")
    without = perturbation_text({**capture("graph"), "baseline": None, "perturbation": None})
    unlike = perturbation_text({**capture("graph"), "perturbation": None})
    assert "no plain run" in without
    assert "nothing to compare" in unlike.replace("\n", " ")
    for said in (measured, without, unlike):
        assert "inflates launch calls and latency" in said.replace("\n", " ")
        assert max(map(len, said.splitlines())) <= 80
