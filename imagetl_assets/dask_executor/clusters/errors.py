"""The one error of this folder."""

from __future__ import annotations


class DaskClusterError(Exception):
    """The cluster cannot be used, or was lost. The message says what to do about it."""
