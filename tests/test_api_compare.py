"""The Python API of sides: the same as `nsysgap compare` and `nsysgap check` say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import run
from compared_reports import loop_report

import nsysgap


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A loop, and the same with a tenth of the host code before each launch."""
    folder = tmp_path_factory.mktemp("sides")
    before, after = (loop_report(host=host).save(folder, f"host{host}.sqlite") for host in (1000, 100))
    return before, after


def test_a_comparison_is_what_compare_says(sides: tuple[Path, Path]) -> None:
    found = nsysgap.compare(*sides)
    document = json.loads(run("compare", *sides, "--format", "json").stdout)
    assert found.document() == document
    assert (found.verdict, found.reasons) == (found.answer.verdict, [])
    assert repr(found) == f"<nsysgap comparison: {found.verdict}>"
    assert "no statement about noise" in found.noise
    step = found.figures().iloc[0]
    assert (step["before"], step["after"]) == (document["figures"][0]["before"], document["figures"][0]["after"])
    assert list(found.ops()["name"]) == [op["name"] for op in document["ops"]]
    assert all(text in found._repr_html_() for text in (found.verdict, ">step_ns<"))


def test_what_is_compared_is_chosen_as_on_the_command_line(sides: tuple[Path, Path]) -> None:
    chosen = nsysgap.compare([sides[0]], [sides[1]], since="1us", until=8_000, match="short").document()
    options = ("--from", "1us", "--to", "8us", "--match", "short", "--format", "json")
    assert chosen == json.loads(run("compare", *sides, *options).stdout)


def test_a_check_is_what_check_says(sides: tuple[Path, Path]) -> None:
    limits: nsysgap.api_compare.Limits = {"max_idle": 0.5, "max_step": "1ms", "max_launches": 2}
    found = nsysgap.check(sides[0], limits, max_cause={"host": "20%"}, max_worse={"busy": 0}, baseline=sides[1])
    options = ("--max-idle", "0.5", "--max-step", "1ms", "--max-launches", "2", "--max-cause", "host=20")
    against = ("--max-worse", "busy=0", "--baseline", sides[1], "--format", "json")
    done = run("check", sides[0], *options, *against)
    assert (done.returncode, bool(found), found.verdict) == (3, False, "fail")
    assert found.document() == json.loads(done.stdout)
    assert list(found.limits()["verdict"]) == [limit["verdict"] for limit in found.document()["limits"]]
    assert repr(found) == f"<nsysgap check: {found.text}>"
    assert "max-" in found._repr_html_()
    assert nsysgap.check(sides, {"max_gap": 1_000_000})


@pytest.mark.parametrize(
    ("limits", "more", "message"),
    [
        ({}, {}, "No limit is named."),
        ({"max_idol": 3}, {}, "'max_idol' is no limit."),
        ({"max_idle": "much"}, {}, "'much' is no number."),
        ({"max_idle": -1}, {}, "-1 is below 0."),
        ({}, {"max_cause": {"lunch": 3}}, "'lunch' is no cause."),
        ({}, {"max_worse": {"lunch": 3}}, "'lunch' is no figure of a step."),
        ({"max_slower": 3}, {}, "--max-slower and --max-worse need something to compare with."),
        ({"max_idle": 3}, {"loop": "step #", "whole": True}, "loop selects iterations; nvtx, domain, since, until and"),
    ],
)
def test_wrong_arguments_say_what_is_right(sides: tuple[Path, Path], limits: dict, more: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(nsysgap.NsysgapError, match=message):
        nsysgap.check(sides[0], limits, **more)  # type: ignore[arg-type] # as people write it


def test_other_words_are_no_arguments(sides: tuple[Path, Path]) -> None:
    with pytest.raises(TypeError, match="lop"):
        nsysgap.compare(*sides, lop="step #")  # type: ignore[call-arg]
    with pytest.raises(nsysgap.NsysgapError, match="match='long' is not known"):
        nsysgap.compare(*sides, match="long")
