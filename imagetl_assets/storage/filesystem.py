"""From a URL to the fsspec file system that reaches it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

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

    Listings are not kept, as other processes write too.
    """
    from fsspec.core import url_to_fs

    if urlsplit(url).scheme not in S3_SCHEMES:
        fs, path = url_to_fs(url, use_listings_cache=False)
        return fs, path
    config = {"retries": _s3_retries()}
    fs, path = url_to_fs(url, use_listings_cache=False, config_kwargs=config)
    fs.retries = _S3_ROUNDS
    return fs, path


def _s3_retries() -> dict[str, Any]:
    """Return how botocore is to retry, as far as its own environment variables do not say."""
    retries: dict[str, Any] = {}
    if "AWS_RETRY_MODE" not in os.environ:
        retries["mode"] = "standard"
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        retries["total_max_attempts"] = _S3_ATTEMPTS
    return retries
