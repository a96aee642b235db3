"""The pages are complete, current and true: generated ones, links, and every sample output."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from command_line import run
from folders import ROOT, generator

from nsysgap import tables
from nsysgap.commands import COMMANDS

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SAMPLE = re.compile(r"^<!-- \$ (nsysgap [^\n]*) -->\n```\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def test_generated_pages_are_current() -> None:
    for name, make in generator().PAGES.items():
        assert (ROOT / "docs" / name).read_text() == make(), f"run: python docs/generate.py ({name})"


def test_every_table_and_command_is_documented() -> None:
    page = (ROOT / "docs" / "tables.md").read_text()
    for schema in tables.SCHEMAS:
        assert f"\n## {schema.name}\n" in page
        assert all(column.meaning for column in schema.columns)
    assert all(f"\n## nsysgap {name}\n" in (ROOT / "docs" / "cli.md").read_text() for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_s_help_has_an_example(name: str) -> None:
    assert "Example" in generator().help_text(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def samples() -> list[tuple[str, str, str]]:
    """(page, command, output) of every block that says which command printed it."""
    return [(page.name, *found) for page in PAGES for found in SAMPLE.findall(page.read_text())]


def test_there_are_samples() -> None:
    assert {page for page, _, _ in samples()} >= {"README.md", "first-report.md"}


@pytest.mark.parametrize(("page", "command", "output"), samples())
def test_sample_output_is_what_the_command_prints(page: str, command: str, output: str) -> None:
    done = run(*shlex.split(command)[1:], cwd=ROOT)
    assert done.stdout.rstrip("\n") == output, f"{page}: {command}"
