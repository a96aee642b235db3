"""Who may import whom, read from the import statements."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import nsysgap

PACKAGE = Path(nsysgap.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
APIS = ("api", "api_compare", "api_fleet", "api_steps")
FORBIDDEN = {
    "report": ("analysis", "answers", "render", "commands", "profiling", *APIS),
    "analysis": ("report", "answers", "render", "commands", "profiling", *APIS),
    "answers": ("render", "commands", "profiling", *APIS),
    "render": ("report", "analysis", "answers", "commands", "profiling", *APIS),
}
ONLY_IN = {
    "sqlalchemy": ("report/sqlite/",),
    "sqlite3": ("report/sqlite/",),
    "pyarrow": ("report/folder.py", "render/data.py"),
    "plotly": ("render/pages",),
    "click": ("commands",),
    "fsspec": ("fleet/remote.py",),
}
NAMELESS = ("one", "found", "place", "places")
HEAVY = ("numpy", "pandas", "sqlalchemy", "plotly", "rich")


@cache
def imports(module: Path) -> set[str]:
    """The names of everything that a module imports when it runs, at any depth of its code."""
    tree = ast.parse(module.read_text())
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in set(ast.walk(tree)) - for_types:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_layers_import_downwards_only(layer: str) -> None:
    wrong = [
        f"{module.relative_to(PACKAGE)} imports {name}"
        for module in sorted((PACKAGE / layer).rglob("*.py"))
        for name in sorted(imports(module))
        if any(name == f"nsysgap.{other}" or name.startswith(f"nsysgap.{other}.") for other in FORBIDDEN[layer])
    ]
    assert wrong == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_libraries_stay_where_they_belong(library: str) -> None:
    users = {
        module.relative_to(PACKAGE).as_posix()
        for module in MODULES
        if any(name.split(".")[0] == library for name in imports(module))
    }
    assert users
    assert [user for user in users if not user.startswith(ONLY_IN[library])] == []


def test_dask_stays_in_fleets() -> None:
    users = [
        module.relative_to(PACKAGE).as_posix()
        for module in MODULES
        if any(name.split(".")[0] in {"dask", "distributed"} for name in imports(module))
    ]
    assert [user for user in users if user != "fleet/cluster.py"] == []


def test_only_the_entry_point_imports_the_commands() -> None:
    users = {
        module.relative_to(PACKAGE).as_posix()
        for module in MODULES
        if any(name.startswith("nsysgap.commands") for name in imports(module))
    }
    assert [user for user in users if not user.startswith("commands/") and user != "__main__.py"] == []


@pytest.mark.parametrize("what", ["import nsysgap", "from nsysgap.commands import main; main(['--help'])"])
def test_nothing_heavy_is_imported_before_it_is_needed(what: str) -> None:
    program = f"import sys, atexit; atexit.register(lambda: print([m for m in {HEAVY!r} if m in sys.modules])); {what}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_public_api_is_exact() -> None:
    kinds = ("Checked", "Comparison", "Fleet", "NsysgapError", "Report", "Steps")
    functions = ("open_fleet", "open_report")
    assert sorted(nsysgap.__all__) == [*kinds, "__version__", "check", "compare", *functions]
    assert dir(nsysgap) == sorted(nsysgap.__all__)
    assert all(getattr(nsysgap, name) is not None for name in nsysgap.__all__)


def test_functions_and_modules_stay_small() -> None:
    lengths = [
        (node.end_lineno or 0) - node.lineno + 1
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    assert sorted(lengths)[len(lengths) * 9 // 10] <= 36
    assert max(len(module.read_text().splitlines()) for module in MODULES) <= 450


def test_the_picture_of_the_house_names_every_folder() -> None:
    text = (PACKAGE.parent / "docs" / "contributing.md").read_text()
    named = set(re.findall(r"^\| ([a-z/]+/) \| ", text, re.MULTILINE))
    folders = {f"{path.parent.relative_to(PACKAGE).as_posix()}/" for path in PACKAGE.rglob("__init__.py")} - {"./"}
    pages = {folder for folder in folders if folder.startswith("render/pages/")} - {"render/pages/"}
    assert named == folders - pages


def test_names_say_what_they_are() -> None:
    """What is called `one`, `found` or `place` is a device, a row, gaps, an offset. In pages eslint looks at names."""
    nodes = [(module, node) for module in MODULES for node in ast.walk(ast.parse(module.read_text()))]
    names = [(module, node.id) for module, node in nodes if isinstance(node, ast.Name)]
    names += [(module, node.arg) for module, node in nodes if isinstance(node, ast.arg)]
    names += [(module, node.attr.lstrip("_")) for module, node in nodes if isinstance(node, ast.Attribute)]
    assert sorted({f"{module.relative_to(PACKAGE)}: {name}" for module, name in names if name in NAMELESS}) == []
