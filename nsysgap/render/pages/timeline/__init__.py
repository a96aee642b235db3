"""A timeline of a report: `timeline_html` is one whole page, `timeline_figure` a Plotly figure of a few gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from nsysgap.render.pages.timeline.model import TimelineLike

__all__ = ["timeline_figure", "timeline_html"]


def timeline_html(data: TimelineLike, *, plotlyjs: str = "inline") -> str:
    """The page as text. `data` comes from `nsysgap.analysis.pictures.page.timeline_data`."""
    from nsysgap.render.pages.timeline.page import page_parts

    return "".join(page_parts(data, plotlyjs))


def timeline_figure(data: TimelineLike, *, top_gaps: int = 1) -> go.Figure:
    """A Plotly figure of the time around the longest gaps: gaps, ops and API calls. At most 4,000 slices are drawn."""
    from nsysgap.render.pages.timeline.figure import figure

    return figure(data, top_gaps)
