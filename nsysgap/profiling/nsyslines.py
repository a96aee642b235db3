"""nsys's own lines among a program's output: taken out, its progress kept, its complaints explained."""

from __future__ import annotations

import re
from collections.abc import Callable

from nsysgap.errors import NsysgapError

_PROGRESS = re.compile(rb"\[(\d+)/(\d+)\] +\[ *=*(\d+)%")
_OWN = re.compile(
    rb"Generating '[^']*\.qdstrm'|\[\d+/\d+\] +\[.*|Generated:|[ \t]+/.*\.(?:nsys-rep|sqlite|qdstrm)"
    rb"|Collecting data\.\.\.|Processing events\.\.\.|Importer error status:.*|GPU \d+: General Metrics .*"
    rb"|Capture range (?:started|ended) .*"
)
# The first of nsys's lines, written right behind what a program left without an end of line.
_GLUED = re.compile(rb"Generating '[^'\r\n]*\.qdstrm'[\r\n]+\Z")
_BEGINNINGS = (
    b"Generat",
    b"[1/",
    b"[2/",
    b"[3/",
    b"    /",
    b"\t/",
    b"Collecting data",
    b"Processing events",
    b"Importer error",
    b"GPU ",
    b"Capture range ",
)
_HELD_AT_MOST = 4096


class NsysLines:
    """A filter for a stream of bytes: gives back what is the program's own, as soon as that is certain.

    `on_progress(percent)` is called while nsys writes its report. Lines end with \\n or \\r.
    """

    def __init__(self, on_progress: Callable[[int], None] | None = None) -> None:
        self.on_progress = on_progress or (lambda _: None)
        self.held = b""
        self.at_line_start = True
        self.after_own = False
        self.own = b""

    def __call__(self, chunk: bytes) -> bytes:
        """The program's part of what has come so far; b"" means the end of the stream."""
        if not chunk:
            rest, self.held = self.held, b""
            return b"" if self._is_own(rest) else rest
        given = bytearray()
        for piece in re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", self.held + chunk):
            given += self._piece(piece)
        return bytes(given)

    def _piece(self, piece: bytes) -> bytes:
        self.held = b""
        ended = piece.endswith((b"\n", b"\r"))
        if self.at_line_start:
            if not ended and len(piece) < _HELD_AT_MOST and _may_be_own(piece):
                self.held = piece  # wait for the rest of the line
                return b""
            if ended and self._is_own(piece):
                return b""
        self.at_line_start = ended
        glued = _GLUED.search(piece)
        if glued is not None:
            self._is_own(glued[0])
            return piece[: glued.start()]
        return piece

    def _is_own(self, line: bytes) -> bool:
        text = line.rstrip()
        if text or not self.after_own:  # empty lines belong to what stands before them
            self.after_own = bool(_OWN.fullmatch(text))
        if not self.after_own:
            return False
        self.own = (self.own + text + b"\n")[-_HELD_AT_MOST:]
        for _, _, percent in _PROGRESS.findall(text):
            self.on_progress(int(percent))
        return True


def _may_be_own(piece: bytes) -> bool:
    return any(piece.startswith(beginning) or beginning.startswith(piece) for beginning in _BEGINNINGS)


_EXPLAINED = (
    (
        r"No space left on device",
        "the disk is full",
        "Free some space (nsys also needs room in TMPDIR), or write elsewhere: -o FOLDER/NAME.",
    ),
    (
        r"ERR_NVGPUCTRPERM|[Ii]nsufficient privileges?",
        "the driver lets only root read GPU performance counters",
        "Run as root, or have the module option NVreg_RestrictProfilingToAdminUsers=0 set; or leave out --gpu-metrics.",
    ),
    (
        r"Illegal --gpu-metrics|None of the installed GPUs are supported",
        "no GPU here can be sampled",
        "Leave out --gpu-metrics: it needs an NVIDIA GPU of the Turing generation or newer, and its driver.",
    ),
    (
        r"ptrace|perf_event|PTRACE|Operation not permitted",
        "it was not permitted to trace the program",
        "In a container add --cap-add=SYS_ADMIN; else lower kernel.perf_event_paranoid or kernel.yama.ptrace_scope.",
    ),
    (
        r"temp_directory_path|Failed to probe the process",
        "it cannot work in its temporary folder",
        "See that the folder TMPDIR (else /tmp) exists and has room.",
    ),
    (r"[Pp]ermission denied", "it may not read or write what it needs", "Check the permissions of the files it names."),
    (r"Executable not found", "the program was not found", "Check the target's path."),
    (
        r"unrecogni[sz]ed option|is ambiguous|[Ii]llegal .*argument|requires an argument|specified more than once",
        "it does not take one of its options",
        "Check --nsys-args, or use a newer nsys (--nsys PATH).",
    ),
)


_USAGE = re.compile(r"usage: nsys|Try 'nsys")


def explain(what: str, said: str, exit_code: int) -> NsysgapError:
    """One sentence on why nsys wrote no report, in nsys's words, and the next step."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for pattern, meaning, hint in _EXPLAINED:
        for line in lines:
            if re.search(pattern, line):
                return NsysgapError(f"nsys wrote no report of {what}, {meaning}: {line}", hint)
    words = next((line for line in reversed(lines) if not _USAGE.match(line)), "")
    words = words or f"it said nothing and ended with exit code {exit_code}"
    return NsysgapError(f"nsys wrote no report of {what}: {words}", "Run the nsys command line by itself to see more.")
