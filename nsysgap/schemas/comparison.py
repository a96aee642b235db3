"""The document of `nsysgap profile` for several programs: their captures beside each other."""

from __future__ import annotations

from nsysgap.schemas.building import array, document
from nsysgap.schemas.profile import CAPTURE

DOCUMENT = document(
    "comparison", 1, "Captures of several programs.", {"captures": array(CAPTURE, "Each as its NAME.json.")}
)
