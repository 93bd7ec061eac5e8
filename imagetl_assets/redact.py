"""URLs as people may see them."""

from __future__ import annotations

import re

_USER_INFO = re.compile(r"(?<=//)[^/?#]*@")
_QUERY = re.compile(r"\?.*\Z", re.DOTALL)
_URL = re.compile(r"[a-zA-Z][\w+.-]*://[^\s\"'<>]+")
# What is left of a URL where a library quotes only the path.
_BARE_QUERY = re.compile(r"\?[\w.%~-]+=[^\s\"'<>)]*")


def redact_url(url: str) -> str:
    """Return `url` without user, password, query values and fragment.

    This is the only form in which a URL may go to logs, metadata, errors and records. A plain path
    comes back unchanged.

    >>> redact_url("https://me:secret@example.org/a.img?X-Amz-Signature=abc")
    'https://example.org/a.img?***'
    """
    if "//" not in url:
        return url
    without_user = _USER_INFO.sub("", url).partition("#")[0]
    return _QUERY.sub("?***", without_user)


def redact_text(text: str) -> str:
    """Return `text` with each URL in it as `redact_url` shows it.

    >>> redact_text("cannot reach s3://key:secret@bucket/a.img?sig=1: timeout")
    'cannot reach s3://bucket/a.img?*** timeout'
    """
    return _BARE_QUERY.sub("?***", _URL.sub(lambda match: redact_url(match[0]), text))
