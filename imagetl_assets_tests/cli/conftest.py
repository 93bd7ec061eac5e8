"""Tests that call the command in their own process get back what it has changed of that."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from unittest import mock

import pytest


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Such as IMAGETL_CLIPS, which the option --clips sets."""
    with mock.patch.dict(os.environ):
        yield
