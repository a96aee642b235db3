"""The page as a file: its modules, its colours, what it carries, and how small it is."""

from __future__ import annotations

import re
from pathlib import Path

from folders import PAGE, SAMPLES
from timeline_pages import everything, sample, write_page

from nsysgap.render.pages.timeline.figure import COLORS, PATTERNS
from nsysgap.render.pages.timeline.page import MODULES, PLOTLY_VERSION, application


def test_modules_share_one_scope_without_clashes() -> None:
    assert {path.stem for path in (PAGE / "page").glob("*.js")} == set(MODULES)
    names = re.findall(r"^(?:async )?(?:function\*?|const|let|class) +(\w+)", application(), re.MULTILINE)
    assert len(names) > 50
    assert len(names) == len(set(names))
    assert not re.search(r"^(?:import|export)\b", application(), re.MULTILINE)


def test_figure_and_page_use_the_same_colors() -> None:
    script = (PAGE / "page" / "categories.js").read_text()
    for key, color in COLORS.items():
        assert re.search(rf'key: "(?:api_)?{key}", .*color: "{color}"', script), key
    for cause, (color, shape) in PATTERNS.items():
        assert f'color: "{color}", shape: "{shape}"'.replace("\\", "\\\\") in script, cause
        assert f".{cause} {{ --c: {color};" in (PAGE / "page" / "style.css").read_text(), cause


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
    assert len(from_address) < 130_000
