"""Requests over httpcore, which brings the body as it is sent and follows no redirects.

httpcore parses with h11, which is strict about where a body ends. What is added here is a watch on
the time that a server takes, and on the address that a connection leads to.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import httpcore

from imagetl_assets.upstream.base import Limits
from imagetl_assets.upstream.environment import proxy_for, tls_context
from imagetl_assets.upstream.pace import Pace
from imagetl_assets.upstream.private import check_public


@contextmanager
def answered(
    method: str, url: str, headers: list[tuple[str, str]], watch: Watch
) -> Iterator[httpcore.Response]:
    """Send a request; yield the answer, whose body is not read yet, and close it unread.

    Args:
        method: of the request.
        url: a normalized http(s) URL; user and password in it are not sent.
        headers: besides Host.
        watch: on the time that it takes.

    Raises:
        httpcore's errors, `TooSlow` and `PrivateAddress`.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request_url = httpcore.URL(
        scheme=parts.scheme.encode(),
        host=host.encode("ascii"),
        port=parts.port,
        target=target.encode("ascii"),
    )
    named = ("Host", parts.netloc.rpartition("@")[2])
    timeouts = {"connect": watch.limits.connect, "write": watch.limits.read}
    with _pool(url, watch) as pool:
        watch.expect_head()
        with pool.stream(
            method,
            request_url,
            headers=[(k.encode("ascii"), v.encode("latin-1")) for k, v in (named, *headers)],
            extensions={"timeout": timeouts},
        ) as answer:
            watch.expect_body()
            yield answer


class Watch:
    """Bounds the time of one answer: of its head as a whole, of its body by its speed."""

    def __init__(self, limits: Limits, *, refuse_private: bool) -> None:
        self.limits = limits
        self.refuse_private = refuse_private
        self.pace = Pace(limits.least_speed, limits.read)
        self._head_until: float | None = None

    def expect_head(self) -> None:
        """Begin to wait for the connection and the head."""
        self._head_until = time.monotonic() + self.limits.connect + self.limits.read

    def expect_body(self) -> None:
        """Begin to wait for the body."""
        self._head_until = None

    def read(self, stream: httpcore.NetworkStream, max_bytes: int) -> bytes:
        """Read what comes next.

        Raises:
            httpcore.ReadTimeout: the head is not complete in time, or nothing comes.
            TooSlow: something comes, but too little.
        """
        silent = 0.0
        while True:
            begun = time.monotonic()
            left = self._seconds_left(begun, silent)
            if left <= 0:
                raise httpcore.ReadTimeout
            try:
                data = stream.read(max_bytes, timeout=left)
            except httpcore.ReadTimeout:
                data = None
            waited = time.monotonic() - begun
            silent += waited
            if data is None and silent >= self.limits.read:
                raise httpcore.ReadTimeout
            if self._head_until is None:
                self.pace.waited(waited)
            if data is not None:
                return data

    def _seconds_left(self, now: float, silent: float) -> float:
        if self._head_until is not None:
            return self._head_until - now
        return min(self.limits.read - silent, self.pace.left())


class _Stream(httpcore.NetworkStream):
    """A connection whose reading is watched."""

    def __init__(self, stream: httpcore.NetworkStream, watch: Watch) -> None:
        self._stream = stream
        self._watch = watch

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._watch.read(self._stream, max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._watch)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects, and checks the address on the socket, before anything is sent.

    A name that is looked up twice can have two addresses. Through a proxy, it is the proxy's.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = httpcore.SyncBackend().connect_tcp(
            host, port, timeout, local_address, socket_options
        )
        if self._watch.refuse_private:
            try:
                check_public(str(stream.get_extra_info("server_addr")[0]))
            except OSError:
                stream.close()
                raise
        return _Stream(stream, self._watch)


def _pool(url: str, watch: Watch) -> httpcore.ConnectionPool:
    proxy_url = proxy_for(url)
    secure = url.startswith("https:") or (proxy_url or "").startswith("https:")
    context = tls_context() if secure else None
    return httpcore.ConnectionPool(
        ssl_context=context,
        network_backend=_Backend(watch),
        proxy=_proxy(proxy_url, context) if proxy_url else None,
    )


def _proxy(url: str, context: ssl.SSLContext | None) -> httpcore.Proxy:
    parts = urlsplit(url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return httpcore.Proxy(
        bare.geturl(),
        auth=(user, password) if user else None,
        ssl_context=context if parts.scheme == "https" else None,
    )
