"""`--explain`, which every command takes: after the answer, what the words on the screen mean."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from nsysgap.commands import WIDTH

if TYPE_CHECKING:
    from nsysgap.terms import Term

LABEL = 16
EXPLAIN = "Say below it what the words on the screen mean."


def _after_it(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        context.call_on_close(lambda: click.echo(explanation(None), err=True))


explain_option = click.option("--explain", is_flag=True, expose_value=False, callback=_after_it, help=EXPLAIN)
"""For commands that write their answers by themselves: the ten causes on standard error."""


def explanation(text: str | None) -> str:
    """The definitions of the terms in a text; of the ten causes for None, what other formats show."""
    from nsysgap.terms import CAUSE_TERMS, terms_in

    return "\n".join(map(_paragraph, CAUSE_TERMS if text is None else terms_in(text)))


def _paragraph(term: Term) -> str:
    indent = " " * LABEL
    return textwrap.fill(f"{term.word:<{LABEL - 1}} {term.meaning}", WIDTH, subsequent_indent=indent)
