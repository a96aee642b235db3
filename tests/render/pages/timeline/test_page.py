"""The page as a file: its modules, its colours, what it carries, and how small it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from folders import PAGE, SAMPLES
from report_builder import ReportBuilder
from timeline_pages import everything, sample, write_page

from nsysgap.analysis.pictures.page import timeline_data
from nsysgap.causes import CAUSES
from nsysgap.render.pages.timeline.figure import HATCHED
from nsysgap.render.pages.timeline.page import PLOTLY_VERSION, page_parts


def test_page_and_figure_draw_causes_as_they_are_defined(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 2), (0, 10))
    report.launch((40, 50), (60, 70))
    page = "".join(page_parts(timeline_data(report.idle(tmp_path))))
    shown = json.loads(page.partition('id="categories">')[2].partition("</script>")[0])
    assert [(one["key"], one["label"], one["advice"]) for one in shown["causes"]] == [
        (cause.key, cause.label, cause.advice) for cause in CAUSES
    ]
    assert all(re.search(rf"\.hatch\.{one.key} {{ background: [^}}]*{one.color}; }}", page) for one in CAUSES)
    assert {key: color for key, (color, _) in HATCHED.items()} == {one.key: one.color for one in CAUSES}


def test_vendored_plotly_is_what_its_readme_says() -> None:
    import hashlib

    source = (PAGE / "vendor" / "plotly-basic.min.js").read_bytes()
    readme = (PAGE / "vendor" / "README.md").read_text()
    assert hashlib.sha256(source).hexdigest() in readme
    assert PLOTLY_VERSION in readme
    assert f"v{PLOTLY_VERSION}".encode() in source[:200]


def test_small_samples_are_small(tmp_path: Path) -> None:
    names = sorted(path.name.split(".")[0] for path in SAMPLES.glob("*.sqlite*"))
    sizes = {name: write_page(sample(name, tmp_path)).stat().st_size for name in names}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > 2_500_000} == {}


def test_plotly_inside_from_its_address_or_from_a_file(tmp_path: Path) -> None:
    report = everything().save(tmp_path)
    inside = write_page(report).read_text()
    from_address = write_page(report, "--plotlyjs", "cdn").read_text()
    from_file = write_page(report, "--plotlyjs", "lib dir/plotly.js").read_text()
    assert "Plotly, Inc." in inside
    assert "<script src=" not in inside
    assert f'plotly-basic-{PLOTLY_VERSION}.min.js" integrity="sha384-' in from_address
    assert '<script src="lib%20dir/plotly.js"' in from_file
    assert len(from_address) < 135_000
