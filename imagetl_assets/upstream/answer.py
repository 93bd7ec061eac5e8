"""What an HTTP answer means, from its status and its headers alone: functions without any I/O.

Strategy: a file is taken from one kind of answer only, a 200 that says nothing to the contrary.
Every other answer is refused with one line, either as something that may pass or as something that
will not. The texts that a server sends (reason phrases, bodies) are never part of a message.

The rules are those of RFC 9110 (HTTP semantics); each function names its section.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit, urlunsplit

from imagetl_assets.redact import redact_url
from imagetl_assets.upstream.base import Known
from imagetl_assets.upstream.errors import PermanentError, TransientError, UpstreamError

REDIRECTS = frozenset({301, 302, 303, 307, 308})
GONE = frozenset({404, 410})

# These may pass. Of the others from 500 on, all may but those that say "never".
_MAY_PASS = frozenset({202, 408, 425, 429})
_NEVER = frozenset({501, 505, 506, 508, 510, 511})

_WHY = {
    202: "it is not ready yet",
    203: "something on the way has changed the file",
    204: "there is no content",
    205: "there is no content",
    206: "a part was sent, though no part was asked for",
    304: "it is said to be unchanged, though nothing was asked about a change",
}

_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_SECONDS = re.compile(r"[0-9]{1,9}")
_MOST_SECONDS = 10.0**9

# What is sent back to the server in a later request has to be text that a header can hold.
_VALIDATOR = re.compile(r"[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]{0,998}[\x21-\x7e\x80-\xff])?")
# A file that was changed so shortly before may have been changed again in the same second.
_SETTLED_SECONDS = 2


@dataclass(frozen=True)
class Head:
    """Status and headers of an answer; the names of the headers are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """Return all values of a header, with commas between them; an empty text if it has none."""
        return ", ".join(value.strip() for key, value in self.headers if key == name)


def check_whole(head: Head, shown: str) -> None:
    """Raise UpstreamError unless the answer brings the whole of a file (RFC 9110, section 15)."""
    if head.status != HTTPStatus.OK:
        raise refusal(head, shown)
    if (value := head.get("content-range")) and not _is_whole_range(value):
        raise PermanentError(f"{shown} is sent in part: the answer has a Content-Range")
    if head.get("content-type").lower().startswith("multipart/byteranges"):
        raise PermanentError(f"{shown} is sent as parts of the file, not as the file")


def refusal(head: Head, shown: str) -> UpstreamError:
    """Return the error that an answer amounts to which is not about the whole of a file."""
    status = head.status
    reason = _WHY.get(status) or _phrase(status)
    if status in REDIRECTS:
        reason = "a redirect that names no target"
    message = f"{shown} answers with status {status}" + (f": {reason}" if reason else "")
    if status in _MAY_PASS or (500 <= status < 600 and status not in _NEVER):
        return TransientError(message, retry_after=_retry_after(head))
    return PermanentError(message)


def announced_length(head: Head, shown: str) -> int | None:
    """Return how many bytes the body has as it is sent, or None (section 8.6).

    In an answer that has passed `check_whole`, a Content-Range tells it, too (section 14.4).
    """
    values = {value.strip() for value in head.get("content-length").split(",")} - {""}
    if head.get("content-range"):
        values.add(head.get("content-range").rpartition("/")[2])
    if not all(map(_LENGTH.fullmatch, values)):
        raise PermanentError(f"{shown} announces a length that is none")
    lengths = set(map(int, values))
    if len(lengths) > 1:
        raise PermanentError(f"{shown} announces several lengths")
    return next(iter(lengths), None)


def has_an_end(head: Head) -> bool:
    """Return whether the body says where it ends, or only the connection's end does."""
    names = ("content-length", "content-range", "transfer-encoding")
    return any(head.get(name) for name in names)


def encodings(head: Head) -> list[str]:
    """Return the names of the encodings of the body in the order of their use (section 8.4)."""
    names = head.get("content-encoding").lower().split(",")
    return [name.strip() for name in names if name.strip()]


def validators(head: Head, served_from: str | None = None) -> Known:
    """Return what tells this version of the file from others (section 8.8).

    It is about the resource that sends it, which redirects may have led to: two resources may have
    the same ETag.

    A Last-Modified of about the moment of the answer says nothing about changes that come within
    the same second.
    """
    etag, modified = (head.get(name) for name in ("etag", "last-modified"))
    if not _VALIDATOR.fullmatch(modified) or _is_recent(head, modified):
        modified = ""
    etag_or_none = etag if _VALIDATOR.fullmatch(etag) else None
    return Known(etag_or_none, modified or None, served_from)


def fingerprint(head: Head) -> tuple[str, bool]:
    """Return what changes with the file, and whether it is more than the file's size."""
    names = ("etag", "last-modified", "content-length")
    values = [head.get(name) for name in names]
    return "|".join(values), any(values[:2])


def etag_from(mark: str) -> str | None:
    """Return the ETag of the file that a fingerprint was made of."""
    return mark.rpartition("|")[0].rpartition("|")[0] or None


def redirect_target(head: Head, url: str) -> str | None:
    """Return where an answer to a request for `url` leads to, or None (section 15.4).

    User and password in it are left out: a server does not choose with which ones others are asked.

    Raises:
        PermanentError: it leads to where no request may go.
    """
    location = head.get("location")
    if head.status not in REDIRECTS or not location:
        return None
    shown = redact_url(url)
    try:
        # Headers are bytes, which were read as Latin-1; URLs are UTF-8.
        parts = urlsplit(urljoin(url, location.encode("latin-1").decode()))
        host = parts.hostname
    except ValueError:
        raise PermanentError(f"{shown} redirects to something that is no URL") from None
    before = urlsplit(url).scheme
    if parts.scheme != before and (before, parts.scheme) != ("http", "https"):
        raise PermanentError(f"{shown} redirects from {before} to {parts.scheme[:20]}")
    if not host:
        raise PermanentError(f"{shown} redirects to something that is no URL")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def may_share_credentials(first: str, other: str) -> bool:
    """Return whether what was sent to the one URL may be sent to the other: they are one server."""
    return _server(first) == _server(other) or (
        # The usual step from http to https on the same host.
        _server(first) == ("http", urlsplit(other).hostname, 80)
        and _server(other) == ("https", urlsplit(first).hostname, 443)
    )


def _server(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _is_whole_range(value: str) -> bool:
    match = _CONTENT_RANGE.fullmatch(value)
    return match is not None and (int(match[1]), int(match[2]) + 1) == (0, int(match[3]))


def _retry_after(head: Head) -> float | None:
    """Return the seconds that the server asks to wait, or None (section 10.2.3)."""
    value = head.get("retry-after")
    if _SECONDS.fullmatch(value):
        return float(value)
    if value.isascii() and value.isdigit():
        return _MOST_SECONDS
    if (then := _date(value)) is None:
        return None
    # By the server's own clock, if it tells the time.
    now = _date(head.get("date")) or datetime.now(timezone.utc)
    return max(0.0, (then - now).total_seconds())


def _is_recent(head: Head, modified: str) -> bool:
    then, now = _date(modified), _date(head.get("date"))
    if then is None or now is None:
        return False
    return (now - then).total_seconds() < _SETTLED_SECONDS


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
