"""What can go wrong with an upstream file: either it may pass, or it will not."""

from __future__ import annotations


class UpstreamError(Exception):
    """The file cannot be had. The message says why and holds no credentials."""


class TransientError(UpstreamError):
    """It may work in a moment: no connection, no answer, an overloaded server, a body cut short.

    Attributes:
        retry_after: the seconds that the server asks to wait before the next attempt, or None.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(UpstreamError):
    """It will not work until somebody changes something."""


class NotAFile(PermanentError):
    """There is no file of this name. It may be the name of a folder."""
