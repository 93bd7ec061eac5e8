"""A webhook that keeps what it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Webhook:
    """Where it is, as an apprise URL and as any other, and the messages so far."""

    url: str = ""
    http_url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def receive() -> Iterator[Webhook]:
    """Listen on a free port of loopback while the block runs."""
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            webhook.messages.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        webhook.http_url = f"http://127.0.0.1:{server.server_port}/hook"
        webhook.url = f"json://user:s3cret@127.0.0.1:{server.server_port}/hook"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield webhook
        finally:
            server.shutdown()
