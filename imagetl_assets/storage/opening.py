"""From the setting to the store."""

from __future__ import annotations

import os
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from imagetl_assets.redact import redact_url
from imagetl_assets.storage.base import Store


def root_name(root: str) -> str:
    """Return the name of a storage root that is the same wherever it is used.

    >>> root_name("s3://key:secret@bucket/images/")
    's3://bucket/images'
    """
    if "://" in root and not root.startswith("file://"):
        return redact_url(root).rstrip("/")
    return os.path.abspath(_local_path(root))


@lru_cache(maxsize=8)
def open_store(root: str) -> Store:
    """Return the store at `root`: a folder, or an fsspec URL such as ``s3://bucket/prefix``."""
    if "://" in root and not root.startswith("file://"):
        from imagetl_assets.storage.filesystem import S3_SCHEMES
        from imagetl_assets.storage.remote import RemoteStore
        from imagetl_assets.storage.s3 import S3Store

        kind = S3Store if urlsplit(root).scheme in S3_SCHEMES else RemoteStore
        return kind(root_name(root), root)
    from imagetl_assets.storage.local import LocalStore

    return LocalStore(root_name(root))


def _local_path(root: str) -> str:
    return unquote(urlsplit(root).path) if root.startswith("file://") else os.path.expanduser(root)
