"""Reports behind URLs (s3://, gs://, https://, ...): found and fetched with fsspec into a local folder, then let go of.

Each kind of URL needs its own package beside fsspec (s3fs, gcsfs, adlfs, ...); credentials are theirs to find.
"""

from __future__ import annotations

import errno
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nsysgap.errors import NsysgapError

_URL = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_MAGIC = re.compile(r"[*?\[]")
PROTOCOL_HINT = "Install what its kind of address needs, such as s3fs for s3:// or gcsfs for gs://."


def is_url(path: str) -> bool:
    """Whether this names something to fetch, such as s3://bucket/report.sqlite."""
    return bool(_URL.match(path))


def matching(url: str) -> list[str]:
    """The URLs that a URL with a pattern means; any other as it is. Raises NsysgapError where nothing matches."""
    if not _MAGIC.search(url.partition("://")[2]):
        return [url]
    system, path = _system(url)
    with _said(url):
        found = [system.unstrip_protocol(one) for one in system.glob(path)]
    if not found:
        raise NsysgapError(f"Nothing matches {url}.", "Look at what is there with the tool of that storage.")
    return found


@contextmanager
def staged(url: str) -> Iterator[Path]:
    """A local copy of a report, of its own name, in a temporary folder that goes away with the context.

    A folder of tables is fetched whole. Raises NsysgapError where that cannot be done.
    """
    system, path = _system(url)
    with tempfile.TemporaryDirectory(prefix="nsysgap-", ignore_cleanup_errors=True) as folder:
        target = Path(folder, path.rstrip("/").rpartition("/")[2] or "report")
        with _said(url):
            system.get(path, str(target), recursive=bool(system.isdir(path)))
        yield target


def _system(url: str) -> tuple[Any, str]:
    """(the file system, the path in it)."""
    try:
        import fsspec
    except ImportError:
        raise NsysgapError(f"Reading {url} needs fsspec.", "pip install 'nsysgap[remote]'") from None
    with _said(url):
        system, path = fsspec.core.url_to_fs(url)
    return system, str(path)


@contextmanager
def _said(url: str) -> Iterator[None]:
    """What goes wrong as a sentence: every file system has exceptions of its own."""
    try:
        yield
    except FileNotFoundError:
        raise NsysgapError(f"{url} does not exist.", "Check the address.") from None
    except PermissionError as error:
        raise NsysgapError(f"{url} may not be read by you ({error}).", "Check the credentials.") from None
    except ImportError as error:
        raise NsysgapError(f"{url} cannot be read: {error}", PROTOCOL_HINT) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise NsysgapError(f"No room to fetch {url}.", "Set TMPDIR to a larger disk.") from None
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise NsysgapError(f"{url} cannot be fetched ({said}).", PROTOCOL_HINT) from None
