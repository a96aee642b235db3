"""Where answers go: one rule for -o and --format in every command, files that are whole or not there.

A file's ending chooses the format; an ending that nothing is known by, or that contradicts --format, is refused.
Missing folders are made, a file that is an input is never written, and every written file is announced.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import IO, Any, Literal, cast

import click

from nsysgap.commands import ReaderGone, output_refused
from nsysgap.commands.explain import EXPLAIN, explanation
from nsysgap.errors import NsysgapError
from nsysgap.files import is_special, output_file, require_writable
from nsysgap.units import file_size, printable, printable_lines


@dataclass(frozen=True)
class Form:
    """A format: the endings of its files' names, the usual one first, and what it looks like on a terminal.

    "text" is for people, "markup" for pipes and files, "binary" for files and for pipes that were asked for (-o -).
    """

    endings: tuple[str, ...]
    kind: Literal["text", "markup", "binary"] = "text"


FORMS: Mapping[str, Form] = {
    "text": Form((".txt", ".text", ".log")),
    "json": Form((".json",)),
    "csv": Form((".csv",)),
    "markdown": Form((".md", ".markdown")),
    "junit": Form((".xml",)),
    "parquet": Form((".parquet",), "binary"),
    "html": Form((".html", ".htm"), "markup"),
    "svg": Form((".svg",), "markup"),
    "collapsed": Form((".collapsed", ".folded", ".txt")),
    "speedscope": Form((".speedscope.json", ".speedscope", ".json")),
    "json.gz": Form((".json.gz",), "binary"),
    "pftrace": Form((".pftrace", ".perfetto-trace"), "binary"),
    "sqlite": Form((".sqlite",), "binary"),
    "sqlite.gz": Form((".sqlite.gz", ".gz"), "binary"),
    "sqlite.xz": Form((".sqlite.xz", ".xz"), "binary"),
    "sqlite.zst": Form((".sqlite.zst", ".zst"), "binary"),
}
ENDINGS = sorted({ending for form in FORMS.values() for ending in form.endings}, key=len, reverse=True)


class Outputs:
    """The table of a command's outputs: format -> what it holds (for --help); the first is the default.

    `default_name` gives the file to write where -o names none, from the command's parameters and the format's ending;
    without it that is standard output. `inputs` are the parameters that name files which are read; `shorthands` the
    formats that have an option of their own (--html), `on_pipes` the default for standard output and devices.
    """

    def __init__(
        self,
        forms: Mapping[str, str],
        *,
        default_name: Callable[[Mapping[str, Any], str], str | None] | None = None,
        inputs: tuple[str, ...] = ("report", "reports"),
        shorthands: tuple[str, ...] = (),
        on_pipes: str | None = None,
    ) -> None:
        self.forms = forms
        self.default = next(iter(forms))
        self.default_name = default_name
        self.inputs = inputs
        self.shorthands = shorthands
        self.on_pipes = on_pipes or self.default

    def options(self, command: Callable[..., Any]) -> Callable[..., Any]:
        """Add --format, -o and --force to a command, which gets one parameter `to` for them: a Destination."""

        @wraps(command)
        def with_destination(
            *, output: str | None, force: bool, explain: bool, form: str | None = None, **given: Any
        ) -> Any:
            chosen = [form] if form is not None else []
            chosen += [short for short in self.shorthands if given.pop(f"as_{short}") and short != form]
            if len(chosen) > 1:
                raise NsysgapError(f"{' and '.join(chosen)} are two formats: take one of them.", "", exit_code=2)
            to = self.destination(chosen[0] if chosen else None, output, given, force=force)
            return command(to=replace(to, explain=explain), **given)

        where = "Write to this file, in the format of its ending" if len(self.forms) > 1 else "The file to write"
        where += "; - is standard output." if self.default_name else "; else to the terminal."
        told = "; ".join(f"{form}: {holds}" for form, holds in self.forms.items() if holds)
        options = [
            click.option("--format", "form", type=click.Choice(list(self.forms)), help=self._help(told)),
            *(
                click.option(f"--{short}", f"as_{short}", is_flag=True, help=f"Short for --format {short}.")
                for short in self.shorthands
            ),
            click.option("-o", "--output", type=click.Path(), metavar="FILE", help=where),
            click.option("--force", is_flag=True, help="Overwrite the output file."),
            click.option("--explain", is_flag=True, help=EXPLAIN),
        ]
        made: Callable[..., Any] = with_destination
        for option in reversed(options[len(self.forms) == 1 :]):
            made = option(made)
        return made

    def _help(self, told: str) -> str:
        return f"By the file's ending, else {self.default}.{f' {told[0].upper()}{told[1:]}.' if told else ''}"

    def destination(
        self, form: str | None, output: str | None, given: Mapping[str, Any], *, force: bool = False
    ) -> Destination:
        """Where to write. Raises NsysgapError (usage) for what cannot be written so."""
        chosen = self.form_of(form, output)
        name = output
        if output is None and self.default_name is not None:
            name = self.default_name(given, FORMS[chosen].endings[0])
        named = [given[parameter] for parameter in self.inputs if given.get(parameter) is not None]
        inputs = tuple(path for paths in named for path in ((paths,) if isinstance(paths, str) else paths))
        to = Destination(chosen, None if name == "-" else name, force, inputs)
        if name is not None or self.default_name is None:  # else the command names its files by itself
            to.check(asked_for=name == "-")
        return to

    def form_of(self, form: str | None, output: str | None) -> str:
        """The format of a file's name and of --format together. Raises NsysgapError where they say none, or two."""
        if output is None:
            return form or self.default
        if output == "-" or is_special(Path(output)):
            return form or self.on_pipes
        name = Path(output).name.lower()
        ending = next((known for known in ENDINGS if name.endswith(known)), None)
        fitting = [known for known in self.forms if ending in FORMS[known].endings]
        if form is not None and (ending is None or form in fitting):
            return form
        if form is not None and fitting:
            hint = f"Name it {Path(output).stem}{FORMS[form].endings[0]}, or leave out --format."
            raise NsysgapError(f"{output} is {fitting[0]} by its name, and --format says {form}.", hint, exit_code=2)
        if fitting:
            return fitting[0]
        if ending is None and len(self.forms) == 1 and not Path(name).suffix:
            return self.default
        raise self._unknown(output, ending, form)

    def _unknown(self, output: str, ending: str | None, form: str | None) -> NsysgapError:
        usual = dict.fromkeys(FORMS[known].endings[0] for known in ([form] if form else self.forms))
        hint = f"End it with {' or '.join(usual)}"
        if ending is None:
            more = ", or add --format." if len(self.forms) > 1 else "."
            return NsysgapError(f"The name {output} does not say which format to write.", hint + more, exit_code=2)
        return NsysgapError(f"This command writes no {ending} files: {output}.", hint + ".", exit_code=2)


