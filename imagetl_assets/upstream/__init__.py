"""Upstream files: where they are and how they are read, by http(s) or through fsspec."""

from __future__ import annotations

from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from imagetl_assets.upstream.base import Known, Timeouts, UpstreamFile, source_id
from imagetl_assets.upstream.errors import PermanentError, TransientError, UpstreamError
from imagetl_assets.upstream.files import open_file
from imagetl_assets.upstream.http import open_http
from imagetl_assets.upstream.resource import UpstreamFiles

__all__ = [
    "Known",
    "PermanentError",
    "Timeouts",
    "TransientError",
    "UpstreamError",
    "UpstreamFile",
    "UpstreamFiles",
    "open_upstream",
    "source_id",
]


def open_upstream(
    url: str, known: Known, timeouts: Timeouts
) -> AbstractContextManager[UpstreamFile | None]:
    """Open an upstream file, or give None if it is still the known one.

    Raises:
        UpstreamError: see there.
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        raise PermanentError("the upstream URL cannot be read as one") from None
    if scheme in ("http", "https"):
        return open_http(url, known, timeouts)
    return open_file(url, known)
