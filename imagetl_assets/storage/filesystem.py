"""From a URL to the fsspec file system that reaches it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, cast

from imagetl_assets.redact import redact_url

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

S3_SCHEMES = ("s3", "s3a")

_WITH_BUCKET = (*S3_SCHEMES, "gs", "gcs", "az", "abfs", "abfss")
_SCHEMES = (*_WITH_BUCKET, "http", "https", "file", "ftp", "sftp", "ssh", "smb", "hdfs", "memory")
_NEARLY_URL = re.compile(rf"({'|'.join(_SCHEMES)})(?::|//)(.*)", re.IGNORECASE | re.DOTALL)

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
    kind = _kind(protocol)
    probe = f"{protocol}://{host}/x"
    options = kind._get_kwargs_from_urls(probe)
    if protocol in S3_SCHEMES:
        options["config_kwargs"] = {"retries": _s3_retries()}
    fs = kind(**options, use_listings_cache=False)
    if protocol in S3_SCHEMES:
        fs.retries = _S3_ROUNDS
    path = kind._strip_protocol(probe)[:-1] + inner
    return fs, path.rstrip("/") or kind.root_marker


def typing_error(url: str) -> str | None:
    """Return what is wrong with a URL that would be taken for a path, or lacks its bucket.

    >>> typing_error("s3:/bucket/images")
    'a typing error in a URL: it has to be s3://bucket/images'
    """
    if not (match := _NEARLY_URL.match(url)):
        return None
    scheme = match[1].lower()
    meant = f"{scheme}://{'/' * (scheme == 'file')}{match[2].lstrip('/')}"
    if scheme in _WITH_BUCKET:
        well_written = url.startswith(f"{scheme}://") and not url.startswith(f"{scheme}:///")
    else:
        well_written = match[0][len(scheme) :].startswith("://")
    if well_written or url.startswith(f"{scheme}::"):
        return None
    return f"a typing error in a URL: it has to be {redact_url(meant)}"


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


def _kind(protocol: str) -> type[AbstractFileSystem]:
    """Return the class of the file systems that a protocol reaches."""
    import fsspec

    if protocol in ("gs", "gcs") and os.environ.get("STORAGE_EMULATOR_HOST"):
        # The one that fsspec knows first asks an API for which emulators have no answer, and warns
        # for each bucket that there are no credentials, which are not needed.
        from gcsfs.core import GCSFileSystem

        return cast("type[AbstractFileSystem]", GCSFileSystem)
    return cast("type[AbstractFileSystem]", fsspec.get_filesystem_class(protocol))


def _s3_retries() -> dict[str, Any]:
    """Return how botocore is to retry, as far as its own environment variables do not say."""
    retries: dict[str, Any] = {}
    if "AWS_RETRY_MODE" not in os.environ:
        retries["mode"] = "standard"
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        retries["total_max_attempts"] = _S3_ATTEMPTS
    return retries
