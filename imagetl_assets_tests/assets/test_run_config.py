"""Config of a later asset that cannot be is refused by the first one, which downloads."""

from __future__ import annotations

from typing import Any

import pytest
from dagster import Failure

from imagetl_assets.assets.run_config import check_run_config


@pytest.mark.parametrize(
    ("asset", "config", "problem"),
    [
        ("clip_gif", {"fps": 0.001}, "fps is 0.001, but should be greater than or equal to 0.002"),
        ("clip_gif", {"fps": 0}, "fps is 0, but should be greater than or equal to 0.002"),
        ("clip_gif", {"fps": 60}, "fps is 60, but a gif has to show each frame for at least"),
        ("clip_gif", {"frame_duration_ms": 19}, "at least 20 ms, which is 50 frames a second"),
        ("clip_gif", {"frame_duration_ms": 655_351}, "less than or equal to 655350"),
        ("clip_gif", {"every": 0}, "every is 0, but should be greater than or equal to 1"),
        ("clip_gif", {"every": 1.5}, "every is 1.5, but should be a valid integer"),
        ("clip_gif", {"fps": float("nan")}, "fps is nan, but should be a finite number"),
        (
            "clip_webp",
            {"fps": 100},
            "a webp has to show each frame for at least 11 ms, which is 90.91",
        ),
        ("clip_mp4", {"frame_duration_ms": 0}, "a mp4 has to show each frame for at least 1 ms"),
        ("frames", {"resize": "0"}, "resize is '0', but"),
        ("frames", {"take_fps": float("inf")}, "take_fps is inf, but should be a finite number"),
        ("frames", {"start": 5, "end": 2}, "end is 2, but has to be after start, which is 5"),
        ("frames", {"take_fps": 0}, "take_fps is 0, but should be greater than 0"),
    ],
)
def test_it_is_named_with_its_asset(asset: str, config: dict[str, Any], problem: str) -> None:
    with pytest.raises(Failure) as caught:
        check_run_config({"ops": {asset: {"config": config}}})
    assert str(caught.value.description).startswith(f"run config of {asset}: ")
    assert problem in str(caught.value.description)


@pytest.mark.parametrize(
    ("asset", "config"),
    [
        ("clip_gif", {"fps": 50, "every": 1}),
        ("clip_gif", {"fps": 0.002}),
        ("clip_gif", {"frame_duration_ms": {"env": "MY_TIME"}}),
        ("clip_webp", {"fps": 60}),
        ("clip_mp4", {"fps": 240}),
    ],
)
def test_what_can_be_is_taken(asset: str, config: dict[str, Any]) -> None:
    check_run_config({"ops": {asset: {"config": config}}})
