"""`nsysgap view`: the report in the Perfetto UI."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from nsysgap.commands.common import Duration, opened
from nsysgap.commands.tracing import TraceOptions, pictures, trace_options, write_trace
from nsysgap.errors import NsysgapError
from nsysgap.units import duration


@click.command("view")
@click.argument("report", metavar="REPORT")
@trace_options
@click.option("--offline", is_flag=True, help="Serve the Perfetto UI too, for machines without a network.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option(
    "--wait",
    type=Duration(),
    default="10m",
    show_default=True,
    metavar="TIME",
    help="Give up when the trace has not been fetched for so long.",
)
def command(report: str, offline: bool, no_browser: bool, wait: int, **cut: Any) -> None:
    """Open a report in the Perfetto UI.

    \b
    A server on 127.0.0.1 hands the trace to the browser and ends; nothing is uploaded.
    Example: nsysgap view report.sqlite --nvtx decode
    """
    from nsysgap.viewer import offline_ui, serving

    ui = offline_ui() if offline else None
    with tempfile.TemporaryDirectory(prefix="nsysgap-") as folder:
        trace_file = Path(folder, "trace.pftrace")
        with opened(report) as (source, trace):
            for _, viewed in pictures(source, trace, TraceOptions(**cut)):
                with trace_file.open("wb") as file:
                    write_trace(viewed, "pftrace", file)
        with serving(trace_file, ui=ui) as server:
            address = server.url + ("" if offline else f"#{quote(Path(report).name)}")
            click.echo(f"Open this address in a browser, once: {address}")
            if not no_browser:
                webbrowser.open(address)
            if not server.wait(wait / 1e9):
                raise NsysgapError(
                    f"The trace was not fetched within {duration(wait)}.", "Open the address in a browser."
                )
