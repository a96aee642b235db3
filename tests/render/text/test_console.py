"""What text renderers print with: lines that go on further in."""

from __future__ import annotations

import io

from rich.text import Text

from nsysgap.render.text.console import Hanging, console


def test_a_line_goes_on_two_columns_further_in() -> None:
    words = " ".join(["word"] * 20)
    out = io.StringIO()
    console(80, file=out).print(Hanging(Text(f"{words}\n  {words}\n\nshort")))
    lines = out.getvalue().split("\n")
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 2, 4, 0, 0, 0]
    assert max(map(len, lines)) <= 80
    assert out.getvalue().split() == [*["word"] * 40, "short"]
