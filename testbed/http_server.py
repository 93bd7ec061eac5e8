"""A real HTTP server on loopback that can be told to misbehave."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; answers call its methods."""

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        length = {"Content_Length": str(len(body))} if status != 304 else {}
        for name, value in {**length, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class HttpServer:
    """Answers by path; `requests` holds (path, status), `methods` the methods of all so far."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, int]] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)

    def add(self, path: str, answer: Answer) -> str:
        """Answer requests for `path` (without query) so; return its URL."""
        self.answers[path] = answer
        return f"{self.url}{path}"

    def add_file(self, path: str, body: bytes, etag: str = "") -> str:
        return self.add(path, file(body, etag))

    def count(self, path: str) -> int:
        return sum(requested == path for requested, _ in self.requests)


def file(body: bytes, etag: str = "") -> Answer:
    """Answer with a file that has an ETag and knows conditional requests."""
    etag = etag or f'"{hashlib.sha256(body).hexdigest()[:8]}"'

    def answer(request: Request) -> None:
        if request.headers.get("If-None-Match") == etag:
            request.reply(304, ETag=etag)
        else:
            request.reply(200, body, ETag=etag)

    return answer


def status(code: int, **headers: str) -> Answer:
    return lambda request: request.reply(code, b"no", **headers)


def in_turn(*answers: Answer) -> Answer:
    """Give each answer once, the last one for ever."""
    rest = list(answers)

    def answer(request: Request) -> None:
        (rest.pop(0) if len(rest) > 1 else rest[0])(request)

    return answer


def short_body(body: bytes, announced: int) -> Answer:
    """Announce more bytes than are sent."""

    def answer(request: Request) -> None:
        request.reply(200, body, Content_Length=str(announced))
        request.close_connection = True

    return answer


def slow(seconds: float, body: bytes) -> Answer:
    """Send the head at once and the body after a while."""

    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.flush()
        time.sleep(seconds)
        request.wfile.write(body)

    return answer


@contextmanager
def serve() -> Iterator[HttpServer]:
    """Serve on a free port while the block runs."""
    server = HttpServer()

    class Handler(Request):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            answer = server.answers.get(path, status(404))
            try:
                answer(self)
            except BrokenPipeError:
                self.close_connection = True

        do_HEAD = do_GET

        def send_response(self, code: int, message: str | None = None) -> None:
            server.requests.append((self.path.partition("?")[0], code))
            server.methods.add(self.command)
            super().send_response(code, message)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_port}"
        Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            listening.shutdown()
