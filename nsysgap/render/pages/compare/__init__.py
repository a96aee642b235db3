"""Before and after as one HTML page: both steps at one scale, figures, spread, kernels to sort; it loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nsysgap.fleet.names import report_name
from nsysgap.render.pages.bundle import DRAWN, asset, bundle, filled, head, inline, policy
from nsysgap.render.pages.compare.drawing import colors_of, lanes, legend, spread
from nsysgap.render.pages.markup import table, text
from nsysgap.render.text.compare import (
    Said,
    covered_text,
    explained_text,
    figure_cells,
    kernel_cells,
    outcome_text,
)
from nsysgap.units import printable

Document = Mapping[str, Any]
MODULES = ("compare/compare.js",)
SIDES = ("before", "after")


class Pictures(NamedTuple):
    """What the page draws of each side: the typical step, None without one, and what each iteration took, ns."""

    drawn: tuple[Document | None, Document | None]
    steps: tuple[Sequence[int], Sequence[int]]


def compare_page(document: Document, said: Said, pictures: Pictures) -> str:
    """The page of a document "nsysgap.compare/1"."""
    script = inline(bundle(MODULES))
    names = [_named(document, side) for side in SIDES]
    window = document["before"]["unit"] == "window"
    colors = colors_of(pictures.drawn)
    remarks = [f"Not comparable. {reason}" for reason in document["reasons"]] + list(document["warnings"])
    remarks += [outcome_text(one) for one in document.get("predicted", ())]
    body, tail = asset("compare/page.html").split("<!-- SPLIT -->")
    headline = f"{names[0]} and {names[1]}"
    page = filled(
        body,
        HEADLINE=text(headline),
        VERDICT=text(said.verdict),
        REMARKS="".join(f'<p class="remark">{text(remark)}</p>' for remark in remarks),
        DRAWNTITLE="The windows, at one scale" if window else "One step of each, at one scale",
        DRAWNSTEPS=lanes(pictures.drawn, colors),
        COLOURS=legend(pictures.drawn, colors),
        EXPLAINED=text(explained_text(document, said.explained)),
        FIGURETABLE=table(figure_cells(document, None), "figures"),
        SPREAD=spread(pictures.steps),
        COVERED=text(covered_text(document, said.matched_names)),
        OPTABLE=_ops(document["ops"]),
        NOISE=text(said.noise),
    )
    top = head(f"{headline} - nsysgap compare", "\n" + asset("compare/style.css"), policy(script.allow, *DRAWN))
    return f"{top}{page}{script.tag}{tail}"


def _named(document: Document, side: str) -> str:
    reports = document[side]["reports"]
    more = f" (+{len(reports) - 1})" if len(reports) > 1 else ""
    return printable(report_name(reports[0]["path"]), 60) + more


def _ops(ops: Sequence[Document]) -> str:
    """A row an op, with the numbers that it is sorted by; names short, the whole one as the tooltip."""
    if not ops:
        return ""
    heads = ("name", "before", "after", "change", "runs before", "runs after", "seen")
    cells = kernel_cells(ops, len(ops))
    rows = [_op_row(op, line) for op, line in zip(ops, cells, strict=True)]
    sortable = "".join(f'<th><button type="button">{one}</button></th>' for one in heads)
    return f'<table id="ops"><thead><tr>{sortable}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _op_row(op: Document, cells: Sequence[str]) -> str:
    change = op["after_ns"] - op["before_ns"]
    way = "less" if change < 0 else "more" if change > 0 else ""
    timed = [(op["before_ns"], cells[1], ""), (op["after_ns"], cells[2], ""), (change, cells[3], way)]
    runs = [(op[key], f"{op[key]:,.4g}", "") for key in ("before_count", "after_count")]
    data = "".join(
        f'<td data-value="{value}"{f" class={shade}" if shade else ""}>{text(shown)}</td>'
        for value, shown, shade in (*timed, *runs)
    )
    return f'<tr><td title="{text(op["name"])}">{text(cells[0])}</td>{data}<td>{text(cells[5])}</td></tr>'
