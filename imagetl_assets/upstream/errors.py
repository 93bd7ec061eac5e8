"""What can go wrong with an upstream file: either it may pass, or it will not."""

from __future__ import annotations


class UpstreamError(Exception):
    """The file cannot be had. The message says why and holds no credentials."""


class TransientError(UpstreamError):
    """It may work in a moment: no connection, no answer, an overloaded server, a body cut short."""


class PermanentError(UpstreamError):
    """It will not work until somebody changes something."""
