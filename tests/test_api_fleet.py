"""The Python API of many reports: the same figures as `nsysgap ranks` gives."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from command_line import run
from pandas.testing import assert_frame_equal
from rank_reports import save_job, steady

import nsysgap


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return save_job(tmp_path_factory.mktemp("job"), steady(3, 6, late={2: 900}))


def test_a_fleet_is_what_ranks_says(job: list[Path]) -> None:
    fleet = nsysgap.open_fleet(str(job[0].parent / "rank*.sqlite"), workers=1)
    assert fleet.document() == json.loads(run("ranks", *job, "--workers", 1, "--format", "json").stdout)
    csv = run("ranks", *job, "--workers", 1, "--format", "csv").stdout
    assert_frame_equal(pd.read_csv(io.StringIO(fleet.ranks().to_csv(index=False))), pd.read_csv(io.StringIO(csv)))
    assert fleet.verdict.startswith("rank 2 arrived last in 6 of 6")
    assert repr(fleet) == f"<nsysgap fleet of 3 ranks: {fleet.verdict}>"
    assert [report["status"] for report in fleet.reports] == ["ok"] * 3
    page = run("ranks", *job, "--workers", 1, "--html").stdout
    assert fleet.html() == page
    assert fleet.verdict in fleet._repr_html_()
    assert "step_ns" in fleet._repr_html_()


def test_ranges_of_a_domain_are_compared_as_the_command_does(job: list[Path]) -> None:
    fleet = nsysgap.open_fleet(job, workers=1, domain=re.compile("."), since=0)
    asked = "--domain", ".", "--from", "0", "--workers", 1, "--format", "json"
    assert fleet.document()["units"] == json.loads(run("ranks", *job, *asked).stdout)["units"]
    assert len(fleet.document()["units"]) == 3
    with pytest.raises(nsysgap.NsysgapError):
        nsysgap.open_fleet(job, workers=1, domain="^elsewhere$")


def test_iterations_and_collectives_by_rank(job: list[Path]) -> None:
    fleet = nsysgap.open_fleet(job, workers=1)
    found = fleet.iterations()
    assert found.groupby("rank")["step_ns"].sum().tolist() == fleet.ranks()["window_ns"].tolist()
    assert found.groupby("rank")["starved_ns"].sum().tolist() == fleet.ranks()["starved_ns"].tolist()
    shared = fleet.collectives()
    assert len(shared) == 18
    assert shared.groupby("rank")["wait_ns"].sum().tolist() == [5400, 5400, 0]
    assert shared[shared["last"]]["rank"].tolist() == ["rank 2"] * 6
    assert shared["iteration"].tolist() == [*range(6)] * 3


def test_two_jobs_are_compared_by_role(job: list[Path], tmp_path: Path) -> None:
    cured = nsysgap.open_fleet(save_job(tmp_path, steady(3, 6)), workers=1)
    found = nsysgap.open_fleet(job, workers=1).compare(cured).set_index(["role", "name"])
    assert found.loc[("straggler", "idle_host_ns"), "change"] == -900
    assert found.loc[("others", "exposed_wait_ns"), "change"] == -900


def test_jobs_are_compared_by_what_they_were_opened_with(job: list[Path]) -> None:
    for chosen in ({"whole": True}, {"nvtx": "^step [23]$"}):
        fleet = nsysgap.open_fleet(job, workers=1, **chosen)
        figures = fleet.compare(fleet).set_index(["role", "name"])["before"]
        assert figures["others", "busy_ns"] != plain(job)["others", "busy_ns"]


def plain(job: list[Path]) -> pd.Series:
    fleet = nsysgap.open_fleet(job, workers=1)
    return fleet.compare(fleet).set_index(["role", "name"])["before"]


def test_a_selection_counts_and_errors_are_nsysgap_s(job: list[Path], tmp_path: Path) -> None:
    assert len(nsysgap.open_fleet(job, nvtx="^step [23]$", workers=1).collectives()) == 6
    with pytest.raises(nsysgap.NsysgapError, match="holds no reports"):
        nsysgap.open_fleet(tmp_path)
