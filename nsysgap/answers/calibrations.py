"""Which constants predictions rest on: those asked for, those measured on the report's GPU, else the usual ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from nsysgap.analysis.schedule.calibration import USUAL, Calibration, Constants, from_document
from nsysgap.analysis.schedule.model import Model
from nsysgap.arrays import distinct
from nsysgap.errors import NsysgapError
from nsysgap.files import cache_folder
from nsysgap.tables import Trace
from nsysgap.units import printable

SHIPPED = Path(__file__).parents[1] / "calibrations"
USUAL_NAME = "usual"
USUAL_GPUS = re.compile(r"\b(?:H100|H200)\b")  # on these the usual constants held (docs/predictions.md)
MAKE = "Make one: nsysgap calibrate; or name h100, h200 or usual."


def gpus_of(model: Model) -> tuple[str, ...]:
    """The names of the GPUs that a process's ops ran on, "" for one that the report does not name."""
    ran = set(distinct(model.trace.ops["device"][model.ops.row]).tolist())
    names = {device.id: device.name or "" for device in model.trace.devices}
    return tuple(sorted({names.get(device, "") for device in ran}))


def constants_of(trace: Trace, gpus: tuple[str, ...], asked: str | None) -> Constants:
    """The constants for a report. `asked`: a file, the name of a calibration that comes with nsysgap, or "usual".

    Raises NsysgapError for what is none of them. A calibration in the user's cache that cannot be read counts as none,
    and the sentence says so.
    """
    if asked is not None:
        return _said(*_asked(asked), gpus)
    driver = trace.target.get("NvDriverVersion", "")
    mine = cache_file(gpus[0], driver) if len(gpus) == 1 and gpus[0] and driver else None
    if mine is None or not mine.exists():
        return _said(USUAL, USUAL_NAME, gpus)
    try:
        return _said(read_calibration(mine), str(mine), gpus)
    except NsysgapError as error:
        return _said(USUAL, USUAL_NAME, gpus, f" ({printable(error.message)})")


def cache_file(gpu: str, driver: str) -> Path:
    """Where the user's calibration of a GPU and a driver is kept."""
    name = "-".join(re.sub(r"[^a-z0-9.]+", "-", part.lower()).strip("-.") for part in (gpu, driver))
    return cache_folder() / f"calibration-{name}.json"


def shipped() -> dict[str, Calibration]:
    """The calibrations that come with nsysgap, by name."""
    return {file.stem: from_document(json.loads(file.read_text())) for file in sorted(SHIPPED.glob("*.json"))}


def read_calibration(path: Path) -> Calibration:
    """A calibration's file. Raises NsysgapError for what is none."""
    try:
        document: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NsysgapError(f"{path} cannot be read as JSON ({error}).", MAKE) from None
    try:
        return from_document(document if isinstance(document, dict) else {})
    except NsysgapError as error:
        raise NsysgapError(f"{path}: {error.message}", error.hint) from None


def _asked(asked: str) -> tuple[Calibration, str]:
    if asked == USUAL_NAME:
        return USUAL, USUAL_NAME
    known = {} if Path(asked).exists() else shipped()
    if asked.lower() in known:
        return known[asked.lower()], asked.lower()
    return read_calibration(Path(asked)), asked


def _said(calibration: Calibration, source: str, gpus: tuple[str, ...], more: str = "") -> Constants:
    """The constants with the sentence about them. A GPU that the report does not name is not called another one."""
    known = f"{printable(calibration.gpu, 60)}'s" if calibration.gpu else "of a GPU that is not named"
    whose = "an H200's" if calibration is USUAL else known
    others = [gpu for gpu in gpus if gpu and not _fits(calibration, gpu)]
    if others:
        said = f"Constants are {whose}, this GPU is {printable(others[0], 60)}: ranges of graphs are wider{more}."
        return Constants(calibration, True, source, said)
    if calibration is USUAL:
        return Constants(calibration, False, source, f"Constants: {whose}, from captures of many programs{more}.")
    driver = f", driver {printable(calibration.driver, 30)}" if calibration.driver else ""
    return Constants(calibration, False, source, f"Constants: measured on {printable(calibration.gpu, 60)}{driver}.")


def _fits(calibration: Calibration, gpu: str) -> bool:
    return bool(USUAL_GPUS.search(gpu)) if calibration is USUAL else calibration.gpu == gpu
