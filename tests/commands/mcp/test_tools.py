"""Tools are the commands: their options as inputs, none that writes, every option that names a file looked up."""

from __future__ import annotations

import click
import jsonschema
import pytest

from nsysgap.commands.mcp.tools import FILES, LEFT_OUT, REPORTS, TOOLS, Tool

WRITES_NOTHING_BUT_NAMES_NO_FILE = {"plain"}
NAMES_A_FILE = ("FILE", "REPORT", ".json", "PAGE", "FOLDER", "ADDRESS")


@pytest.mark.parametrize("name", TOOLS)
def test_inputs_are_typed_and_say_what_they_are(name: str) -> None:
    made = Tool(name).input_schema
    jsonschema.Draft202012Validator.check_schema(made)
    assert all(one["description"] for one in made["properties"].values())
    assert Tool(name).description.isprintable()


@pytest.mark.parametrize("name", TOOLS)
def test_every_option_that_names_a_file_is_known_as_one(name: str) -> None:
    for parameter in Tool(name).command.params:
        shown = f"{parameter.metavar or ''} {type(parameter.type).__name__}"
        if any(word in shown for word in NAMES_A_FILE) or isinstance(parameter.type, click.Path | click.File):
            assert parameter.name in FILES | REPORTS | LEFT_OUT | WRITES_NOTHING_BUT_NAMES_NO_FILE, parameter.name


def test_inputs_have_the_command_line_s_names_and_limits() -> None:
    made = Tool("gaps").input_schema["properties"]
    assert made["hidden-after"]["type"] == "string"
    assert made["device"] == {"type": "integer", "minimum": 0, "description": "N: Only this GPU."}
    assert made["by"]["enum"][0] == "cause"
    assert made["whole"]["type"] == "boolean"
    assert made["reports"]["type"] == "array"
    assert Tool("whatif").input_schema["properties"]["graph"]["type"] == ["string", "boolean"]
