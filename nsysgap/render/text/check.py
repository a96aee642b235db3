"""A gate's verdicts as text, one line a limit, and as Markdown for a pull request's comment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from nsysgap.fleet.names import report_name
from nsysgap.render.text.console import add, notices, table
from nsysgap.render.text.markdown import plain
from nsysgap.render.text.side_by_side import columns_markdown
from nsysgap.units import count, counted, duration, printable

Document = Mapping[str, Any]
STYLES = {"pass": "green", "fail": "bold red", "unknown": "yellow"}
NEXT = {
    "max-step": "nsysgap steps",
    "max-gap": "nsysgap gaps --top 1",
    "max-launches": "nsysgap launches",
    "max-slower": "nsysgap compare",
    "max-worse": "nsysgap compare",
}


def check_blocks(document: Document, ranks: Sequence[str] = ()) -> Iterable[RenderableType]:
    """All of `nsysgap check`, the last line the outcome. `ranks`: of one job, that the captures are."""
    yield Text(_what(document, ranks))
    remarks = [{"level": "incomplete", "text": text} for text in document["reasons"]]
    yield from notices([*remarks, *({"level": "warning", "text": text} for text in document["warnings"])], _LEVELS)
    made = table("|", "|limit", "most", "value", "<where to look next")
    for row in document["limits"]:
        verdict = Text(row["verdict"].upper(), style=STYLES[row["verdict"]])
        add(made, verdict, limit_name(row), shown(row, row["most"]), shown(row, row["value"]), _next(row))
    if document["limits"]:
        yield made
    whys = [Text(f"{limit_name(row)}: {printable(row['why'])}.") for row in document["limits"] if row["why"]]
    yield Group(*whys, Text(printable(document["text"]), style="bold"))


_LEVELS = ("incomplete", "warning")


def _what(document: Document, ranks: Sequence[str]) -> str:
    reports = document["reports"]
    named = printable(report_name(reports[0]["path"]), 40)
    if len(ranks) > 1:  # the path of the first names its own: "run: rank 1"
        named += f" and {printable(ranks[1])}"
    elif len(reports) > 1:
        named += f" and {counted(len(reports) - 1, 'capture', 'captures')} more"
    loop = reports[0]["loop"]
    said = "the whole window" if loop is None else f"{count(reports[0]['iterations'])} x {printable(loop, 40)}"
    return f"{named}: {said}"


def limit_name(row: Document) -> str:
    """A limit as the command has it: "max-cause host"."""
    named = f"{row['limit']} {row['of']}" if row["of"] else str(row["limit"])
    return f"{named}, {row['role']}" if row.get("role") else named


def shown(row: Document, value: float | None) -> str:
    """A limit's or a figure's value in its unit."""
    if value is None:
        return "-"
    if row["unit"] == "ns":
        return duration(round(value))
    sign = "+" if row["limit"] in {"max-slower", "max-worse"} and value > 0 else ""
    return f"{sign}{value:,.4g} %" if row["unit"] == "%" else f"{value:,.6g}"


def _next(row: Document) -> str:
    if row["verdict"] == "pass":
        return ""
    if row["verdict"] == "unknown":
        return "nsysgap info"
    most = (
        f"mostly {row['largest_cause']}: "
        if row["largest_cause"] and row["limit"] in {"max-idle", "max-starved"}
        else ""
    )
    return f"{most}{NEXT.get(row['limit'], 'nsysgap gaps')}"


def check_markdown(document: Document, ranks: Sequence[str] = ()) -> str:
    """The same for a pull request's comment: the outcome first, then a table."""
    rows = [
        [
            row["verdict"].upper(),
            plain(limit_name(row)),
            shown(row, row["most"]),
            shown(row, row["value"]),
            plain(_next(row)),
        ]
        for row in document["limits"]
    ]
    blocks = [
        f"**{plain(document['text'])}** {plain(_what(document, ranks))}",
        columns_markdown([["", "limit", "most", "value", "where to look next"], *rows]) if rows else "",
        *(f"- {plain(limit_name(row))}: {plain(row['why'])}." for row in document["limits"] if row["why"]),
        *(f"- {plain(text)}" for text in (*document["reasons"], *document["warnings"])),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"
