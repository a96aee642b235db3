"""Answers in the format that was asked for: a command says what only it has, documents and rows are the same in all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nsysgap.commands.outputs import Destination
    from nsysgap.render.data import Answer

    Rendered = Iterable[RenderableType] | str | bytes
    """Blocks of a text, a page or Markdown as one text, or what a file holds."""

Answered = TypeVar("Answered")


def write(
    to: Destination, answers: Sequence[Answered], then: str = "", /, **renderers: Callable[[Answered], Rendered]
) -> None:
    """Write answers in the format of `to`, texts with an empty line between them; `then` says what to do with a file.

    `renderers`: format -> an answer in it. Without one the format is "json", "csv" or "parquet", and answers have what
    it takes: documents, rows. Raises NsysgapError where Parquet is wanted and pyarrow is missing.
    """
    render = renderers.get(to.form)
    if render is None:
        from nsysgap.render.data import data_bytes

        to.write(data_bytes(cast("Sequence[Answer]", answers), to.form), then)
        return
    to.write(b"\n".join([_bytes(render(answer), color=to.color) for answer in answers]), then)


def _bytes(made: Rendered, *, color: bool) -> bytes:
    if isinstance(made, bytes):
        return made
    if not isinstance(made, str):
        from nsysgap.render.text.console import as_text

        made = as_text(made, color=color)
    return made.encode("utf-8", "replace")
