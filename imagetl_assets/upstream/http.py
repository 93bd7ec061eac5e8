"""Upstream files at http(s) URLs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.cookiejar import CookieJar
from urllib.request import Request

import httpcore

from imagetl_assets.redact import redact_url
from imagetl_assets.upstream.answer import (
    GONE,
    Head,
    announced_length,
    check_whole,
    encodings,
    etag_from,
    fingerprint,
    has_an_end,
    may_share_credentials,
    redirect_target,
    validators,
)
from imagetl_assets.upstream.base import Known, Limits, UpstreamFile, all_of, grouped, source_id
from imagetl_assets.upstream.connection import Watch, answered
from imagetl_assets.upstream.encodings import (
    SEVERAL_PARTS,
    CutOff,
    EncodingError,
    check_encodings,
    decoded,
)
from imagetl_assets.upstream.environment import credentials
from imagetl_assets.upstream.errors import PermanentError, TransientError
from imagetl_assets.upstream.failures import FAILURES, before_the_body, within_the_body
from imagetl_assets.upstream.signed_urls import without_signature

_MOST_REDIRECTS = 10

_NO_LENGTH = (
    "The server does not say how long the file is, so a part cannot be told from the whole, and "
    "every run fetches it anew. Compare its size with that of the upstream file, or let the server "
    "send a Content-Length"
)

# Of servers that refuse HEAD as such, or to whom it is not allowed.
_NOT_BY_HEAD = frozenset({400, 403, 405, 406, 501})


@dataclass(frozen=True)
class _Answer:
    """The last answer to a request, after redirects.

    Attributes:
        head: status and headers.
        body: not read yet.
        served_from: see `UpstreamFile`.
        unchanged: whether it says that the file is the known one, and was asked for that.
    """

    head: Head
    body: httpcore.Response
    served_from: str | None
    unchanged: bool


@contextmanager
def open_http(
    url: str, known: Known, limits: Limits, *, refuse_private: bool = False
) -> Iterator[UpstreamFile | None]:
    """Open the file at `url`, or yield None if it is still the known one.

    It is, if the server answers with status 304 to the ETag; or, of a file without an ETag, if the
    answer has the same Last-Modified, whose body is not read then. The server is not asked for a
    file that was modified since: many say that it was not if its date is another, older one. Both
    count only if redirects lead to the same resource as before.

    Raises:
        UpstreamError: see there. The errors of libraries are not chained to it, as they may quote
            the URL with all that is in it.
    """
    shown = redact_url(url)
    watch = Watch(limits, refuse_private=refuse_private)
    with _sent("GET", url, known, watch) as answer:
        if answer.unchanged:
            yield None
            return
        check_whole(answer.head, shown)
        if _has_known_date(answer, known):
            yield None
            return
        yield _file(answer, watch, shown)


def look_at_http(
    url: str, former: str | None, limits: Limits, *, refuse_private: bool = False
) -> tuple[str, bool] | None:
    """Return what changes with the file at `url`, and whether it is more than its size.

    None means that there is no such file. A server that refuses HEAD is asked by a GET, on the
    condition that the file is not the `former` one, and what it sends is left unread. What
    redirects lead to is asked without a condition.

    Raises:
        UpstreamError: see there.
    """
    watch = Watch(limits, refuse_private=refuse_private)
    with _sent("HEAD", url, Known(), watch) as answer:
        pass
    if answer.head.status in _NOT_BY_HEAD:
        with _sent("GET", url, Known(etag_from(former or "")), watch) as answer:
            pass
        if answer.unchanged and former:
            return former, True
    if answer.head.status in GONE:
        return None
    check_whole(answer.head, redact_url(url))
    return fingerprint(answer.head)


def _has_known_date(answer: _Answer, known: Known) -> bool:
    """Tell whether a file that is known by its date only, and has no ETag now, has that date."""
    found = validators(answer.head, answer.served_from)
    return found == known and found.etag is None and found.last_modified is not None


def _file(answer: _Answer, watch: Watch, shown: str) -> UpstreamFile:
    """Return the file that an answer brings, whose body is not read yet."""
    head = answer.head
    size = announced_length(head, shown)
    try:
        names = check_encodings(encodings(head))
    except EncodingError as error:
        raise PermanentError(f"{shown} cannot be read: {error}") from None
    sent = all_of(_received(answer.body, size, watch, shown), size, watch.limits, shown)
    whole = all_of(_decoded(sent, names, shown), None, watch.limits, shown) if names else sent
    blocks = grouped(whole)
    # The end of gzip and zstd need not be that of the body: another part may follow.
    ends_itself = names and not set(names) & SEVERAL_PARTS
    if not (has_an_end(head) or ends_itself):
        # An answer that says "unchanged" later would make what was cut off the file for good.
        return UpstreamFile(blocks, None, None, None, caution=_NO_LENGTH)
    found = validators(head, answer.served_from)
    size = None if names else size
    return UpstreamFile(blocks, size, found.etag, found.last_modified, found.served_from)


def _received(
    body: httpcore.Response, size: int | None, watch: Watch, shown: str
) -> Iterator[bytes]:
    """Yield the body as it is sent.

    Chunks may hold more than the announced length. Chunks count (RFC 9112, section 6.3), but such
    an answer is no more to be trusted, by the same section.
    """
    received = 0
    try:
        for block in body.iter_stream():
            received += len(block)
            if size is not None and received > size:
                raise PermanentError(
                    f"{shown} sends more than the {size:,} bytes that it announces: its headers "
                    "contradict each other"
                )
            watch.pace.received(len(block))
            yield block
    except FAILURES as error:
        raise within_the_body(error, received, size, shown) from None


def _decoded(sent: Iterator[bytes], names: list[str], shown: str) -> Iterator[bytes]:
    """Yield what the body stands for."""
    try:
        yield from decoded(sent, names)
    except CutOff as error:
        raise TransientError(f"{shown} was cut short: {error}") from None
    except EncodingError as error:
        raise PermanentError(f"{shown} cannot be decoded: {error}") from None


@contextmanager
def _sent(method: str, url: str, known: Known, watch: Watch) -> Iterator[_Answer]:
    """Send a request, and follow redirects without reading them; yield the last answer.

    The known ETag is sent only to where it was learned.
    """
    shown = redact_url(url)
    first = url = _normalized(url, shown)
    jar = CookieJar()
    for _ in range(_MOST_REDIRECTS + 1):
        headers = _headers(url, first, jar)
        served_from = _resource_id(url) if _resource_id(url) != _resource_id(first) else None
        asked = bool(known.etag) and known.served_from == served_from
        if asked:
            headers.append(("If-None-Match", known.etag or ""))
        with _opened(method, url, headers, watch) as body:
            head = _head_of(body)
            target = redirect_target(head, url)
            if target is None:
                unchanged = asked and head.status == HTTPStatus.NOT_MODIFIED
                yield _Answer(head, body, served_from, unchanged)
                return
            jar.extract_cookies(_Cookies(head), Request(url))  # type: ignore[arg-type]
        url = _normalized(target, shown)
    raise PermanentError(f"{shown} redirects without end")


def _resource_id(url: str) -> str:
    return source_id(without_signature(url))


@contextmanager
def _opened(
    method: str, url: str, headers: list[tuple[str, str]], watch: Watch
) -> Iterator[httpcore.Response]:
    """Send one request; yield the answer. What goes wrong before it becomes an UpstreamError."""
    with ExitStack() as stack:
        try:
            answer = stack.enter_context(answered(method, url, headers, watch))
        except FAILURES as error:
            raise before_the_body(error, redact_url(url)) from None
        yield answer


def _head_of(answer: httpcore.Response) -> Head:
    headers = ((k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in answer.headers)
    return Head(answer.status, tuple(headers))


def _headers(url: str, first: str, jar: CookieJar) -> list[tuple[str, str]]:
    """Return the headers of a request for `url`, to which one for the URL `first` has led."""
    # As it is: a body that was compressed on the way has another length and, in time, other bytes.
    headers = [("User-Agent", "imagetl"), ("Accept", "*/*"), ("Accept-Encoding", "identity")]
    if found := credentials(first if may_share_credentials(first, url) else url):
        headers.append(("Authorization", f"Basic {b64encode(':'.join(found).encode()).decode()}"))
    request = Request(url)
    jar.add_cookie_header(request)
    if cookie := request.get_header("Cookie"):
        headers.append(("Cookie", cookie))
    return headers


class _Cookies:
    """An answer as a cookie jar wants it."""

    def __init__(self, head: Head) -> None:
        self._message = Message()
        for name, value in head.headers:
            if name == "set-cookie":
                self._message.add_header(name, value)

    def info(self) -> Message:
        return self._message


def _normalized(url: str, shown: str) -> str:
    """Return a URL with all in it escaped that has to be."""
    import requests

    request = requests.PreparedRequest()
    try:
        request.prepare_url(url, None)
    except (requests.RequestException, ValueError):
        raise PermanentError(f"{shown} is not a usable http(s) URL") from None
    return request.url or ""
