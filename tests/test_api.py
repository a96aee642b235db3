"""The Python API, on the bundled sample."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import gaps_json, run
from folders import NAIVE, SAMPLES
from pandas.testing import assert_frame_equal

import nsysgap


def test_the_python_api_gives_documented_frames() -> None:
    report = nsysgap.open_report(NAIVE)
    document = gaps_json("--top", "all")
    assert report.idle()["idle_ns"].tolist() == [document["devices"][0]["idle_ns"]]
    gaps = report.gaps()
    assert gaps["duration_ns"].tolist() == [gap["duration_ns"] for gap in document["gaps"]]
    assert len(report.launches()) == sum(one["count"] for one in document["launches"].values())
    assert int(report.syncs()["waited"].sum()) == document["syncs"]["waited"]["count"]
    assert "idle_ns" in report._repr_html_()
    assert "GPU 0 idle" in repr(report)
    assert nsysgap.Report.timeline_figure is nsysgap.Report.timeline


@pytest.fixture(scope="module")
def report() -> nsysgap.Report:
    """The sample, read once."""
    return nsysgap.open_report(NAIVE)


def csv(*arguments: object) -> pd.DataFrame:
    """What a command writes as CSV."""
    done = run(*arguments, "--format", "csv")
    assert done.returncode == 0, done.stderr
    return pd.read_csv(io.StringIO(done.stdout), keep_default_na=False)


def same(frame: pd.DataFrame, other: pd.DataFrame) -> None:
    """Hold a frame and a command's rows together, as text: CSV knows no types."""
    read_back = pd.read_csv(io.StringIO(frame.to_csv(index=False)), keep_default_na=False)
    assert_frame_equal(read_back, other)


SELECTED: tuple[dict[str, Any], list[str]] = (
    {"nvtx": "^measured$", "since": "940ms", "until": 1_000_000_000, "device": 0},
    ["--nvtx", "^measured$", "--from", "940ms", "--to", "1s", "--device", "0"],
)


@pytest.mark.parametrize(("given", "options"), [({}, []), SELECTED], ids=["whole", "selected"])
def test_methods_give_the_rows_of_the_commands(
    report: nsysgap.Report, given: dict[str, Any], options: list[str]
) -> None:
    same(report.gaps(**given), csv("gaps", NAIVE, *options).drop(columns="report"))
    same(report.gaps(by="api", **given), csv("gaps", NAIVE, "--by", "api", *options).drop(columns="report"))
    same(report.launches(by="kernel", **given), csv("launches", NAIVE, *options))
    same(report.stacks(by="function", **given), csv("stacks", NAIVE, "--by", "function", *options))
    same(report.idle(**given)[["idle_ns"]], pd.DataFrame({"idle_ns": [gaps_json(*options)["devices"][0]["idle_ns"]]}))


def test_steps_are_those_of_the_command(report: nsysgap.Report) -> None:
    label = report.steps().loops()["label"].iloc[0]  # of two loops, the main one among them
    steps = report.steps(label)
    document = json.loads(run("steps", NAIVE, "--loop", label, "--format", "json").stdout)
    assert steps.document() == document
    same(steps.loops(), csv("steps", NAIVE))
    same(steps.iterations(), csv("steps", NAIVE, "--loop", label))
    assert [loop["count"] for loop in report.steps().document()["loops"] if "iterations" in loop] == [200]
    with pytest.raises(nsysgap.NsysgapError, match="No loop is called 'nothing'"):
        report.steps("nothing")


def test_info_graphs_and_traces_are_those_of_the_commands(report: nsysgap.Report, tmp_path: Path) -> None:
    assert report.info() == json.loads(run("info", NAIVE, "--format", "json").stdout)
    graph = SAMPLES / "graph_explicit.sqlite.xz"
    same(nsysgap.open_report(graph).graphs(1), csv("graphs", graph, "--node", "1"))
    made = report.to_chrome(tmp_path / "new" / "trace.json", since="945ms", until="946ms", top_gaps=2)
    options = ("--from", "945ms", "--to", "946ms", "--top-gaps", "2")
    assert made.read_text() == run("to-chrome", NAIVE, "-o", "-", *options).stdout
    page = report.timeline_html(since="945ms", until="946ms")
    assert run("timeline", NAIVE, "--from", "945ms", "--to", "946ms", "-o", tmp_path / "page.html").returncode == 0
    assert page == (tmp_path / "page.html").read_text()


def test_errors_are_those_of_the_commands(report: nsysgap.Report, tmp_path: Path) -> None:
    said = run("gaps", NAIVE, "--device", "4").stderr
    with pytest.raises(nsysgap.NsysgapError) as absent:
        report.idle(device=4)
    assert said == f"nsysgap: {absent.value.message}\n  {absent.value.hint}\n"
    wrong: list[dict[str, Any]] = [{"nvtx": "no such range"}, {"nvtx": "("}, {"since": "soon"}, {"by": "colour"}]
    for given in wrong:
        with pytest.raises(nsysgap.NsysgapError):
            report.gaps(**given)
    with pytest.raises(nsysgap.NsysgapError) as refused:
        report.whatif(faster={"(": 2})
    assert refused.value.message in run("whatif", NAIVE, "--faster", "(=2").stderr
    copy = tmp_path / "report.json"
    copy.write_bytes(NAIVE.read_bytes())
    for name in ("report.json", "trace.txt"):
        with pytest.raises(nsysgap.NsysgapError):
            nsysgap.open_report(copy).to_chrome(tmp_path / name)
    assert copy.read_bytes() == NAIVE.read_bytes()
