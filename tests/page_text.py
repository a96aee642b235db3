"""A page of HTML as a reader sees it: texts by place, without a browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Page(HTMLParser):
    """`words`: every text in order; `pairs`: (term, lines) of definition lists; `rows`: cells of every table row;
    `tags`: every tag."""

    words: list[str] = field(default_factory=list)
    pairs: list[tuple[str, list[str]]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        """Open what texts belong to."""
        self.tags.append(tag)
        if tag in ("meta", "rect", "br"):
            return
        self.inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "dt":
            self.pairs.append(("", []))
        elif tag == "div" and "dd" in self.inside:
            self.pairs[-1][1].append("")

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """A text, where it belongs."""
        text = data.replace("\N{NO-BREAK SPACE}", " ")
        if not self.inside or self.inside[-1] in ("script", "style"):
            return
        self.words.append(text)
        if "td" in self.inside or "th" in self.inside:
            self.rows[-1][-1] += text
        elif "dt" in self.inside:
            self.pairs[-1] = (self.pairs[-1][0] + text, self.pairs[-1][1])
        elif "dd" in self.inside:
            if not self.pairs[-1][1]:
                self.pairs[-1][1].append("")
            self.pairs[-1][1][-1] += text


def read_page(text: str) -> Page:
    """A page, read."""
    page = Page()
    page.feed(text)
    return page
