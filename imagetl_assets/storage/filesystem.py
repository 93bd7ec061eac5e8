"""From a URL to the fsspec file system that reaches it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

S3_SCHEMES = ("s3", "s3a")

# botocore repeats a request that gets no answer, or the answer that the store is busy (500, 502,
# 503, 504, SlowDown), after random times that double, for up to 15 seconds. For some errors, among
# them SlowDown and bodies that are cut off, s3fs then lets botocore do all of that again.
_S3_ATTEMPTS = 5
_S3_ROUNDS = 3


def open_filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of an fsspec URL, and the path in it.

    Listings are not kept, as other processes write too. Names in the path are taken as they are,
    whatever is in them: fsspec itself would take `::`, `#` and `?` for something else.
    """
    import fsspec

    if is_chain(url):
        fs, path = fsspec.url_to_fs(url, use_listings_cache=False)
        return fs, path
    protocol, _, rest = url.partition("://")
    host, _, inner = rest.partition("/")
    kind = fsspec.get_filesystem_class(protocol)
    probe = f"{protocol}://{host}/x"
    options = kind._get_kwargs_from_urls(probe)
    if protocol in S3_SCHEMES:
        options["config_kwargs"] = {"retries": _s3_retries()}
    fs = kind(**options, use_listings_cache=False)
    if protocol in S3_SCHEMES:
        fs.retries = _S3_ROUNDS
    path = kind._strip_protocol(probe)[:-1] + inner
    return fs, path.rstrip("/") or kind.root_marker


def is_chain(url: str) -> bool:
    """Return whether a URL is one within another for fsspec, such as ``zip://a::s3://b/c.zip``.

    A name may have colons, too: every part of a chain is a URL or the name of a protocol.
    """
    parts = url.split("::")
    if len(parts) == 1:
        return False
    from fsspec import available_protocols

    known = set(available_protocols())
    return all("://" in part or part in known for part in parts)


def _s3_retries() -> dict[str, Any]:
    """Return how botocore is to retry, as far as its own environment variables do not say."""
    retries: dict[str, Any] = {}
    if "AWS_RETRY_MODE" not in os.environ:
        retries["mode"] = "standard"
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        retries["total_max_attempts"] = _S3_ATTEMPTS
    return retries
