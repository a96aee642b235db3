"""The command line: one click command per module, imported only when it runs."""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import io
import os
import signal
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any, NoReturn

import click

from nsysgap.errors import NsysgapError
from nsysgap.numpy_settings import tell_numpy
from nsysgap.version import __version__

# name -> (module below nsysgap.commands, one line of help): listing them must not import them.
COMMANDS = {
    "gaps": ("gaps", "Why was the GPU idle: time by cause, launch latency, sync tails, the longest gaps."),
    "steps": ("steps", "What repeats: loops, what a step takes and launches, busy and idle time per step."),
    "critical-path": ("critical_path", "What limits the loop: GPU work, launches, host code, copies, waits; exact."),
    "advise": ("advise", "Which changes would gain most, predicted and ordered, and how to make them."),
    "whatif": (
        "whatif",
        "What a CUDA graph, pinned copies, fewer syncs ... would gain: a figure, a range, or why not.",
    ),
    "calibrate": ("calibrate", "Measure what graphs, gaps and copies cost on this machine, for predictions."),
    "compare": ("compare", "Before and after: what a step takes, what explains the change, which kernels, noise."),
    "check": ("check", "A gate for CI: limits on a step, absolute or against a baseline; exit codes 0, 3 and 4."),
    "stacks": ("stacks", "Which line of the program kept the GPU idle: by line, function or file; flame graphs."),
    "profile": ("profile", "Run programs plain and under nsys, and say why the GPU was idle."),
    "scrub": ("scrub", "Copy a report without environment, arguments, host and user names."),
    "graphs": ("graphs", "Every CUDA graph: how built and replayed, slowest nodes, what a replay saved; drawn."),
    "launches": ("launches", "What launching costs: per kernel beside its run time, per NVTX range."),
    "ranks": ("ranks", "Who keeps whom waiting: the ranks of a job, the straggler and why it is late."),
    "info": ("info", "What a report holds, what is missing, and which questions it can answer."),
    "report": ("report", "One page to send: the answer in words, steps, limits, idle time, kernels; Markdown too."),
    "timeline": ("timeline", "One self-contained HTML page: every gap explains itself."),
    "to-chrome": ("to_chrome", "The report as a trace for Perfetto, chrome://tracing and PyTorch trace tools."),
    "mcp": ("mcp", "Answers for agents: a server for the Model Context Protocol."),
    "schema": ("schema", "The JSON Schema of a document, for programs that read it."),
    "view": ("view", "Open the report in the Perfetto UI, from this machine, without uploading it."),
}

REPORT_ENDINGS = tuple(
    ending + packed for ending in (".sqlite", ".db", ".nsys-rep", ".qdrep") for packed in ("", ".gz", ".xz", ".zst")
)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
WIDTH, LONGEST_DETAIL = 80, 240


class ReaderGone(Exception):  # noqa: N818 - it is no error
    """Whoever read standard output has seen enough and closed it."""


class LazyGroup(click.Group):
    """Imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"nsysgap.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names; a report is a question for `gaps`.

        Raises UsageError, which names what may have been meant.
        """
        first = args[0]
        if first not in COMMANDS and not first.startswith("-"):
            if Path(first).exists() or first.endswith(REPORT_ENDINGS) or "://" in first:
                return "gaps", self.get_command(ctx, "gaps"), args
            from difflib import get_close_matches

            near = get_close_matches(first, COMMANDS)
            meant = f"Did you mean {' or '.join(near)}?" if near else "It is neither a command nor a report."
            ctx.fail(f"There is no command '{first}'. {meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="nsysgap %(version)s")
def cli() -> None:
    """Why was my GPU idle? Exact answers from Nsight Systems reports.

    \b
    Example: nsysgap report.sqlite
    which is short for: nsysgap gaps report.sqlite
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0, 1 for what is wrong with the input, 2 for wrong usage, 130 after Ctrl-C."""
    _clean_up_when_killed()
    tell_numpy()
    # Else Python looks for circles among all objects of all modules before it ends: a tenth of a small report's time.
    atexit.register(gc.freeze)
    try:
        code: Any = cli.main(arguments, prog_name="nsysgap", standalone_mode=False)
        if sys.stdout is not None:  # as where the shell closed it: >&-
            sys.stdout.flush()
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as error:
        code = show_usage_error(error)
    except NsysgapError as error:
        code = show_error(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("nsysgap: stopped.", err=True)
        code = 130
    except (BrokenPipeError, ReaderGone):
        code = 0  # whoever read our output has seen enough
        drop_output()
    except OSError as error:
        # Files that commands write have their own sentences: what names no file was printed.
        if error.filename is not None or error.errno not in NO_ROOM:
            raise
        code = show_error(output_refused(error))
    sys.exit(code if isinstance(code, int) else 0)


def _clean_up_when_killed() -> None:
    """Leave by way of an exception: what signals do by default would leave temporary files behind."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _leave)


def _leave(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def drop_output() -> None:
    """Keep Python from complaining, while it shuts down, of what standard output could not take."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def output_refused(error: OSError) -> NsysgapError:
    """What to say where standard output takes no more, as on a full disk."""
    drop_output()
    return NsysgapError(f"Standard output cannot be written ({error.strerror}).", "Free some space.")


def show_usage_error(error: click.ClickException) -> int:
    """Say on standard error what click refuses; the exit code. Names of files in it may hold anything."""
    from nsysgap.units import printable_lines

    said = io.StringIO()
    error.show(said)
    click.echo(printable_lines(said.getvalue()), err=True, nl=False)
    return error.exit_code


def show_error(error: NsysgapError) -> int:
    """Say on standard error what is wrong and what to do next, one line each; the exit code."""
    from nsysgap.units import printable

    # Paths, names and what SQLite quotes of a damaged file are other people's text.
    click.echo(f"nsysgap: {printable(error.message)}", err=True)
    for detail in error.details:
        text = printable(detail, LONGEST_DETAIL)
        click.echo(textwrap.fill(text, WIDTH, initial_indent="  - ", subsequent_indent="    "), err=True)
    if error.hint:
        click.echo(f"  {printable(error.hint)}", err=True)
    return error.exit_code
