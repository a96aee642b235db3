"""The one error a user can cause: what is wrong, then what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class NsysgapError(Exception):
    """Something the user can put right.

    `message` says in one sentence what is wrong, `hint` what to do next. The command line prints both and ends
    with `exit_code` (1; 2 for wrong usage); `details` are what it rests on, a line each. Every other exception is a
    defect of nsysgap and keeps its traceback.
    """

    def __init__(self, message: str, hint: str = "", details: tuple[str, ...] = (), *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details
        self.exit_code = exit_code

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, *self.details, self.hint) if part)


@contextmanager
def called(name: str, at: str) -> Iterator[None]:
    """What goes wrong inside with a report that lies `at` another place is said of it as the user called it."""
    try:
        yield
    except NsysgapError as error:
        said, hint, *details = (text.replace(at, name) for text in (error.message, error.hint, *error.details))
        raise NsysgapError(said, hint, tuple(details), exit_code=error.exit_code) from None
