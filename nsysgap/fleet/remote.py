"""Reports behind URLs (s3://, gs://, https://, ...): found and fetched with fsspec into a local folder, then let go of.

Each kind of URL needs its own package beside fsspec (s3fs, gcsfs, adlfs, ...); credentials are theirs to find.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nsysgap.errors import NsysgapError, called
from nsysgap.files import temporary_folder
from nsysgap.fleet.names import ENDINGS, FOLDER_ENDINGS, TABLES, is_url, is_web, natural, report_name, unsigned
from nsysgap.units import file_size

SLOWEST_ANSWER_S = 60
PROTOCOL_HINT = "Install what its kind of address needs, such as s3fs for s3:// or gcsfs for gs://."
CREDENTIALS_HINT = "Check the credentials: they are those of the storage's own tools."
NETWORK_HINT = "Check the address and the network."
NO_ROOM_HINT = "Set TMPDIR to a larger disk."


def is_pattern(url: str) -> bool:
    """Whether a URL stands for all that match it; a question mark begins the query of a web address."""
    return bool(re.search(r"[*\[]" if is_web(url) else r"[*?\[]", unsigned(url).partition("://")[2]))


def matching(url: str) -> list[str]:
    """The URLs that a URL with a pattern means, numbers in their order. Raises NsysgapError where nothing matches."""
    system, path = _system(url)
    with _said(url):
        system.invalidate_cache()
        urls = [system.unstrip_protocol(name) for name in system.glob(path)]
    if not urls:
        raise NsysgapError(f"Nothing matches {url}.", "Look at what is there with the tool of that storage.")
    return sorted(urls, key=natural)


def is_report(url: str) -> bool:
    """Whether a URL is one report, a file or a folder of tables, and no folder of several."""
    if unsigned(url).endswith(ENDINGS) or report_name(url).endswith(FOLDER_ENDINGS):
        return True
    system, path = _system(url)
    with _said(url):
        return not _is_folder(system, url, path) or any(report_name(name) in TABLES for name in _files(system, path))


def inside(url: str) -> tuple[list[str], list[str]]:
    """The URLs of (the files, the folders) in a folder."""
    system, path = _system(url)
    files: list[str] = []
    folders: list[str] = []
    with _said(url):
        system.invalidate_cache()
        for entry in system.ls(path, detail=True):
            (folders if entry["type"] == "directory" else files).append(system.unstrip_protocol(entry["name"]))
    return files, folders


def bytes_behind(url: str) -> int:
    """Bytes of a report, 0 where the storage does not tell."""
    try:
        system, path = _system(url)
        path, is_folder = _report(system, url, path)
        return sum(_size(system, name) for name in (_files(system, path) if is_folder else [path]))
    except Exception:  # what is wrong is said when the report is fetched
        return 0


@contextmanager
def fetched(path: Any) -> Iterator[Any]:
    """Where a report lies on this machine: a URL's is fetched, and what goes wrong with it names the URL."""
    if not is_url(path):
        yield path
        return
    with staged(path) as local, called(path, str(local)):
        yield local


@contextmanager
def staged(url: str) -> Iterator[Path]:
    """A local copy of a report, of its own name, in a temporary folder that goes away with the context.

    A folder of tables is fetched whole. Raises NsysgapError where that cannot be done.
    """
    system, path = _system(url)
    with temporary_folder() as folder:
        with _said(url):
            path, is_folder = _report(system, url, path)
            target = folder / (report_name(path) or "report")
            files = {target: path}
            if is_folder:
                target.mkdir()
                files = {target / report_name(name): name for name in _files(system, path)}
            _require_room(url, folder, sum(_size(system, name) for name in files.values()))
            for local, name in files.items():
                system.get_file(name, str(local))
        yield target


def _report(system: Any, url: str, path: str) -> tuple[str, bool]:
    """(the path of a report, whether it is a folder); as with local ones, nsys's ending of a folder may be left out."""
    if unsigned(url).endswith(ENDINGS):
        return path, False
    if _is_folder(system, url, path):
        return path.rstrip("/"), True
    if not is_web(url) and not system.exists(path):
        for ending in FOLDER_ENDINGS:
            if system.isdir(path + ending):
                return path + ending, True
    return path, False


def _is_folder(system: Any, url: str, path: str) -> bool:
    """A web server has pages, not folders: asked for one, it would send a whole report. There the name alone tells."""
    if is_web(url):
        return url.endswith("/") or report_name(url).endswith(FOLDER_ENDINGS)
    return bool(system.isdir(path))


def _files(system: Any, path: str) -> list[str]:
    folder = f"{path.rstrip('/')}/" if is_web(path) else path
    return [entry["name"] for entry in system.ls(folder, detail=True) if entry["type"] != "directory"]


def _size(system: Any, path: str) -> int:
    """Bytes of a file; 0 where the storage does not tell, as for web addresses that are signed for fetching alone."""
    try:
        return int(system.size(path) or 0)
    except Exception as error:
        if is_web(path) or isinstance(error, PermissionError):
            return 0  # whether it may be read is seen when it is fetched
        raise


def _require_room(url: str, folder: Path, size: int) -> None:
    import shutil

    free = shutil.disk_usage(folder).free
    if size > free:
        raise NsysgapError(
            f"No room to fetch {url}: it has {file_size(size)}, and {folder.parent} has {file_size(free)} left.",
            NO_ROOM_HINT,
        )


def _system(url: str) -> tuple[Any, str]:
    """(the file system, the path in it)."""
    try:
        import fsspec
    except ImportError:
        raise NsysgapError(f"Reading {url} needs fsspec.", "pip install 'nsysgap[remote]'") from None
    with _said(url):
        system, path = fsspec.core.url_to_fs(url, **(_patience(fsspec.config.conf) if is_web(url) else {}))
    return system, str(path)


def _patience(configured: dict[str, Any]) -> dict[str, Any]:
    """aiohttp gives up after five minutes in all, however well a large report comes in: only silence counts here."""
    import aiohttp

    if any("client_kwargs" in configured.get(protocol, {}) for protocol in ("http", "https")):
        return {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=SLOWEST_ANSWER_S, sock_read=SLOWEST_ANSWER_S)
    return {"client_kwargs": {"timeout": timeout}}


@contextmanager
def _said(url: str) -> Iterator[None]:
    """What goes wrong as a sentence: every file system has exceptions of its own."""
    try:
        yield
    except NsysgapError:
        raise
    except FileNotFoundError:
        raise NsysgapError(f"{url} does not exist.", "Check the address.") from None
    except PermissionError as error:
        raise NsysgapError(f"{url} may not be read by you ({_one_line(error)}).", CREDENTIALS_HINT) from None
    except ImportError as error:
        raise NsysgapError(f"{url} cannot be read: {_one_line(error)}", PROTOCOL_HINT) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NsysgapError(f"No room to fetch {url}.", NO_ROOM_HINT) from None
        said = f"{type(error).__name__}: {_one_line(error)}" if str(error) else type(error).__name__
        raise NsysgapError(f"{url} cannot be fetched ({said}).", _hint_for(error)) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _hint_for(error: Exception) -> str:
    if "Credential" in type(error).__name__ or getattr(error, "status", None) in (401, 403):
        return CREDENTIALS_HINT
    return PROTOCOL_HINT if isinstance(error, ValueError) and "Protocol" in str(error) else NETWORK_HINT
