"""A gate's verdicts as JUnit XML, which CI systems show: a test case a limit.

The form is that of Jenkins' and Apache Ant's junit reports: testsuites, testsuite, testcase, failure, error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from nsysgap.render.text.check import limit_name, shown
from nsysgap.units import printable

Document = Mapping[str, Any]
SUITE = "nsysgap check"
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(document: Document) -> bytes:
    """The document "nsysgap.check/1" as one suite: a broken limit is a failure, one that cannot be told an error."""
    limits = document["limits"]
    numbers = {
        "tests": str(len(limits)),
        "failures": str(sum(row["verdict"] == "fail" for row in limits)),
        "errors": str(sum(row["verdict"] == "unknown" for row in limits)),
    }
    root = ElementTree.Element("testsuites", numbers)
    suite = ElementTree.SubElement(root, "testsuite", {"name": SUITE, **numbers, "skipped": "0", "time": "0"})
    reports = ", ".join(row["path"] for row in document["reports"])
    where = document["reports"][0]["loop"] or "window"
    for row in limits:
        name = f"{limit_name(row)} {shown(row, row['most'])}"
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": f"nsysgap.{_xml(where)}", "name": _xml(name), "time": "0"}
        )
        if row["verdict"] != "pass":
            tag, kind = ("failure", "LimitBroken") if row["verdict"] == "fail" else ("error", "CannotBeTold")
            said = _xml(f"{shown(row, row['value'])}{f' ({why})' if (why := row['why']) else ''}")
            problem = ElementTree.SubElement(case, tag, {"message": said, "type": kind})
            problem.text = _xml(f"{name}: {said} in {reports}")
    ElementTree.SubElement(suite, "system-out").text = _xml("\n".join([*document["reasons"], *document["warnings"]]))
    made: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _xml(text: str) -> str:
    """Text that XML can hold, line by line without control characters."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", "\n".join(printable(line) for line in text.split("\n")))
