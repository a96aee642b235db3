"""What pages are put together from: files beside this one as one inline script, allowed by its hash alone."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import NamedTuple

from nsysgap.units import printable

_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
# Whole lines, casts and what ends a line without a quote: what else looks like a comment may be text.
_COMMENT = re.compile(r"^ *(?:/\*\*(?:(?!\*/).)*\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
_CAST = re.compile(r"/\*\* @type \{[^\n]*?\} \*/ (?=\()")
_LINE_END = re.compile(r"(?<=[;{,]) // [^\n\"'`]*$", re.MULTILINE)
_INDENT = re.compile(r"^ +", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.MULTILINE)


DRAWN = ("'unsafe-inline'", "img-src data:")
"""The styles of a page that draws: its script and its SVG set them, and it has pictures of its own."""


class Script(NamedTuple):
    """A script of a page: its tag, and what the page's policy must allow for it."""

    tag: str
    allow: str


def asset(path: str) -> str:
    """The text of a file, by its path below this folder."""
    return files("nsysgap.render.pages").joinpath(*path.split("/")).read_text(encoding="utf-8")


def bundle(modules: Iterable[str]) -> str:
    """Modules as one script: imports and comments dropped, exports made plain, an indent of one, one scope.

    A module comes after those it imports. Names of the top level must differ: a test holds that.
    """
    parts = []
    for path in modules:
        source = _EXPORT.sub("", _IMPORT.sub("", _COMMENT.sub("", asset(path))))
        source = _INDENT.sub(" ", _LINE_END.sub("", _CAST.sub("", source)))
        parts.append(f"// ---- {path.rsplit('/', 1)[-1]}\n{source}")
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "\n})();\n"


def filled(page: str, **values: str) -> str:
    """A page with its words in capitals replaced, all at once: no value is searched for another's word."""
    return re.sub(rf"\b(?:{'|'.join(values)})\b", lambda word: values[word[0]], page)


def head(title: str, style: str, policy: str) -> str:
    """What every page begins with, up to its body; `title` as plain text."""
    return filled(asset("page/head.html"), POLICY=policy, TITLE=escape(printable(title)), STYLE=style)


def policy(scripts: str, styles: str, *more: str) -> str:
    """What a page may run and load: nothing but these scripts and styles, and what `more` names ("img-src data:")."""
    return "; ".join(("default-src 'none'", f"script-src {scripts}", f"style-src {styles}", *more))


def hashed(source: str) -> str:
    """A script or style of a page, as its policy names it."""
    return f"'{digest(source, 'sha256')}'"


def inline(source: str) -> Script:
    """A script inside the page, allowed by its hash: no other inline script runs."""
    return Script(f"<script>{source}</script>", hashed(source))


def digest(source: str, kind: str) -> str:
    """A text's hash as policies and integrity attributes have it: "sha256-...="."""
    return f"{kind}-{base64.b64encode(hashlib.new(kind, source.encode()).digest()).decode('ascii')}"
