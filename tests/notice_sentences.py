"""Every sentence of a notice that the package can say, found in its source: what tests of notices must cover.

A function says notices if it makes a `Notice` or what becomes one, or is named for it (warning, care, note, ...);
with it the functions and constants that it takes texts from. A sentence is a text of four words or more between values
that are put in; the branches of one choice are sentences of their own, singular and plural are one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "nsysgap"
MAKES = {"Notice", "Loss", "Limit", "_holder", "_warn"}  # calls whose texts are read as notices
NAMED = re.compile(r"notice|warn|reasons?$|care|caution|footnote|notes?$", re.IGNORECASE)
TEXTS = re.compile(r"\bstr\b|\bSaid\b")
SAYS_NOTICES = {"render.text.untraced"}  # modules of nothing else
LEAST_WORDS = 4
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Sentence:
    """`where`: "analysis.held:held_notices", or the constant; `texts`: what stands between the values put in."""

    where: str
    texts: tuple[str, ...]

    def says(self, words: str) -> bool:
        """Whether these words are of it, or all of one of its longer texts is among them."""
        return any(words in text or (text.count(" ") > 1 and text in words) for text in self.texts)


@dataclass
class _Module:
    name: str
    makes: bool  # whether it says one of MAKES at all
    functions: dict[str, Function] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # name here -> (module, name there)


@cache
def sentences() -> tuple[Sentence, ...]:
    """All of them, by module."""
    modules = {one.name: one for one in map(_module, sorted(PACKAGE.rglob("*.py")))}
    wanted = [(module.name, name) for module in modules.values() for name in module.functions if _root(module, name)]
    seen, found = set(wanted), []
    for of, name in wanted:  # grows while it is gone through
        module = modules[of]
        function, constant = module.functions.get(name), module.constants.get(name)
        body: list[ast.AST] = [] if function is None else [one for one in function.body if not _is_text(one)]
        body += [] if constant is None else [constant]
        found += [Sentence(f"{of}:{name}", texts) for node in body for texts in _texts(node)]
        for other in _used(module, modules, body):
            if other not in seen:
                seen.add(other)
                wanted.append(other)
    return tuple(found)


def _module(path: Path) -> _Module:
    text = path.read_text()
    tree = ast.parse(text)
    found = _Module(".".join(path.relative_to(PACKAGE).with_suffix("").parts), any(f"{one}(" in text for one in MAKES))
    for node in [*tree.body, *(method for one in tree.body if isinstance(one, ast.ClassDef) for method in one.body)]:
        if isinstance(node, Function):
            found.functions[node.name] = node
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("nsysgap."):
            whence = node.module.removeprefix("nsysgap.")
            found.imported |= {one.asname or one.name: (whence, one.name) for one in node.names}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found.constants[target.id] = node.value
    return found


def _root(module: _Module, name: str) -> bool:
    function = module.functions[name]
    called = {_name(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)} if module.makes else set()
    returns = "" if function.returns is None else ast.unparse(function.returns)
    return bool(called & MAKES) or returns == "Said" or bool(NAMED.search(name)) or module.name in SAYS_NOTICES


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)  # a docstring


def _used(module: _Module, modules: dict[str, _Module], body: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """(module, name) of functions that give texts, and of constants, used in these statements."""
    for node in (node for one in body for node in ast.walk(one)):
        name = _name(node) if isinstance(node, ast.Name | ast.Attribute) else ""
        of, there = module.imported.get(name, (module.name, name))
        where = modules.get(of)
        function = None if where is None else where.functions.get(there)
        if (function is not None and function.returns is not None and TEXTS.search(ast.unparse(function.returns))) or (
            where is not None and there in where.constants
        ):
            yield of, there


def _texts(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """The texts of each sentence below a node; errors have tests of their own."""
    if isinstance(node, ast.Raise):
        return
    texts = _own(node)
    if texts is not None:
        words = [len(text.split()) for text in texts]
        if words and (max(words) >= LEAST_WORDS or min(words) + len(words) > LEAST_WORDS):
            yield texts
        if isinstance(node, ast.JoinedStr):
            for value in node.values:
                if isinstance(value, ast.FormattedValue):
                    yield from _texts(value.value)
        return
    for child in ast.iter_child_nodes(node):
        if not _is_text(child):
            yield from _texts(child)


def _own(node: ast.AST) -> tuple[str, ...] | None:
    """The texts of a string, of one with values put in, or of both numbers of a counted thing; None of all else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    if isinstance(node, ast.JoinedStr):
        return tuple(str(one.value) for one in node.values if isinstance(one, ast.Constant))
    if isinstance(node, ast.Call) and _name(node.func) == "counted":
        return tuple(text for one in node.args[1:] for text in _own(one) or ())
    if isinstance(node, ast.Tuple) and len(node.elts) == 2:
        both = [_own(one) for one in node.elts if isinstance(one, ast.Constant | ast.JoinedStr)]
        return tuple(text for one in both for text in one or ()) if len(both) == 2 else None
    return None
