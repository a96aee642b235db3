"""The page of `ranks --html`: what it holds, how large it is, and in a real Chromium."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import watched_page
from command_line import run
from rank_reports import save_job, steady

from nsysgap.answers.ranks_picture import RanksPicture
from nsysgap.causes import PARTS
from nsysgap.render.pages.ranks import NO_VALUE, bins, heat, ranks_page

HOSTILE = "</script><img src=x onerror=alert()>HEADLINE"


def document(ranks: int, **more: Any) -> dict[str, Any]:
    unit = {"host": HOSTILE, "device": 0, "device_name": None, "process": 1, "step_ns": 5, "arrived_last": 1}
    unit |= {"window_ns": 100, "busy_ns": 60, "idle_ns": 40, "exposed_wait_ns": 1, "starved_ns": 41, "offset_ns": None}
    return {
        "units": [{**unit, "rank": rank} for rank in range(ranks)],
        "reports": [{"path": HOSTILE, "status": "error", "text": "no"}],
        "missing_ranks": [],
        "verdict": {"text": HOSTILE, "rank": 0, "process": 1},
        "collectives": {"by_kind": [], "unmatched_reason": HOSTILE},
        **more,
    }


def random_layers(ranks: int, iterations: int) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    chance = np.random.default_rng(1)
    names = ("step", "starved", "wait", "busy", *PARTS)
    return {name: chance.lognormal(14, 1, (ranks, iterations)).astype(np.int64) for name in names}


def decoded(layer: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    codes = np.frombuffer(base64.b64decode(layer["text"]), "<u2")
    return np.where(codes == NO_VALUE, -1, np.expm1(codes * layer["factor"]))


def test_cells_hold_their_values() -> None:
    layers = random_layers(3, 50)
    layers["step"][1, 7] = -1
    layers["wait"][:] = 0
    found = heat(layers)
    assert found is not None
    assert (found["rows"], found["columns"], found["down"], found["across"]) == (3, 50, 1, 1)
    step, wait = (next(one for one in found["layers"] if one["key"] == key) for key in ("step", "wait"))
    assert decoded(step) == pytest.approx(layers["step"].ravel(), rel=2e-4)
    assert decoded(step)[57] == -1
    assert decoded(wait).tolist() == [0] * 150
    assert len(found["layers"]) == 4 + 5  # of the ten causes the five largest


def test_of_many_ranks_a_cell_is_the_largest() -> None:
    assert bins(64, 1000) == (1, 1)
    down, across = bins(1024, 1000)
    assert -(-1024 // down) * -(-1000 // across) <= 65_536
    layers = random_layers(600, 3)
    found = heat(layers)
    assert found is not None
    assert (found["rows"], found["columns"], found["down"]) == (200, 3, 3)
    largest = layers["step"].reshape(200, 3, 3).max(axis=1)
    assert decoded(found["layers"][0]) == pytest.approx(largest.ravel(), rel=2e-4)


@pytest.mark.parametrize(("ranks", "iterations"), [(64, 1000), (1024, 1000)])
def test_large_jobs_stay_below_two_megabytes(ranks: int, iterations: int) -> None:
    stretch = [123_456_789, 123_466_789, 8]
    most = 8_000 // min(ranks, 64)
    lane = {"unit": 1, "from": 0, "to": 10**9, "work": [stretch[:2]] * most, "idle": [stretch] * most}
    lanes = [{**lane, "collectives": [[10**8, 10**8, 10**8, 0]] * 20} for _ in range(min(ranks, 64))]
    step = {"iteration": 1, "aligned": True, "lanes": lanes}
    names = [f"rank {rank}" for rank in range(ranks)]
    page = ranks_page(document(ranks), RanksPicture(tuple(names), "step #", random_layers(ranks, iterations), step, ()))
    assert len(page) < 2_000_000


def test_texts_of_reports_stay_text() -> None:
    page = ranks_page(document(2), RanksPicture((HOSTILE,) * 2, HOSTILE, {}, None, ()))
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert "HEADLINE" in page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rank 2 of four works 900 ns longer in each of 12 steps."""
    folder = tmp_path_factory.mktemp("job")
    paths = save_job(folder, steady(4, 12, late={2: 900}))
    done = run("ranks", *paths, "--workers", 1, "--html", "-o", folder / "page.html")
    assert done.returncode == 0, done.stderr
    return folder / "page.html"


def test_the_page_is_the_answer(page: Path) -> None:
    text = page.read_text()
    assert "rank 2 arrived last in 12 of 12" in text
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)[0])
    assert (data["heat"]["rows"], data["heat"]["columns"]) == (4, 12)
    assert [lane["unit"] for lane in data["step"]["lanes"]] == [0, 1, 2, 3]


def test_it_says_what_is_pointed_at_and_shows_layers(page: Path, browser: Any) -> None:
    with watched_page(browser) as watched:
        opened = watched.open(page)
        opened.wait_for_selector("body[data-ready]")
        box = opened.locator("#heat").bounding_box()
        opened.mouse.move(box["x"] + box["width"] * 5.5 / 12, box["y"] + box["height"] * 2.5 / 4)
        assert opened.inner_text("#cell").startswith("rank 2, iteration 5: step 2.52 us, starved 1.42 us, wait 0 ns")
        opened.focus("#heat")
        opened.keyboard.press("ArrowUp")
        assert opened.inner_text("#cell").startswith("rank 1, iteration 5: step 2.52 us, starved 1.42 us, wait 900 ns")
        picture = "document.getElementById('heat').toDataURL()"
        step = opened.evaluate(picture)
        opened.select_option("#layer", index=2)
        assert opened.evaluate(picture) != step
        box = opened.locator("#step").bounding_box()
        opened.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.9 / 4)
        assert opened.inner_text("#pointed").startswith("rank 0 at ")
        assert "AllReduce: 900 ns waiting, 100 ns transfer" in opened.inner_text("#pointed")
        watched.check()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_phones_and_screens(width: int, scheme: str, page: Path, browser: Any) -> None:
    with watched_page(browser, viewport={"width": width, "height": 800}, color_scheme=scheme) as watched:
        opened = watched.open(page)
        opened.wait_for_selector("body[data-ready]")
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        watched.check()


def test_without_a_shared_loop_the_rest_is_there(tmp_path: Path, browser: Any) -> None:
    (tmp_path / "page.html").write_text(ranks_page(document(2), RanksPicture(("rank 0", "rank 1"), "", {}, None, ())))
    with watched_page(browser) as watched:
        opened = watched.open(tmp_path / "page.html")
        opened.wait_for_selector("body[data-ready]")
        assert "do not share a loop" in opened.inner_text("main")
        assert opened.locator("#units tbody tr").count() == 2
        watched.check()
