"""URLs as people may see them."""

from __future__ import annotations

import re

_USER_INFO = re.compile(r"(?<=//)[^/?#]*@")
_QUERY = re.compile(r"\?.*\Z", re.DOTALL)


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
