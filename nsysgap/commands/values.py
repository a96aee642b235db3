"""What options take, as click reads it: times, patterns, rows, percentages, factors, large numbers."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import click

from nsysgap.errors import NsysgapError
from nsysgap.units import parse_duration, printable


class Duration(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """A time such as 350ms or 1.2s, as integer nanoseconds; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse, or fail as wrong usage."""
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except NsysgapError as error:
            self.fail(str(error), param, ctx)


class Pattern(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """A regular expression."""

    name = "regex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> re.Pattern[str]:
        """Compile, or fail as wrong usage."""
        try:
            return re.compile(value)
        except re.error as error:
            self.fail(f"'{value}' is not a regular expression: {error}.", param, ctx)


ALL = -1


class Top(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """A number of rows, at least one, or "all" (ALL)."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """A count; ALL stands for all."""
        if value == "all":
            return ALL
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1:
            self.fail(f"'{value}' is neither a number of rows, from 1 on, nor 'all'.", param, ctx)
        return number


def top_of(given: int | None, default: int | None) -> int | None:
    """How many rows --top asks for, None for all; the default where it was not given."""
    return default if given is None else None if given == ALL else given


class Percent(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """A percentage, "30" or "30%", exact; with `named` a name before it: "host=30"."""

    def __init__(self, named: str = "") -> None:
        self.named = named
        self.name = f"{named}=percent" if named else "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse, or fail as wrong usage."""
        from fractions import Fraction

        name, equals, number = str(value).rpartition("=")
        try:
            percent = Fraction(number.strip().removesuffix("%").strip())
        except (ValueError, ZeroDivisionError):
            self.fail(f"'{printable(number)}' is not a percentage.", param, ctx)
        if percent < 0:
            self.fail(f"'{printable(number)}' is below 0.", param, ctx)
        if bool(equals) != bool(self.named):
            self.fail(f"'{printable(str(value))}' is not {self.name.upper()}.", param, ctx)
        return (name.strip(), percent) if self.named else percent


class Factor(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """NAME=K: what to change, and how many times."""

    name = "NAME=K"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Split at the last =, or fail as wrong usage."""
        if isinstance(value, tuple):
            return value
        target, equals, factor = value.rpartition("=")
        try:
            number = float(factor)
        except ValueError:
            number = 0
        if not equals or not target or not 1 <= number < float("inf"):
            self.fail(f"'{value}' is not NAME=K with K at least 1, such as 'load=2'.", param, ctx)
        return target, number


class Many(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """A number, perhaps with k, M or G (or B) behind it: 10M."""

    name = "N"
    sizes: ClassVar[dict[str, float]] = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or fail as wrong usage."""
        text = str(value)
        size = self.sizes.get(text[-1:].lower())
        try:
            number = float(text if size is None else text[:-1]) * (size or 1)
        except ValueError:
            number = -1
        if not 0 <= number < float("inf"):
            self.fail(f"'{value}' is not a number of 0 or more, such as 10M or 250000.", param, ctx)
        return number
