"""A server on loopback that sends whatever bytes it is told to, HTTP or not."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Handler = Callable[[socket.socket, bytes], None]


@contextmanager
def serve(handler: Handler, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Call `handler` with each connection and the head of its request; yield its URL.

    The connection is closed, with nothing of it left unsent, when the handler returns.
    """
    stopped = threading.Event()

    def attend(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            accepted = tls.wrap_socket(connection, server_side=True) if tls else connection
            with accepted:
                accepted.settimeout(10)
                handler(accepted, _request_head(accepted))
                with suppress(OSError):
                    accepted.shutdown(socket.SHUT_WR)
                    while accepted.recv(65536):  # or the rest of what was sent could be lost
                        pass

    def accept() -> None:
        while not stopped.is_set():
            with suppress(OSError):
                connection, _ = listening.accept()
                threading.Thread(target=attend, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        listening.settimeout(0.2)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            scheme = "https" if tls else "http"
            yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/a"
        finally:
            stopped.set()
            thread.join()


def sending(*parts: bytes) -> Handler:
    """Return a handler that sends these bytes."""

    def handler(connection: socket.socket, request: bytes) -> None:
        for part in parts:
            connection.sendall(part)

    return handler


def flooding(head: bytes, block: bytes) -> Handler:
    """Return a handler that sends one block after another for as long as somebody takes them."""

    def handler(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(block)

    return handler


def _request_head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and (data := connection.recv(65536)):
        head += data
    return head
