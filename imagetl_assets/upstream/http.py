"""Upstream files at http(s) URLs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests import exceptions

from imagetl_assets.redact import redact_url
from imagetl_assets.upstream.base import BLOCK_BYTES, Known, Timeouts, UpstreamFile, all_of
from imagetl_assets.upstream.errors import PermanentError, TransientError
from imagetl_assets.upstream.private import find_refusal, refuse_private_addresses

_RETRY_STATUS = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_TRANSIENT = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError)


class _Session(requests.Session):
    """Follows redirects within http and https, but not from https back to http."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target: str | None = super().get_redirect_target(resp)
        if target is not None:
            old = urlsplit(resp.url).scheme
            new = urlsplit(urljoin(resp.url, target)).scheme
            if new != old and (old, new) != ("http", "https"):
                raise PermanentError(f"{redact_url(resp.url)} redirects from {old} to {new}")
        return target


@contextmanager
def open_http(
    url: str, known: Known, timeouts: Timeouts, *, refuse_private: bool = False
) -> Iterator[UpstreamFile | None]:
    """Open the file at `url`, or yield None if it is still the known one (status 304).

    Raises:
        UpstreamError: see there. The requests library's own errors are not chained to it, as they
            quote the URL with all that is in it.
    """
    headers = {}
    if known.etag:
        headers["If-None-Match"] = known.etag
    if known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    with _sent("GET", url, headers, timeouts, refuse_private) as response:
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            yield None
            return
        shown = redact_url(url)
        _check_status(response, shown)
        size = None if "Content-Encoding" in response.headers else _length(response)
        yield UpstreamFile(
            blocks=all_of(_blocks(response, shown), size, shown),
            size=size,
            etag=response.headers.get("ETag"),
            last_modified=response.headers.get("Last-Modified"),
        )


def head_http(url: str, timeouts: Timeouts, *, refuse_private: bool = False) -> str | None:
    """Return what tells versions of the file at `url` apart, or None if there is no such file.

    Raises:
        UpstreamError: see there.
    """
    with _sent("HEAD", url, {}, timeouts, refuse_private) as response:
        if response.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return None
        _check_status(response, redact_url(url))
        names = ("ETag", "Last-Modified", "Content-Length")
        return "|".join(response.headers.get(name, "") for name in names)


@contextmanager
def _sent(
    method: str, url: str, headers: dict[str, str], timeouts: Timeouts, refuse_private: bool
) -> Iterator[requests.Response]:
    """Send a request; yield the response, whose body is not read yet."""
    shown = redact_url(url)
    # As it is: a body that was compressed on the way has another length and, in time, other bytes.
    headers = {**headers, "Accept-Encoding": "identity"}
    with _Session() as session:
        if refuse_private:
            refuse_private_addresses(session)
        try:
            response = session.request(
                method,
                url,
                headers=headers,
                stream=True,
                timeout=(timeouts.connect, timeouts.read),
            )
        except _TRANSIENT as error:
            if refusal := find_refusal(error):
                raise PermanentError(f"{shown} is at {refusal}") from None
            raise TransientError(f"cannot reach {shown}: {_reason(error)}") from None
        except exceptions.TooManyRedirects:
            raise PermanentError(f"{shown} redirects without end") from None
        except (exceptions.RequestException, ValueError):
            raise PermanentError(f"{shown} is not a usable http(s) URL") from None
        with response:
            yield response


def _check_status(response: requests.Response, shown: str) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    problem = f"{shown} answers with status {status} {response.reason or ''}".rstrip()
    if status in _RETRY_STATUS or status >= 500:
        raise TransientError(problem)
    raise PermanentError(problem)


def _length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def _blocks(response: requests.Response, shown: str) -> Iterator[bytes]:
    # `all_of` checks the length, and can say how much there was.
    response.raw.enforce_content_length = False
    try:
        yield from response.iter_content(BLOCK_BYTES)
    except _TRANSIENT as error:
        raise TransientError(f"{shown} was cut short: {_reason(error)}") from None
    except exceptions.RequestException:
        raise PermanentError(f"{shown} sends a body that cannot be decoded") from None


def _reason(error: BaseException) -> str:
    """Say what went wrong in the operating system's words, which hold no URL."""
    if isinstance(error, exceptions.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, exceptions.Timeout):
        return "no answer in time"
    cause: Any = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        if "timed out" in str(cause) and isinstance(cause, TimeoutError):
            return "no answer in time"
        cause = cause.__cause__ or cause.__context__
    return "the connection was lost"
