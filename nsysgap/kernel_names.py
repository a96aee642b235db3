"""Kernels' names for people: short ones, and what tells kernels of one short name apart."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

_NAMESPACES = re.compile(r"(?:\b[A-Za-z_]\w*::)+(?=[A-Za-z_~])")
_CAST = re.compile(r"\((?:unsigned )?(?:bool|char|short|int|long|long long)\)(?=-?\w)")
_WORD = re.compile(r"\w+")
_NAMELESS = ("(anonymous namespace)::", "<unnamed>::", "(anonymous namespace)", "<unnamed>")
LONGEST_DETAIL = 24


class KernelName(NamedTuple):
    """A kernel's short name, and what tells it from others of that name: "" where nothing needs to."""

    short: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.short}<{self.detail}>" if self.detail else self.short


class _Parts(NamedTuple):
    """A demangled name in pieces: template arguments and function parameters, as they stand."""

    short: str
    arguments: tuple[str, ...]
    parameters: str


def short_kernel_name(name: str) -> str:
    """A demangled C++ kernel name without return type, namespaces, template and function arguments.

    "void at::native::softmax<float, 4>(int)" -> "softmax". What does not look like C++ comes back unchanged.
    """
    return _parts(name).short


def told_apart(names: Iterable[str]) -> dict[str, KernelName]:
    """A short name for each of several kernels; those that share one get the template arguments that differ.

    The one argument that differs for all is enough (a functor says more than a number); else all that differ. Where
    only the parameters of a function differ, or an argument's inside that is not shown, those stand there.
    """
    groups: dict[str, list[tuple[str, _Parts]]] = defaultdict(list)
    for name in dict.fromkeys(names):
        parts = _parts(name)
        groups[parts.short].append((name, parts))
    short_names: dict[str, KernelName] = {}
    for short, group in groups.items():
        details = _brief(_details([parts for _, parts in group])) if len(group) > 1 else [""]
        short_names |= {name: KernelName(short, detail) for (name, _), detail in zip(group, details, strict=True)}
    return short_names


def _details(group: Sequence[_Parts]) -> list[str]:
    """What differs in a group of kernels of one short name, the shortest way of saying it first."""
    for shown in (_shortened, _without_namespaces):
        columns = _differing(group, shown)
        for column in sorted(columns, key=_says_little):
            if len(set(column)) == len(group):
                return list(column)
        joined = [", ".join(argument for argument in row if argument) for row in zip(*columns, strict=True)]
        if len(set(joined)) == len(group):
            return joined
    whole = [
        ", ".join((*map(_without_namespaces, parts.arguments), _without_namespaces(parts.parameters)))
        for parts in group
    ]
    return whole if len(set(whole)) == len(group) else [f"{text} #{i}" for i, text in enumerate(whole, 1)]


def _brief(details: list[str]) -> list[str]:
    """Long details by the words that are in no other: "MulFunctor" of a functor five templates deep."""
    words = [list(dict.fromkeys(_WORD.findall(detail))) for detail in details]
    having: dict[str, set[int]] = defaultdict(set)
    for i, some in enumerate(words):
        for word in some:
            having[word].add(i)
    brief = [
        _rarest(words[i], having, len(details)) if len(detail) > LONGEST_DETAIL else detail
        for i, detail in enumerate(details)
    ]
    number = Counter(brief)
    return [short if short and number[short] == 1 else detail for short, detail in zip(brief, details, strict=True)]


def _rarest(words: Sequence[str], having: Mapping[str, set[int]], number: int) -> str:
    """The fewest words, rarest first, that only one of so many has together, in their order; "" if all are shared."""
    left, chosen = set(range(number)), set()
    for word in sorted(words, key=lambda word: (len(having[word]), word.isdigit())):
        if len(left & having[word]) < len(left):
            left &= having[word]
            chosen.add(word)
        if len(left) == 1:
            return " ".join(word for word in words if word in chosen)
    return ""


def _differing(group: Sequence[_Parts], shown: Callable[[str], str]) -> list[tuple[str, ...]]:
    """The template arguments, by place, that are not the same for all; "" where a kernel has none there."""
    most = max(len(parts.arguments) for parts in group)
    rows = [
        [shown(argument) for argument in (*parts.arguments, *[""] * (most - len(parts.arguments)))] for parts in group
    ]
    return [column for column in zip(*rows, strict=True) if len(set(column)) > 1]


def _says_little(column: Sequence[str]) -> bool:
    """Whether an argument is a number or a plain type such as float: names of the program's own say more."""
    return not any(
        "<" in argument or "_" in argument or any(char.isupper() for char in argument) for argument in column
    )


def _shortened(argument: str) -> str:
    """A template argument without namespaces; of a lambda the function that it is written in."""
    text = _without_namespaces(argument)
    if "lambda" in text or "::" in text:
        named = _top_level_until(text, "(")
        if named.strip():
            text = named.split(" ")[-1] if "<" not in named else named.removeprefix("void ")
    return text.strip()


def _without_namespaces(text: str) -> str:
    return _CAST.sub("", _NAMESPACES.sub("", text)).strip()


def _top_level_until(text: str, mark: str) -> str:
    """The text before the first `mark` that is in no brackets."""
    depth = 0
    for i, char in enumerate(text):
        if depth == 0 and char == mark and i:
            return text[:i]
        depth += (char in "<([") - (char in ">)]")
    return text


def _parts(name: str) -> _Parts:
    """A name in pieces; what does not look like C++ is its own short name."""
    text = name
    for nameless in _NAMELESS:
        text = text.replace(nameless, "")
    if name.startswith(("[", "<")) or not any(mark in text for mark in ("(", "<", "::")):
        return _Parts(name, (), "")
    kept: list[str] = []
    arguments, depth, begin = "", 0, 0
    parameters = ""
    for i, char in enumerate(text):
        if char in "<(":
            if char == "(" and depth == 0 and kept:
                parameters = text[i:]
                break
            begin = i + 1 if depth == 0 else begin
            depth += 1
        elif char in ">)":
            depth = max(0, depth - 1)
            arguments = text[begin:i] if depth == 0 else arguments
        elif depth == 0:
            arguments = "" if char == ":" else arguments  # those of a namespace's class, not of the kernel
            kept.append(char)
    short = "".join(kept).split("::")[-1].split(" ")[-1].strip()
    return _Parts(short or name, _split(arguments), parameters)


def _split(arguments: str) -> tuple[str, ...]:
    """A list of arguments at its commas, not those inside brackets."""
    pieces, depth, begin = [], 0, 0
    for i, char in enumerate(arguments):
        depth += (char in "<([{") - (char in ">)]}")
        if char == "," and depth == 0:
            pieces.append(arguments[begin:i].strip())
            begin = i + 1
    return (*pieces, arguments[begin:].strip()) if arguments else ()
