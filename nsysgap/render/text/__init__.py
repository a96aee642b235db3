"""Answers as terminal text: one module per command."""

from typing import TYPE_CHECKING

from nsysgap.render.late import late

if TYPE_CHECKING:
    from nsysgap.render.text.calibrate import calibrate_blocks
    from nsysgap.render.text.check import check_blocks, check_markdown
    from nsysgap.render.text.compare import compare_markdown, compare_text
    from nsysgap.render.text.critical_path import critical_path_blocks
    from nsysgap.render.text.gaps import gaps_blocks
    from nsysgap.render.text.graphs import graphs_blocks
    from nsysgap.render.text.info import info_blocks
    from nsysgap.render.text.launches import launches_blocks
    from nsysgap.render.text.ranks import ranks_blocks
    from nsysgap.render.text.report import report_markdown
    from nsysgap.render.text.screen import screen_blocks
    from nsysgap.render.text.stacks import stacks_blocks
    from nsysgap.render.text.steps import steps_blocks
    from nsysgap.render.text.whatif import whatif_blocks, whatif_markdown

__all__ = [
    "calibrate_blocks",
    "check_blocks",
    "check_markdown",
    "compare_markdown",
    "compare_text",
    "critical_path_blocks",
    "gaps_blocks",
    "graphs_blocks",
    "info_blocks",
    "launches_blocks",
    "ranks_blocks",
    "report_markdown",
    "screen_blocks",
    "stacks_blocks",
    "steps_blocks",
    "whatif_blocks",
    "whatif_markdown",
]
if not TYPE_CHECKING:  # which knows the names above and no others
    __getattr__ = late(__name__, __all__)
