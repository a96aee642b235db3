"""A summary as markdown, for an issue or a pull request: the sentence first, the first screen, the rest folded."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nsysgap.fleet.names import report_name
from nsysgap.render.text.markdown import plain
from nsysgap.render.text.report_words import (
    ADVISED,
    Cells,
    about,
    busy_cells,
    busy_said,
    device_name,
    facts,
    notices_of,
    path_cells,
    path_head,
    sentences,
    share_cells,
    verdict,
)
from nsysgap.render.text.side_by_side import columns_markdown
from nsysgap.render.text.stacks import line_cells, lines_said
from nsysgap.render.text.whatif import predictions_rows
from nsysgap.units import count, printable
from nsysgap.version import __version__

if TYPE_CHECKING:
    from nsysgap.answers.report import SummaryAnswer

MOST_DEVICES = 8


def report_markdown(answer: SummaryAnswer) -> str:
    """The summary as GitHub shows it; nothing that a report holds is a link, a mention or a tag."""
    said = " ".join(plain(sentence) for sentence in sentences(answer))
    lost = [f"> **Incomplete**: {plain(text)}" for text in notices_of(answer, "incomplete")]
    parts = [
        "\n".join(lost),
        f"**{plain(verdict(answer))}** {said}".strip(),
        f"{plain(report_name(answer.header.path))}: {plain(about(answer))}; nsysgap {__version__}",
        _facts(answer),
        *_folded("Tables", _tables(answer)),
        *_folded("Notes", [f"- {plain(text)}" for text in notices_of(answer, "warning", "note")], "\n"),
        *_folded("Ask again", [_commands(answer)]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(answer: SummaryAnswer) -> str:
    rows = [
        [plain(label), "<br>".join(plain(line).replace("|", "\\|") for line in lines)] for label, lines in facts(answer)
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {label} | {said} |" for label, said in rows)])


def _folded(title: str, parts: Sequence[str], between: str = "\n\n") -> Iterator[str]:
    """What is behind a click."""
    if parts:
        yield f"<details><summary>{title}</summary>"
        yield between.join(parts)
        yield "</details>"


def _tables(answer: SummaryAnswer) -> list[str]:
    devices = answer.screen.devices
    parts = [f"{plain(device_name(device))}\n\n{_table(share_cells(device), 2)}" for device in devices[:MOST_DEVICES]]
    if len(devices) > MOST_DEVICES:
        parts.append(f"{count(len(devices) - MOST_DEVICES)} more GPUs: nsysgap gaps --detail")
    paths = () if answer.path is None else answer.path.paths
    parts += [f"Critical path of {plain(path_head(path))}\n\n{_table(path_cells(path))}" for path in paths]
    if "path" in answer.untold and devices:
        parts.append(f"No critical path: {plain(answer.why_not('path'))}")
    if answer.advice is not None and answer.advice.changes:
        document = {**answer.advice.document(), "changes": answer.advice.changes[:ADVISED]}
        parts.append(f"Predicted, {plain(answer.advice.loop)}\n\n{_table(predictions_rows(document), 2)}")
    if answer.busy:
        parts += [_table(busy_cells(answer)), plain(busy_said(answer))]
    if answer.lines is not None:
        document = answer.lines.document()
        parts.append(f"{plain(lines_said(document))}\n\n{_table(line_cells(document, ADVISED))}")
    return [part for part in parts if part]


def _table(cells: Cells, texts: int = 1) -> str:
    """A table of names of the report; `columns_markdown` takes care of what ends a cell or begins a tag."""
    return columns_markdown([[plain(cell).replace("&lt;", "<") for cell in line] for line in cells], texts)


def _commands(answer: SummaryAnswer) -> str:
    lines = [printable(shlex.join(question.command)) for question in answer.again]
    fence = "`" * 3
    while any(fence in line for line in lines):
        fence += "`"
    return "\n".join([f"{fence}sh", *lines, fence])
