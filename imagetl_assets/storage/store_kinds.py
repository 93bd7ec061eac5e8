"""From a storage root to the store that it is: a folder, or one of the kinds of buckets."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module
from urllib.parse import unquote, urlsplit

from imagetl_assets.redact import redact_url
from imagetl_assets.storage.base import Store, StoreError
from imagetl_assets.storage.filesystem import typing_error

# Module and class of the stores for which what fsspec does for all of them is not enough, by the
# scheme of their URLs. They are imported when they are needed, as that takes long.
_SPECIAL = {"s3": ("s3", "S3Store"), "s3a": ("s3", "S3Store")}
_ANY_OTHER = ("remote", "RemoteStore")


def root_name(root: str) -> str:
    """Return the name of a storage root that is the same wherever it is used.

    >>> root_name("s3://key:secret@bucket/images/")
    's3://bucket/images'
    """
    if is_local(root):
        return os.path.abspath(_local_path(root))
    return redact_url(root).rstrip("/")


def is_local(root: str) -> bool:
    """Tell whether a storage root is a folder, given as a path or as a file:// URL."""
    return "://" not in root or root.startswith("file://")


@lru_cache(maxsize=8)
def open_store(root: str, *, follow_links: bool = False) -> Store:
    """Return the store at `root`: a folder, or an fsspec URL such as ``s3://bucket/prefix``.

    Args:
        root: of the store.
        follow_links: whether symbolic links may lead out of a folder: in upstream folders, not in
            that of the results.

    Raises:
        StoreError: it looks like a URL, but for a typing error.
    """
    if problem := typing_error(root):
        raise StoreError(problem, may_pass=False)
    if is_local(root):
        from imagetl_assets.storage.local import LocalStore

        return LocalStore(root_name(root), follow_links=follow_links)
    module, name = _SPECIAL.get(urlsplit(root).scheme, _ANY_OTHER)
    kind = getattr(import_module(f"{__package__}.{module}"), name)
    store: Store = kind(root_name(root), root)
    return store


def _local_path(root: str) -> str:
    return unquote(urlsplit(root).path) if root.startswith("file://") else os.path.expanduser(root)
