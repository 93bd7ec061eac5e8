"""From a base and a name to the URL of an upstream file."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit


def file_url(base: str, name: str) -> str:
    """Return the URL or path of the file called `name` in `base`, whose query is kept.

    >>> file_url("https://example.org/images?key=1", "a b.img")
    'https://example.org/images/a%20b.img?key=1'
    """
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https"):
        return f"{base.rstrip('/')}/{name}"
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}"))
