"""Jobs of several ranks as sides of `compare` and `check`: by role, whoever the straggler is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from rank_reports import save_job, save_together, steady

from nsysgap.fleet.remote import is_report

STEPS = 12


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int | None], Path]:
    """job("late", 2): the folder of a job of four in which rank 2 works 4,000 ns longer; None: nobody does."""
    made: dict[tuple[str, int | None], Path] = {}

    def of(name: str, straggler: int | None) -> Path:
        if (name, straggler) not in made:
            folder = tmp_path_factory.mktemp(name)
            save_job(folder, steady(4, STEPS, late={} if straggler is None else {straggler: 4000}))
            made[name, straggler] = folder
        return made[name, straggler]

    return of


Job = Callable[[str, int | None], Path]


def documents(*arguments: object) -> Any:
    done = run("compare", *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def figure(document: dict[str, Any], name: str) -> tuple[int, int]:
    (row,) = (one for one in document["figures"] if one["name"] == name)
    return row["before"], row["after"]


def test_the_straggler_is_compared_with_the_straggler(job: Job) -> None:
    """Before it is rank 2, after it is rank 0: by rank both would have changed, by role nobody has."""
    straggler, others = documents(job("a", 2), job("b", 0))
    assert [one["role"] for one in (straggler, others)] == ["straggler", "others"]
    assert [side["reports"][0]["path"].rpartition(": ")[2] for side in (straggler["before"], straggler["after"])] == [
        "rank 2",
        "rank 0",
    ]
    assert others["before"]["reports"][0]["path"].endswith(": 3 other ranks")
    assert others["before"]["reports"][0]["iterations"] == 3 * STEPS
    for document in (straggler, others):
        assert all(one["change"] == 0 for one in document["figures"])
    assert figure(others, "exposed_wait_ns") == (4000, 4000)
    assert figure(straggler, "idle_host_ns") == (4500, 4500)


def test_a_cured_job_has_no_straggler_and_both_roles_are_held_against_all(job: Job) -> None:
    straggler, others = documents(job("a", 2), job("even", None))
    assert figure(straggler, "idle_host_ns") == (4500, 500)
    assert figure(others, "exposed_wait_ns") == (4000, 0)
    assert straggler["after"] == others["after"]
    assert straggler["after"]["reports"][0]["path"].endswith(": 4 ranks")


def test_two_even_jobs_are_compared_once(job: Job) -> None:
    document = documents(job("even", None), job("again", None))
    assert document["role"] == "all"
    assert document["before"]["reports"][0]["iterations"] == 4 * STEPS


def test_reports_of_a_side_are_one_job_with_ranks(job: Job) -> None:
    before, after = (sorted(job(name, 2).iterdir()) for name in ("a", "c"))
    found = documents("--ranks", "--before", *before, "--after", *after)
    assert [one["role"] for one in found] == ["straggler", "others"]
    pattern = documents(job("a", 2) / "rank*.sqlite", job("c", 2) / "rank*.sqlite")
    assert [one["figures"] for one in pattern] == [one["figures"] for one in found]


def test_text_markdown_and_csv_name_the_roles(job: Job) -> None:
    sides = (job("a", 2), job("even", None))
    text = run("compare", *sides).stdout
    assert text.startswith("Straggler:\n")
    assert "\nOthers:\n" in text
    assert "### others" in run("compare", *sides, "--format", "markdown").stdout
    rows = list(csv.DictReader(io.StringIO(run("compare", *sides, "--format", "csv").stdout)))
    assert {row["role"] for row in rows} == {"straggler", "others"}
    page = run("compare", *sides, "--html")
    assert page.returncode == 2
    assert "by role" in page.stderr


def test_limits_hold_for_each_role(job: Job) -> None:
    """The straggler is idle 4,520 of 5,620 ns, the others 520; starved are the others as long, waiting."""
    done = run("check", job("a", 2), "--max-idle", 50, "--max-starved", 85, "--format", "json")
    assert done.returncode == 3
    limits = json.loads(done.stdout)["limits"]
    assert [(one["limit"], one["role"], one["verdict"]) for one in limits] == [
        ("max-idle", "straggler", "fail"),
        ("max-starved", "straggler", "pass"),
        ("max-idle", "others", "pass"),
        ("max-starved", "others", "pass"),
    ]
    assert [round(one["value"], 1) for one in limits] == [80.4, 80.4, 9.3, 80.4]
    assert "max-idle, straggler" in run("check", job("a", 2), "--max-idle", 50).stdout


def test_a_baseline_keeps_the_roles(job: Job, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    assert run("check", job("a", 2), "--save-baseline", baseline).returncode == 0
    kept = json.loads(baseline.read_text())["captures"]
    assert [one["role"] for one in kept] == ["straggler", "others"]
    same = run("check", job("b", 0), "--baseline", baseline, "--max-slower", 1, "--format", "json")
    assert [one["verdict"] for one in json.loads(same.stdout)["limits"]] == ["pass", "pass"]
    against = run("check", job("b", 0), "--baseline", job("even", None), "--max-slower", 1, "--format", "json")
    assert [one["verdict"] for one in json.loads(against.stdout)["limits"]] == ["fail", "fail"]


def test_a_report_of_several_ranks_is_no_rank(job: Job, tmp_path: Path) -> None:
    together = save_together(tmp_path, steady(2, STEPS))
    done = run("compare", "--ranks", "--before", together, *job("a", 2).iterdir(), "--after", job("even", None))
    assert done.returncode == 1
    assert "together.sqlite is no report of one rank: several processes" in done.stderr


def test_the_ranks_that_a_limit_is_held_against_are_named(tmp_path: Path) -> None:
    save_job(tmp_path, steady(4, 12, late={2: 9000}))
    said = run("check", f"{tmp_path}/", "--max-starved", 5).stdout.splitlines()[0]
    assert said == f"{tmp_path.name}: rank 2 and 3 other ranks: 12 x step #"


def test_a_storage_is_asked_once_what_a_url_is(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(url: str) -> bool:
        asked.append(url)
        return is_report(url)

    monkeypatch.setattr("nsysgap.fleet.paths.is_report", counted)
    url = job("late", 2).as_uri()
    assert run("check", url, "--max-idle", 100).returncode == 0
    assert asked == [url]
