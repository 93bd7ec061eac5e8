"""What went wrong with a connection, in words that quote nothing of what is secret or sent."""

from __future__ import annotations

import re
import ssl

import httpcore

from imagetl_assets.upstream.errors import PermanentError, TransientError, UpstreamError
from imagetl_assets.upstream.pace import TooSlow
from imagetl_assets.upstream.private import PrivateAddress

# RuntimeError: httpcore misses the package for a SOCKS proxy. ValueError: no name of a host.
FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    PrivateAddress,
    TooSlow,
    RuntimeError,
    ValueError,
)


def before_the_body(error: BaseException, shown: str) -> UpstreamError:
    """Return what an error means that came before there was an answer to read."""
    if isinstance(error, PrivateAddress):
        return PermanentError(f"{shown} is at {error}")
    if isinstance(error, (httpcore.ProxyError, RuntimeError)):
        return _of_the_proxy(error, shown)
    if isinstance(error, httpcore.RemoteProtocolError):
        return _of_the_head(str(error), shown)
    if isinstance(error, (ValueError, httpcore.LocalProtocolError, httpcore.UnsupportedProtocol)):
        return PermanentError(f"{shown} is not a usable http(s) URL")
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return PermanentError(f"the certificate of {shown} is not accepted: {cause.verify_message}")
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
        return PermanentError(f"{shown} cannot be reached over TLS: {_tls_reason(cause)}")
    return TransientError(f"cannot reach {shown}: {_reason(error)}")


def within_the_body(
    error: BaseException, received: int, size: int | None, shown: str
) -> UpstreamError:
    """Return what an error means that came after `received` bytes of the body."""
    if isinstance(error, TooSlow):
        return TransientError(f"{shown} comes too slowly: gave it up after {received:,} bytes")
    if isinstance(error, httpcore.RemoteProtocolError):
        return _of_the_framing(str(error), received, size, shown)
    return TransientError(f"{shown} was cut short after {received:,} bytes: {_reason(error)}")


def _of_the_framing(message: str, received: int, size: int | None, shown: str) -> UpstreamError:
    """Return what h11's complaint about a body means, whose head was accepted."""
    if "too long" in message:
        return PermanentError(
            f"{shown} sends more beside the file than is read: the line before a chunk, or the "
            f"trailer after the last one, is too large (after {received:,} bytes)"
        )
    if "peer closed connection" not in message:
        return TransientError(
            f"{shown} was damaged on its way: its chunks are no HTTP (after {received:,} bytes)"
        )
    if size is None:
        return TransientError(f"{shown} was cut short: it ended after {received:,} bytes")
    return TransientError(f"{shown} ended after {received:,} of {size:,} bytes")


def _of_the_proxy(error: BaseException, shown: str) -> UpstreamError:
    if isinstance(error, RuntimeError):
        return PermanentError(f"cannot reach {shown}: a SOCKS proxy needs `pip install socksio`")
    status = re.match(r"[0-9]{3}", str(error))
    message = f"cannot reach {shown}: the proxy refuses" + (
        f" with status {status[0]}" if status else ""
    )
    passes = status is not None and status[0][0] == "5"
    return TransientError(message) if passes else PermanentError(message)


def _of_the_head(message: str, shown: str) -> UpstreamError:
    """Return what h11's complaint about the head of an answer means."""
    if "disconnected" in message:
        return TransientError(f"cannot reach {shown}: the connection was lost")
    for words, problem in (
        ("too long", "answers with a head that is too large"),
        ("conflicting Content-Length", "announces several lengths"),
        ("Content-Length", "announces a length that is none"),
        ("Transfer-Encoding", "uses a transfer encoding other than chunked"),
    ):
        if words in message:
            return PermanentError(f"{shown} {problem}")
    return PermanentError(f"{shown} answers with something that is not HTTP")


def _tls_reason(error: ssl.SSLError) -> str:
    return (error.reason or "no common protocol").replace("_", " ").lower()


def _reason(error: BaseException) -> str:
    """Say what went wrong in the operating system's words, which hold no URL."""
    if isinstance(error, httpcore.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpcore.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpcore.RemoteProtocolError):
        return "what was sent is not HTTP"
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, ssl.SSLError):
        return cause.strerror.lower()
    return "the connection was lost"
