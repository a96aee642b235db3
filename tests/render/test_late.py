"""Renderers that are imported when they are called: each of them is where its name says."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import pytest

from nsysgap.render import pages, text


@pytest.mark.parametrize("package", [text, pages])
def test_every_renderer_is_in_the_module_that_its_name_begins_with(package: object) -> None:
    names = vars(package)["__all__"]
    assert names == sorted(names)
    for name in names:
        module = import_module(f"{vars(package)['__name__']}.{name.rpartition('_')[0]}")
        assert getattr(module, name).__module__ == module.__name__


def test_what_a_package_does_not_name_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match=r"module 'nsysgap\.render\.text' has no attribute 'gaps_page'"):
        text.gaps_page  # type: ignore[attr-defined] # noqa: B018


def test_naming_a_renderer_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []

    def importing(name: str) -> ModuleType:
        imported.append(name)
        return import_module(name)

    monkeypatch.setattr("nsysgap.render.late.import_module", importing)
    render = text.check_markdown
    assert imported == []
    row = {"path": "a", "loop": None}
    assert "**All.** a" in render({"reports": [row], "limits": [], "reasons": [], "warnings": [], "text": "All."})
    assert imported == ["nsysgap.render.text.check"]