@dataclass(frozen=True)
class Destination:
    """Where an answer goes and how: `form` is one of FORMS, `path` a file or None for standard output.

    `inputs` are the files that are read: none of them is ever written. `explain`: say after the answer what its words
    mean, below a text, for other formats on standard error.
    """

    form: str
    path: str | None = None
    force: bool = False
    inputs: tuple[str, ...] = ()
    explain: bool = False

    @property
    def color(self) -> bool:
        """Whether text is written with colours: on a terminal that was not told NO_COLOR."""
        return self.path is None and on_terminal() and not os.environ.get("NO_COLOR")

    def check(self, *, asked_for: bool = False) -> None:
        """Raise NsysgapError for what would be refused when it is written: before the work, not after it.

        `asked_for`: standard output was named, so a pipe gets whatever it is.
        """
        kind = FORMS[self.form].kind
        if self.path is not None:
            require_writable(Path(self.path), force=self.force, inputs=self.inputs)
        elif kind != "text" and (on_terminal() or (kind == "binary" and not asked_for)):
            name = f"NAME{FORMS[self.form].endings[0]}"
            raise NsysgapError(f"{self.form} is nothing to read on a terminal.", f"Name a file: -o {name}", exit_code=2)

    def write(self, content: bytes | Iterable[bytes], then: str = "") -> None:
        """Write everything and announce the file; `then` says what to do with it."""
        with self.file() as file:
            for part in (content,) if isinstance(content, bytes) else content:
                file.write(part)
            if self.explain and self.form == "text" and isinstance(content, bytes):
                file.write(f"\n{explanation(content.decode())}\n".encode())
        self.announce(then)

    @contextmanager
    def file(self) -> Iterator[IO[bytes]]:
        """The file to write, which is in its place when the context ends well; not announced."""
        if self.path is None:
            with _stdout() as stdout:
                yield cast("IO[bytes]", _OnTerminal(stdout)) if self.form != "text" and on_terminal() else stdout
            return
        with output_file(Path(self.path), force=self.force, inputs=self.inputs) as file:
            yield file

    def announce(self, then: str = "") -> None:
        """Say on standard error which file was written; nothing for standard output."""
        if self.path is not None:
            announce(self.path, then)
        if self.explain and self.form != "text":
            click.echo(explanation(None), err=True)


def announce(path: str, then: str = "") -> None:
    """Say on standard error that a file was written, how large it is, and what to do with it."""
    size = "" if is_special(Path(path)) else f" ({file_size(Path(path).stat().st_size)})"
    click.echo(f"Wrote {printable(path)}{size}{f': {then}' if then else ''}.", err=True)


def on_terminal() -> bool:
    """Whether standard output is seen on a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


class _OnTerminal:
    """Standard output where it is seen: texts of a report come without control characters there, and only there."""

    def __init__(self, stdout: IO[bytes]) -> None:
        self.stdout = stdout
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: bytes) -> int:
        """Write a part of a document that is text."""
        self.stdout.write(printable_lines(self.decoder.decode(data)).encode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        """Pass on what was written."""
        self.stdout.flush()


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    if sys.stdout is None:  # the shell closed it: >&-
        raise NsysgapError("Standard output is closed.", "Name a file: -o FILE.")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise ReaderGone from None  # click would end with 1 for it
    except OSError as error:
        raise output_refused(error) from None
