"""Pages' scripts as they are put together: one scope without clashes, and nothing that a report says is replaced."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

from nsysgap.render.pages import bundle as bundle_module
from nsysgap.render.pages import compare, flame_graph, ranks, report, steps, whatif
from nsysgap.render.pages.bundle import asset, bundle, filled
from nsysgap.render.pages.timeline.page import MODULES

BUNDLES = {
    "timeline": tuple(f"timeline/page/{module}.js" for module in MODULES),
    "flame graph": flame_graph.MODULES,
    "steps": steps.MODULES,
    "compare": compare.MODULES,
    "ranks": ranks.MODULES,
    "whatif": whatif.MODULES,
    "report": report.MODULES,
    "graph": ("page/graph.js",),
}
TOP_LEVEL = re.compile(r"^(?:async )?(?:function\*?|const|let|class) +(?:(\w+)|\{([^}]*)\}|\[([^\]]*)\])", re.MULTILINE)


def top_level_names(script: str) -> list[str]:
    """Names that a script declares outside of all functions, also by taking an object or array apart."""
    found = []
    for name, keys, places in TOP_LEVEL.findall(script):
        found += [name] if name else re.findall(r"(\w+) *(?:=[^,]*)?(?:,|$)", (keys or places).strip())
    return found


def test_the_names_of_the_top_level_are_seen() -> None:
    assert top_level_names("const { a, b: c } = d;\nfunction e() {}\nconst [f, g] = h;\n  const inner = 1;\n") == [
        *("a", "c", "e", "f", "g")
    ]


@pytest.mark.parametrize("page", BUNDLES)
def test_modules_share_one_scope_without_clashes(page: str) -> None:
    script = bundle(BUNDLES[page])
    names = top_level_names(script)
    assert len(names) > 2
    assert sorted(names) == sorted(set(names))
    assert not re.search(r"^(?:import|export)\b", script, re.MULTILINE)


@pytest.mark.parametrize("page", BUNDLES)
def test_modules_come_after_those_they_import(page: str) -> None:
    seen: set[str] = set()
    for path in BUNDLES[page]:
        imported = {
            PurePosixPath(one).name for one in re.findall(r'^import .*from "([^"]+)";', asset(path), re.MULTILINE)
        }
        assert imported <= seen, path
        seen.add(PurePosixPath(path).name)


def test_pages_are_filled_in_one_go() -> None:
    assert filled("<i>TITLE</i> SAID, TITLED", TITLE="SAID", SAID="TITLE") == "<i>SAID</i> TITLE, TITLED"


def test_every_script_is_in_a_page() -> None:
    folder = Path(bundle_module.__file__).parent
    scripts = {path.relative_to(folder).as_posix() for path in folder.rglob("*.js") if "vendor" not in path.parts}
    assert scripts == {path for modules in BUNDLES.values() for path in modules}


def test_a_comment_that_code_follows_on_its_line_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "f();\n/** @type {A} */ (b).c();\nexport function g() {}\n/** Says\n * more. */\nexport const h = 1;\n"
    monkeypatch.setattr(bundle_module, "asset", lambda _: source)
    script = bundle(("x.js",))
    assert "\nf();\n(b).c();\nfunction g() {}\nconst h = 1;\n" in script
