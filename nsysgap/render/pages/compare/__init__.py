"""Before and after as one HTML page: both steps at one scale, figures, spread, kernels to sort; it loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nsysgap.fleet.names import report_name
from nsysgap.render.pages.bundle import DRAWN, asset, bundle, filled, head, inline, policy
from nsysgap.render.pages.compare.drawing import colors_of, lanes, legend, spread
from nsysgap.render.pages.markup import table, text
from nsysgap.render.text.compare import (
    covered_text,
    explained_text,
    figure_cells,
    kernel_cells,
    outcome_text,
)
from nsysgap.units import printable

if TYPE_CHECKING:
    from nsysgap.answers.compare import CompareAnswer

Document = Mapping[str, Any]
MODULES = ("compare/compare.js",)
SIDES = ("before", "after")


def compare_page(answer: CompareAnswer) -> str:
    """The page of two captures: "nsysgap.compare/1", and the typical step of each drawn."""
    document, (drawn, steps) = answer.document(), answer.pictures()
    script = inline(bundle(MODULES))
    names = [_named(document, side) for side in SIDES]
    window = document["before"]["unit"] == "window"
    colors = colors_of(drawn)
    remarks = [f"Not comparable. {reason}" for reason in document["reasons"]] + list(document["warnings"])
    remarks += [outcome_text(prediction) for prediction in document.get("predicted", ())]
    body, tail = asset("compare/page.html").split("<!-- SPLIT -->")
    headline = f"{names[0]} and {names[1]}"
    page = filled(
        body,
        HEADLINE=text(headline),
        VERDICT=text(answer.verdict),
        REMARKS="".join(f'<p class="remark">{text(remark)}</p>' for remark in remarks),
        DRAWNTITLE="The windows, at one scale" if window else "One step of each, at one scale",
        DRAWNSTEPS=lanes(drawn, colors),
        COLOURS=legend(drawn, colors),
        EXPLAINED=text(explained_text(document, answer.explained)),
        FIGURETABLE=table(figure_cells(document, None), "figures"),
        SPREAD=spread(steps),
        COVERED=text(covered_text(document, answer.matched[0])),
        OPTABLE=_ops(document["ops"]),
        NOISE=text(answer.noise),
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
    sortable = "".join(f'<th><button type="button">{heading}</button></th>' for heading in heads)
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
