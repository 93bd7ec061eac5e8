"""From a base and a name to the URL of an upstream file, and what kind of URL it is.

In an http(s) or `file://` URL, a name is written with its special characters escaped. In a path,
and in every other URL, it is written as it is, as fsspec and the tools of its stores do it.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from imagetl_assets.storage.filesystem import is_chain

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)(?=://|::)")


def file_url(base: str, name: str) -> str:
    """Return the URL or path of the file called `name` in `base`, whose query is kept.

    >>> file_url("https://example.org/images?key=1", "a b.img")
    'https://example.org/images/a%20b.img?key=1'
    >>> file_url("zip://::s3://bucket/all.zip", "a.img")
    'zip://a.img::s3://bucket/all.zip'
    """
    scheme = scheme_of(base)
    if scheme in ("http", "https"):
        parts = urlsplit(base)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}"))
    if scheme == "file":
        return f"{base.rstrip('/')}/{quote(name)}"
    if is_chain(base):
        first, _, others = base.partition("::")
        if "://" in first:
            root, _, path = first.partition("://")
            folder = f"{path.rstrip('/')}/" if path else ""
            return f"{root}://{folder}{name}::{others}"
    return f"{base.rstrip('/')}/{name}"


def scheme_of(url: str) -> str:
    """Return the scheme that a URL begins with, in lower case; an empty text for a path."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def is_local(url: str) -> bool:
    """Return whether a URL or path is one on this machine."""
    return scheme_of(url) in ("", "file")


def local_path(url: str) -> str:
    """Return the path that a path or `file://` URL means.

    >>> local_path("file:///data/a%20b.img")
    '/data/a b.img'
    """
    if scheme_of(url) == "file":
        return unquote(re.sub(r"^file://(localhost(?=/))?", "", url, flags=re.IGNORECASE))
    return os.path.expanduser(url)
