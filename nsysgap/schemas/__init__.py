"""JSON Schemas of every document that nsysgap writes: draft 2020-12, each whole in itself.

A document's version is the number behind the slash of its "schema" ("nsysgap.gaps/1"). Within a version keys are only
added: whoever reads a document must pass over keys that are not in the schema at hand.
"""

from __future__ import annotations

import importlib

from nsysgap.errors import NsysgapError
from nsysgap.schemas.building import Schema

# name -> the module that holds it as DOCUMENT; "advise" answers with "nsysgap.whatif/1"
SCHEMAS = {
    "gaps": "gaps",
    "steps": "steps",
    "critical-path": "critical_path",
    "whatif": "whatif",
    "compare": "compare",
    "check": "check",
    "baseline": "baseline",
    "ranks": "ranks",
    "stacks": "stacks",
    "launches": "launches",
    "graphs": "graphs",
    "info": "info",
    "report": "report",
    "profile": "profile",
    "comparison": "comparison",
    "calibration": "calibration",
}


def schema(name: str) -> Schema:
    """The JSON Schema of a document by its name, as in "nsysgap.NAME/1". Raises NsysgapError for other names."""
    if name not in SCHEMAS:
        raise NsysgapError(f"There is no schema '{name}'.", f"There is {', '.join(SCHEMAS)}.", exit_code=2)
    document: Schema = importlib.import_module(f"nsysgap.schemas.{SCHEMAS[name]}").DOCUMENT
    return document
