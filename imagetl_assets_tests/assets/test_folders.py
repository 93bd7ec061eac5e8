"""Runs over folders of images: as partitions of the upstream, and again when they have grown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from testbed.bundles import small_bundle, tiny_frame
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline


@pytest.fixture
def folders(tmp_path: Path, pipeline: Pipeline) -> Path:
    pipeline.upstream = str(tmp_path / "upstream")
    day = tmp_path / "upstream" / "day 1"
    day.mkdir(parents=True)
    for number in (1, 2, 10):
        (day / f"{number}.png").write_bytes(tiny_frame(number, format="PNG"))
    (day / "notes.txt").write_bytes(b"text")
    return day


def test_a_folder_is_a_partition_that_grows(pipeline: Pipeline, folders: Path) -> None:
    outcome = pipeline.run("day 1")
    assert outcome.success
    assert outcome.metadata("raw_data_file")["images"] == 3
    assert outcome.metadata("raw_data_file")["other files"] == 1
    assert outcome.metadata("frames")["bundle"] == "TAR archive"
    assert outcome.names() == ["1.png", "2.png", "10.png"]
    assert pipeline.run("day 1").metadata("raw_data_file")["skipped"]
    (folders / "11.gif").write_bytes(tiny_frame(11))
    grown = pipeline.run("day 1")
    assert grown.metadata("raw_data_file")["images kept from before"] == 3
    assert grown.metadata("clip_gif")["frames"] == 4
    assert pipeline.file("frames/frame_03.gif", "day 1").read_bytes() == tiny_frame(11)


def test_frames_can_be_in_the_order_of_time(pipeline: Pipeline, folders: Path) -> None:
    for moment, name in enumerate(("2.png", "10.png", "1.png")):
        os.utime(folders / name, (1e9 + moment, 1e9 + moment))
    outcome = pipeline.run("day 1", frames={"order": "time"})
    assert outcome.names() == ["2.png", "10.png", "1.png"]
    stored = pipeline.file("frames/frame_00.gif", "day 1").read_bytes()
    assert pipeline.run("day 1").names() == ["1.png", "2.png", "10.png"]
    assert pipeline.file("frames/frame_01.gif", "day 1").read_bytes() == stored


def test_a_bundle_without_times_cannot_be_in_their_order(
    pipeline: Pipeline, server: HttpServer
) -> None:
    pipeline.upstream = server.url
    server.add_file("/all-images.img", small_bundle(2))
    told = pipeline.run(frames={"order": "time"}).failure
    assert "it does not tell when image 0 was written" in told


def test_include_is_a_part_of_the_config(pipeline: Pipeline, folders: Path) -> None:
    outcome = pipeline.run("day 1", raw={"include": "1*.png"})
    assert outcome.names() == ["1.png", "10.png"]
    assert pipeline.run("day 1").metadata("frames")["frames"] == 3


def test_a_folder_without_images_fails_in_one_line(pipeline: Pipeline, folders: Path) -> None:
    assert pipeline.run("day 1", raw={"include": "*.jpg"}).failure.endswith(
        "but 4 other files, such as 1.png, 10.png, 2.png"
    )


def test_links_that_lead_out_of_the_upstream_folder_are_followed(
    tmp_path: Path, pipeline: Pipeline, folders: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "3.gif").write_bytes(tiny_frame(3))
    (elsewhere / "bundle.img").write_bytes(small_bundle(2))
    (folders / "3.gif").symlink_to(elsewhere / "3.gif")
    (folders.parent / "link.img").symlink_to(elsewhere / "bundle.img")
    (folders.parent / "day 2").symlink_to(folders)
    for partition, frames in ("day 1", 4), ("day 2", 4), ("link.img", 2):
        assert pipeline.run(partition).metadata("clip_gif")["frames"] == frames
