"""Answers as HTML pages that open from disk without a network."""

from typing import TYPE_CHECKING

from nsysgap.render.late import late

if TYPE_CHECKING:
    from nsysgap.render.pages.compare import compare_page
    from nsysgap.render.pages.critical_path import critical_path_page
    from nsysgap.render.pages.flame_graph import flame_graph_page
    from nsysgap.render.pages.graph import graph_html, graph_svg
    from nsysgap.render.pages.ranks import ranks_page
    from nsysgap.render.pages.report import report_page
    from nsysgap.render.pages.steps import steps_page
    from nsysgap.render.pages.whatif import whatif_page

__all__ = [
    "compare_page",
    "critical_path_page",
    "flame_graph_page",
    "graph_html",
    "graph_svg",
    "ranks_page",
    "report_page",
    "steps_page",
    "whatif_page",
]
if not TYPE_CHECKING:  # which knows the names above and no others
    __getattr__ = late(__name__, __all__)
