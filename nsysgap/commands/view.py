"""`nsysgap view`: the report in the Perfetto UI."""

from __future__ import annotations

import getpass
import socket
import webbrowser
from typing import Any
from urllib.parse import quote, urlsplit

import click

from nsysgap.commands.common import opened_report, report_argument, say
from nsysgap.commands.explain import explain_option
from nsysgap.commands.tracing import to_chrome_options, trace_options, write_trace
from nsysgap.commands.values import Duration
from nsysgap.errors import NsysgapError
from nsysgap.files import temporary_folder
from nsysgap.fleet.names import report_name
from nsysgap.units import duration


@click.command("view")
@report_argument
@trace_options
@click.option("--offline", is_flag=True, help="Serve the Perfetto UI too, for machines without a network.")
@click.option("--no-browser", is_flag=True, help="Print the address, and how to reach it from another machine.")
@click.option(
    "--wait",
    type=Duration(),
    default="10m",
    show_default=True,
    metavar="TIME",
    help="Give up when the trace has not been fetched for so long.",
)
@explain_option
def command(report: str, offline: bool, no_browser: bool, wait: int, **cut: Any) -> None:
    """Open a report in the Perfetto UI.

    \b
    A server on 127.0.0.1 hands the trace to the browser and ends; nothing is uploaded.
    Example: nsysgap view report.sqlite --nvtx decode
    """
    from nsysgap.answers.to_chrome import to_chrome
    from nsysgap.viewer import offline_ui, serving

    ui = offline_ui() if offline else None
    with temporary_folder() as folder:
        trace_file = folder / "trace.pftrace"
        with opened_report(report) as opened:
            for _, viewed in to_chrome(opened, to_chrome_options(cut), say):
                with trace_file.open("wb") as file:
                    write_trace(viewed, "pftrace", file)
        with serving(trace_file, ui=ui) as server:
            address = server.url + ("" if offline else f"#{quote(report_name(report))}")
            click.echo(f"Open this address in a browser, once: {address}")
            if no_browser:
                click.echo(f"For a browser on another machine, run this there first: {_ssh_line(server.url)}")
            else:
                webbrowser.open(address)
            if not server.wait(wait / 1e9):
                raise NsysgapError(
                    f"The trace was not fetched within {duration(wait)}.", "Open the address in a browser."
                )


def _ssh_line(url: str) -> str:
    """What makes this machine's port the other's own."""
    port = urlsplit(url).port
    return f"ssh -N -L {port}:127.0.0.1:{port} {getpass.getuser()}@{socket.gethostname()}"
