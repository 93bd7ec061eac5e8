"""A proxy in front of an object store: counts requests, and makes the store misbehave.

What it answers by itself is in the words of S3; other stores' clients look at the status only.
"""

from __future__ import annotations

import http.client
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from testbed.object_store import ObjectStore

_BUSY = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
_TOO_LARGE = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>InvalidRequest</Code><Message>The specified copy source is larger than the "
    b"maximum allowable size for a copy source: 5368709120</Message></Error>"
)
_NO_FILES = (
    b'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><KeyCount>0</KeyCount>'
    b"<IsTruncated>false</IsTruncated></ListBucketResult>"
)


class S3Request(NamedTuple):
    """What is asked for; `number` counts all requests from 1."""

    number: int
    method: str
    key: str
    query: frozenset[str]

    @property
    def kind(self) -> str:
        """As the S3 API calls it, near enough for counting."""
        if self.method == "GET" and "list-type" in self.query:
            return "list"
        names = {"uploads": "create upload", "uploadId": "upload", "delete": "delete many"}
        special = [name for query, name in names.items() if query in self.query]
        return " ".join([self.method, *special])


Fault = Callable[[S3Request], bool]


def never(request: S3Request) -> bool:
    return False


def always(request: S3Request) -> bool:
    return True


def first_time() -> Fault:
    """Return a fault of the first request of each kind for each file."""
    seen: set[tuple[str, str]] = set()

    def fault(request: S3Request) -> bool:
        what = (request.kind, request.key)
        new = what not in seen
        seen.add(what)
        return new

    return fault


@dataclass
class S3Proxy:
    """What has passed, and what is to go wrong.

    Attributes:
        busy: requests that are answered with 503 SlowDown.
        cut_upload: requests whose connection is cut in the middle of what they send.
        cut_download: requests whose connection is cut in the middle of the answer's body.
        empty_list: listings that have not heard of any file yet.
        too_large: copies that are refused, as of files of more than 5 GB, unless in parts.
    """

    store: ObjectStore
    requests: list[S3Request] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    busy: Fault = never
    cut_upload: Fault = never
    cut_download: Fault = never
    empty_list: Fault = never
    too_large: Fault = never

    def count(self) -> Counter[str]:
        return Counter(request.kind for request in self.requests)

    def reset(self) -> None:
        """Forget the requests so far, and let nothing go wrong."""
        self.requests.clear()
        self.faults.clear()
        self.busy = self.cut_upload = self.cut_download = never
        self.empty_list = self.too_large = never


@contextmanager
def proxied(store: ObjectStore) -> Iterator[S3Proxy]:
    """Run a proxy; its `store` is reached through it."""
    with _Listening(("127.0.0.1", 0), _Handler) as listening:
        url = f"http://127.0.0.1:{listening.server_port}"
        proxy = S3Proxy(replace(store, url=url))
        listening.proxy, listening.behind = proxy, urlsplit(store.url)
        Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            listening.shutdown()


class _Listening(ThreadingHTTPServer):
    """The proxy's server; each connection has a thread."""

    daemon_threads = True
    request_queue_size = 256
    proxy: S3Proxy
    behind: SplitResult

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        super().__init__(address, handler)
        self.lock = Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    """A connection of a client, and one of its own to the store."""

    protocol_version = "HTTP/1.1"
    server: _Listening

    def setup(self) -> None:
        super().setup()
        self.backend = http.client.HTTPConnection(
            self.server.behind.hostname or "", self.server.behind.port
        )

    def finish(self) -> None:
        self.backend.close()
        with suppress(OSError):
            super().finish()

    def _handle(self) -> None:
        proxy = self.server.proxy
        request = self._noted()
        length = int(self.headers.get("Content-Length") or 0)
        if proxy.cut_upload(request):
            self.rfile.read(length // 2)
            self._cut("upload")
            return
        body = self.rfile.read(length)
        if proxy.busy(request):
            proxy.faults["busy"] += 1
            self._answer(503, [("Content-Type", "application/xml")], _BUSY)
            return
        is_copy = request.kind == "PUT" and "x-amz-copy-source" in self.headers
        if is_copy and proxy.too_large(request):
            proxy.faults["too large"] += 1
            self._answer(400, [("Content-Type", "application/xml")], _TOO_LARGE)
            return
        if request.kind == "list" and proxy.empty_list(request):
            proxy.faults["list"] += 1
            self._answer(200, [("Content-Type", "application/xml")], _NO_FILES)
            return
        status, headers, content = self._forwarded(body)
        if proxy.cut_download(request):
            self._answer(status, headers, content, send=len(content) // 2)
            self._cut("download")
            return
        self._answer(status, headers, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def _noted(self) -> S3Request:
        url = urlsplit(self.path)
        query = frozenset(parse_qs(url.query, keep_blank_values=True))
        key = unquote(url.path).lstrip("/").partition("/")[2]
        proxy = self.server.proxy
        with self.server.lock:
            request = S3Request(len(proxy.requests) + 1, self.command, key, query)
            proxy.requests.append(request)
        return request

    def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        # The Host header stays as it is: it is part of what was signed.
        headers = {name: value for name, value in self.headers.items() if name != "Expect"}
        try:
            self.backend.request(self.command, self.path, body or None, headers)
            response = self.backend.getresponse()
        except (OSError, http.client.HTTPException):
            self.backend.close()  # the store ends connections, too
            self.backend.request(self.command, self.path, body or None, headers)
            response = self.backend.getresponse()
        content = response.read()
        hop_by_hop = ("connection", "transfer-encoding", "content-length")
        kept = [(n, v) for n, v in response.getheaders() if n.lower() not in hop_by_hop]
        length = response.getheader("Content-Length") if self.command == "HEAD" else None
        return (
            response.status,
            [*kept, ("Content-Length", length or str(len(content)))],
            content,
        )

    def _answer(
        self,
        status: int,
        headers: list[tuple[str, str]],
        content: bytes,
        send: int | None = None,
    ) -> None:
        self.send_response_only(status)
        if not any(name == "Content-Length" for name, _ in headers):
            headers = [*headers, ("Content-Length", str(len(content)))]
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:send])
            self.wfile.flush()

    def _cut(self, what: str) -> None:
        self.server.proxy.faults[what] += 1
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        pass
