"""The fuzz target on its corpus, and on a few changes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagetl_assets_tests.images import fuzz


@pytest.mark.parametrize("path", fuzz.CORPUS, ids=lambda path: str(path.name))
def test_corpus(path: Path) -> None:
    fuzz.one_input(path.read_bytes())


@given(fuzz.mutants())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_changed_corpus(data: bytes) -> None:
    fuzz.one_input(data)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes(data: bytes) -> None:
    fuzz.one_input(data)
    fuzz.one_input(b"GIF89a" + data)
