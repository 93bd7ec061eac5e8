"""Upstream files: where they are and how they are read, by http(s) or through fsspec."""

from __future__ import annotations

from contextlib import AbstractContextManager

from imagetl_assets.storage.filesystem import is_chain
from imagetl_assets.upstream.base import Known, Limits, UpstreamFile, source_id
from imagetl_assets.upstream.errors import PermanentError, TransientError, UpstreamError
from imagetl_assets.upstream.files import open_file
from imagetl_assets.upstream.resource import UpstreamFiles
from imagetl_assets.upstream.urls import scheme_of

__all__ = [
    "Known",
    "Limits",
    "PermanentError",
    "TransientError",
    "UpstreamError",
    "UpstreamFile",
    "UpstreamFiles",
    "open_upstream",
    "source_id",
]

# Schemes of URLs that do not name a host to connect to.
_WITHOUT_HOST = {"", "file", "s3", "gs", "gcs", "az", "abfs"}


def open_upstream(
    url: str, known: Known, limits: Limits, *, refuse_private: bool = False
) -> AbstractContextManager[UpstreamFile | None]:
    """Open an upstream file, or give None if it is still the known one.

    With `refuse_private`, only http(s) at public addresses, paths and buckets are allowed: other
    protocols connect in ways that are not checked.

    Raises:
        UpstreamError: see there.
    """
    scheme = scheme_of(url)
    if scheme in ("http", "https"):
        from imagetl_assets.upstream.http import open_http

        return open_http(url, known, limits, refuse_private=refuse_private)
    if refuse_private and (is_chain(url) or scheme not in _WITHOUT_HOST):
        raise PermanentError(f"{scheme} URLs are refused, as private addresses are")
    return open_file(url, known, limits)
