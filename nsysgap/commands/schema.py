"""`nsysgap schema`: the JSON Schema of a document."""

from __future__ import annotations

import json

import click

from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.schemas import SCHEMAS, schema

OUTPUTS = Outputs({"json": "the schema, draft 2020-12"})


@click.command("schema")
@click.argument("name", type=click.Choice(list(SCHEMAS)))
@OUTPUTS.options
def command(name: str, to: Destination) -> None:
    """The JSON Schema of a document, by the NAME in its "schema": "nsysgap.NAME/1".

    \b
    Within a version keys are only added. advise answers with the document whatif.
    Example: nsysgap schema gaps
    """
    to.write((json.dumps(schema(name), indent=2) + "\n").encode())
