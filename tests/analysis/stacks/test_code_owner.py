"""Whose code a file is, and how its path is shortened."""

from __future__ import annotations

import pytest

from nsysgap.analysis.stacks.code_owner import kind_of, short_paths


@pytest.mark.parametrize(
    ("file", "native", "kind"),
    [
        ("/home/u/train.py", False, "program"),
        ("<string>", False, "program"),
        ("<frozen importlib._bootstrap>", False, "library"),
        ("/usr/lib/python3.12/json/decoder.py", False, "library"),
        ("/opt/v/lib/python3.12/site-packages/torch/nn/modules/linear.py", False, "framework"),
        ("/opt/v/lib/python3.12/site-packages/requests/api.py", False, "library"),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", True, "native"),
        ("/usr/lib/x86_64-linux-gnu/libcuda.so.580.1", True, "framework"),
        ("[kernel.kallsyms]", True, "native"),
        ("/usr/bin/python3.12", True, "native"),
        ("python3.12", True, "native"),  # a scrubbed report keeps the names of modules alone
        ("/home/u/build/solver", True, "program"),
        ("", True, "native"),
    ],
)
def test_whose_code_a_file_is(file: str, native: bool, kind: str) -> None:
    assert kind_of(file, native=native) == kind


def test_own_files_lose_what_they_share() -> None:
    own = ["/home/u/p/train.py", "/home/u/p/model/layer.py"]
    assert short_paths((one, False) for one in own) == {own[0]: "train.py", own[1]: "model/layer.py"}
    assert short_paths([("/home/u/only.py", False)]) == {"/home/u/only.py": "only.py"}
    assert short_paths([("<string>", False), ("/lib/libc.so.6", True)]) == {
        "<string>": "<string>",
        "/lib/libc.so.6": "libc.so.6",
    }
