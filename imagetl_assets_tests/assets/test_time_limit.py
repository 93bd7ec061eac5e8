"""A step that takes too long fails with one line, and is not tried again."""

from __future__ import annotations

import time

import pytest

from imagetl_assets.images.time_limit import OutOfTime, check_time, time_limit
from imagetl_assets.settings import step_seconds
from imagetl_assets_tests.images.builders import SEPARATOR, Gif, Picture, still
from testbed import bundles
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline


def bomb(images: int) -> bytes:
    """A few kB that take seconds: images of one pixel on a screen of a million."""
    return Gif(1000, 1000, [Picture(1, 1, b"\0", bytes(12))] * images).encode()


@pytest.mark.parametrize("several", [False, True])
def test_a_frame_that_takes_long(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch, several: bool
) -> None:
    """Whether it is one frame that takes long, or all of them together."""
    monkeypatch.setenv("IMAGETL_STEP_SECONDS", "1")
    frames = [bomb(5)] * 50 if several else [bomb(250), still()]
    server.add_file("/all-images.img", SEPARATOR.join(frames))
    outcome = pipeline.run(frames={"frames_per_step": 50, "on_damaged_frame": "skip"})
    assert outcome.failure == (
        "it has taken more than 1 seconds, which the setting IMAGETL_STEP_SECONDS allows for one "
        "file in a step"
    )
    assert (outcome.failed_step or "").startswith("frames.store_frames")
    assert not any(event.is_step_up_for_retry for event in outcome.result.all_events)


def test_without_a_limit(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGETL_STEP_SECONDS", "0")
    server.add_file("/all-images.img", bundles.small_bundle(2))
    assert pipeline.run().success


def test_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGETL_STEP_SECONDS", raising=False)
    assert step_seconds() == 21_600
    for text in ("-1", "soon", "1.5"):
        monkeypatch.setenv("IMAGETL_STEP_SECONDS", text)
        with pytest.raises(ValueError, match=f"IMAGETL_STEP_SECONDS is '{text}', but"):
            step_seconds()


def test_a_limit_counts_within_its_block_only() -> None:
    check_time()
    with time_limit(0.01):
        time.sleep(0.02)
        with time_limit(60):
            check_time()
        with pytest.raises(OutOfTime):
            check_time()
    check_time()
