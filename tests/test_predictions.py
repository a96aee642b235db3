"""docs/predictions.md is what the model says of the committed captures, and it holds what it promises."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "gpu"))

import predictions
from predictions import Row


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [row for machine in sorted(predictions.SAMPLES.iterdir()) for row in predictions.rows_of(machine)]


def test_the_page_is_what_the_script_makes(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    by_machine = {
        machine: [row for row in rows if row.machine == machine.name] for machine in predictions.SAMPLES.iterdir()
    }
    monkeypatch.setattr(predictions, "rows_of", lambda machine: by_machine[machine])
    assert predictions.page() == predictions.PAGE.read_text()


def test_the_readme_says_what_came_out(rows: list[Row]) -> None:
    readme = " ".join((predictions.ROOT / "README.md").read_text().split())
    said = [row for row in rows if row.inside is not None]
    assert (
        f"of {len(said)} for programs before and after a cure, {sum(map(bool, (row.inside for row in said)))} measured"
        in readme
    )
    later = [bool(row.inside) for row in said if row.machine == "h200-later"]
    assert f"{sum(later)} of {len(later)} values do" in readme


def test_figures_hold_within_ten_percent(rows: list[Row]) -> None:
    errors = [abs(row.error) for row in rows if row.kind == "figure" and row.error is not None]
    assert len(errors) >= 3
    assert max(errors) <= 10


def test_no_gain_is_promised_that_was_not_there(rows: list[Row]) -> None:
    wrong = [row for row in rows if row.central is not None and row.central < row.before and row.measured >= row.before]
    assert wrong == []


def test_allocation_is_refused(rows: list[Row]) -> None:
    assert {row.kind for row in rows if row.cure == "allocation"} == {""}
