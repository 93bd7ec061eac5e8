"""For tests of one replacement of a private part of Dagster."""

from __future__ import annotations

import pytest

from imagetl_assets.dask_executor.dagster_internals.replacing import why_left_out


def needs_replacement(name: str) -> pytest.MarkDecorator:
    """Skip a test where the replacement that it is about is left out."""
    why = why_left_out(name)
    return pytest.mark.skipif(why is not None, reason=f"is about the replacement {name!r}: {why}")
