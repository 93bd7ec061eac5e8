"""Upstream files: where they are and how they are read, by http(s) or through fsspec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from imagetl_assets.storage.filesystem import is_chain, typing_error
from imagetl_assets.upstream.base import Known, Limits, UpstreamFile, source_id
from imagetl_assets.upstream.errors import NotAFile, PermanentError, TransientError, UpstreamError
from imagetl_assets.upstream.files import open_file
from imagetl_assets.upstream.folder import Place, find_place, place_unless_a_file
from imagetl_assets.upstream.folder_tar import Earlier, open_folder
from imagetl_assets.upstream.resource import UpstreamFiles
from imagetl_assets.upstream.urls import is_local, scheme_of

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
    url: str,
    known: Known,
    limits: Limits,
    *,
    refuse_private: bool = False,
    include: str | None = None,
    earlier: Earlier = lambda: None,
) -> AbstractContextManager[UpstreamFile | None]:
    """Open an upstream file, or give None if it is still the known one.

    A folder is one file: a TAR of the images in it. Of these, `include` is a pattern of the names,
    and `earlier` opens the TAR of the last download, for images that have not changed since.

    With `refuse_private`, only http(s) at public addresses, paths and buckets are allowed: other
    protocols connect in ways that are not checked.

    Raises:
        UpstreamError: see there.
    """
    if problem := typing_error(url):
        raise PermanentError(problem)
    scheme = scheme_of(url)
    if scheme in ("http", "https"):
        from imagetl_assets.upstream.http import open_http

        if re.split("[?#]", url, maxsplit=1)[0].endswith("/"):  # even if it is no URL
            from imagetl_assets.upstream.web_folder import WebPlace, open_web_folder

            return open_web_folder(WebPlace(url, limits, refuse_private, include), known, earlier)
        return open_http(url, known, limits, refuse_private=refuse_private)
    if refuse_private and (is_chain(url) or scheme not in _WITHOUT_HOST):
        raise PermanentError(f"{scheme} URLs are refused, as private addresses are")
    if place := find_place(url, include):
        return open_folder(place, known, limits, earlier)
    if is_local(url):
        return open_file(url, known, limits)
    return _file_or_folder(url, known, limits, place_unless_a_file(url, include), earlier)


@contextmanager
def _file_or_folder(
    url: str, known: Known, limits: Limits, place: Place, earlier: Earlier
) -> Iterator[UpstreamFile | None]:
    """Open the file at a URL; if there is none, the folder."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_file(url, known, limits))
        except NotAFile as error:
            try:
                file = stack.enter_context(open_folder(place, known, limits, earlier))
            except PermanentError:
                raise error from None
        yield file
