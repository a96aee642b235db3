"""Schemas of the documents: valid, current in docs, true of every sample's output, and only ever added to."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
from command_line import run
from contracts import require_document
from folders import NAIVE, ROOT, generator

from nsysgap.schemas import SCHEMAS, schema

GENERATE = generator()


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_and_says_what_everything_means(name: str) -> None:
    made = schema(name)
    jsonschema.Draft202012Validator.check_schema(made)
    assert made["properties"]["schema"] == {
        "const": f"nsysgap.{name}/1",
        "description": "Which document this is.",
    }
    assert all("description" in part or "$ref" in part for part in made["properties"].values())


def test_the_committed_schemas_are_current() -> None:
    files = {path.name: json.loads(path.read_text()) for path in (ROOT / "docs" / "schemas").glob("*.json")}
    assert files == GENERATE.schema_files(), "run: python docs/generate.py"


def test_the_command_prints_a_schema() -> None:
    done = run("schema", "steps")
    assert done.returncode == 0
    assert json.loads(done.stdout) == schema("steps")
    assert run("schema", "nothing").returncode == 2


def edited(change: str) -> dict[str, Any]:
    made = copy.deepcopy(schema("steps"))
    loop = made["$defs"]["loop"]
    if change == "a key is added":
        loop["properties"]["more"] = {"type": "integer"}
    elif change == "an added key is always there":
        loop["properties"]["more"] = {"type": "integer"}
        loop["required"].append("more")
    elif change == "a value is added to a set":
        loop["properties"]["source"]["enum"].append("markers")
    elif change == "a text is better":
        loop["properties"]["source"]["description"] = "Better."
    elif change == "a key is gone":
        del loop["properties"]["count"]
    elif change == "a key may be missing":
        loop["required"].remove("count")
    elif change == "a key may be null":
        loop["properties"]["count"] = {"anyOf": [loop["properties"]["count"], {"type": "null"}]}
    elif change == "a type changes":
        loop["properties"]["count"]["type"] = "number"
    return made


@pytest.mark.parametrize(
    "change",
    ["a key is added", "an added key is always there", "a value is added to a set", "a text is better"],
)
def test_what_a_version_may_gain(change: str) -> None:
    assert edited(change) != schema("steps")
    assert list(GENERATE.broken_promises(schema("steps"), edited(change))) == []


@pytest.mark.parametrize("change", ["a key is gone", "a key may be missing", "a key may be null", "a type changes"])
def test_what_a_version_may_not_lose(change: str) -> None:
    assert list(GENERATE.broken_promises(schema("steps"), edited(change))) != []


def test_a_key_that_no_schema_names_is_noticed() -> None:
    document = json.loads(run("steps", NAIVE, "--format", "json").stdout)
    require_document(document)
    with pytest.raises(AssertionError, match="surprise"):
        require_document({**document, "surprise": 1})
