"""Columns and texts packed into the page come back as they were."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from page_files import decoded

from nsysgap.render.pages.timeline.pack import encode, pack_text

INT64 = st.integers(-(2**63), 2**63 - 1)
NEAR = st.integers(-(2**33), 2**33)


@given(st.one_of(st.lists(INT64, max_size=30), st.lists(NEAR, max_size=30)), st.sets(st.integers(1, 29)), st.booleans())
@settings(max_examples=examples(300), deadline=None)
def test_columns_come_back_as_they_were(values: list[int], begins: set[int], as_differences: bool) -> None:
    at = np.array([0, *sorted(one for one in begins if one < len(values))])
    spec, data = encode(np.array(values, np.int64), at if as_differences else None)
    assert decoded(json.loads(json.dumps(spec)), data, len(values)) == values


def test_pack_text_is_plain_zlib() -> None:
    assert zlib.decompress(base64.b64decode(pack_text(b"abc" * 100))) == b"abc" * 100
