"""Holds every JSON document that a test sees against its schema, with no key allowed that the schema does not name."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema

from nsysgap.schemas import SCHEMAS, schema

BOTH_ENDS = 50
"""Of a longer list so many items of its beginning and of its end are held against the schema."""


def require_contract(output: bytes) -> None:
    """Fail where `output` is a document of nsysgap, or a list of them, that breaks its contract."""
    if output.lstrip(b"[ \n").startswith(b"{\n") and b'"schema": "nsysgap.' in output[:80]:
        document = json.loads(output)
        for each in document if isinstance(document, list) else [document]:
            require_document(each)


def require_document(document: dict[str, Any]) -> None:
    """Fail where a document breaks its contract, or has a key that the contract does not name."""
    name = document["schema"].removeprefix("nsysgap.").partition("/")[0]
    assert name in SCHEMAS, document["schema"]
    error = jsonschema.exceptions.best_match(_validator(name).iter_errors(_shortened(document)))
    where = "nsysgap/schemas has the contract; after adding to it: python docs/generate.py"
    assert error is None, f"{document['schema']}: {error.json_path}: {error.message[:500]} ({where})"


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_closed(schema(name)))


def _closed(part: Any) -> Any:
    """The schema with no more keys than it names."""
    if isinstance(part, list):
        return [_closed(item) for item in part]
    if not isinstance(part, dict):
        return part
    closed = {key: _closed(value) for key, value in part.items()}
    return {**closed, "additionalProperties": False} if "required" in part else closed


def _shortened(part: Any) -> Any:
    if isinstance(part, list):
        kept = part if len(part) <= 2 * BOTH_ENDS else part[:BOTH_ENDS] + part[-BOTH_ENDS:]
        return [_shortened(item) for item in kept]
    return {key: _shortened(value) for key, value in part.items()} if isinstance(part, dict) else part
