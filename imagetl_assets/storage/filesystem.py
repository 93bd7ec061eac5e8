"""From a URL to the fsspec file system that reaches it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

S3_SCHEMES = ("s3", "s3a")

# A request that gets no answer, or a busy one (500, 502, 503, 504, SlowDown), is repeated by
# botocore after random times that double: about a quarter of a minute in all.
_S3_ATTEMPTS = 6


def open_filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of an fsspec URL, and the path in it.

    Listings are not kept, as other processes write too.
    """
    from fsspec.core import url_to_fs

    options: dict[str, Any] = {"use_listings_cache": False}
    if urlsplit(url).scheme in S3_SCHEMES and (retries := _s3_retries()):
        options["config_kwargs"] = {"retries": retries}
    fs, path = url_to_fs(url, **options)
    return fs, path


def _s3_retries() -> dict[str, Any]:
    """Return how botocore is to retry, as far as its own environment variables do not say."""
    retries: dict[str, Any] = {}
    if "AWS_RETRY_MODE" not in os.environ:
        retries["mode"] = "standard"
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        retries["total_max_attempts"] = _S3_ATTEMPTS
    return retries
