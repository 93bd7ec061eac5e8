"""Reads an upstream file as a run does."""

from __future__ import annotations

from imagetl_assets.upstream import Known, Limits, open_upstream

QUICK = Limits(connect=0.5, read=0.5)


def read(url: str) -> bytes:
    content = read_if_changed(url, limits=Limits(2, 2))
    assert content is not None
    return content


def read_if_changed(url: str, known: Known | None = None, limits: Limits = QUICK) -> bytes | None:
    """Return the content, or None if it is still the known one."""
    with open_upstream(url, known or Known(), limits) as file:
        return None if file is None else b"".join(file.blocks)
