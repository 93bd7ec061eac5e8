"""Runs over archives: names are kept, what is no frame is counted, what cannot be read is named."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping

import pytest

from imagetl_assets.records import FrameIndex
from imagetl_assets_tests.images.archives import tarred, zipped
from testbed.bundles import tiny_frame
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline

Archive = Callable[[Mapping[str, bytes]], bytes]

NAMES = ["shots/10.gif", "shots/2.gif", "shots/1.png"]
FILES = {
    "shots/10.gif": tiny_frame(3),
    "shots/2.gif": tiny_frame(2),
    "shots/1.png": tiny_frame(1, format="PNG"),
    "shots/notes.txt": b"a text",
}


@pytest.mark.parametrize("archive", [zipped, tarred])
def test_images_of_an_archive_become_frames_that_keep_their_names(
    pipeline: Pipeline, server: HttpServer, archive: Archive
) -> None:
    server.add_file("/shots.zip", archive(FILES))
    outcome = pipeline.run("shots.zip")
    assert outcome.success
    metadata = outcome.metadata("frames")
    assert outcome.names() == ["shots/1.png", "shots/2.gif", "shots/10.gif"]
    assert metadata["left out"] == ["files that are no images: 1, the first shots/notes.txt"]
    assert metadata["bundle"] == ("ZIP archive" if archive is zipped else "TAR archive")
    frames = pipeline.file("frames", "shots.zip")
    assert (frames / "frame_01.gif").read_bytes() == tiny_frame(2)
    assert (frames / "frame_02.gif").read_bytes() == tiny_frame(3)
    record = pipeline.file(".imagetl/frames.json", "shots.zip").read_bytes()
    assert [span.name for span in FrameIndex.from_json(record).frames] == sorted(
        NAMES, key=lambda name: int(name[6:-4])
    )
    assert outcome.metadata("clip_gif")["frames"] == 3


def test_a_damaged_member_is_named(pipeline: Pipeline, server: HttpServer) -> None:
    archive = zipped({**FILES, "shots/5.png": tiny_frame(5, format="PNG")[:45]})
    server.add_file("/shots.zip", archive)
    assert "is damaged: shots/5.png: the picture cannot be" in pipeline.run("shots.zip").failure
    outcome = pipeline.run("shots.zip", frames={"on_damaged_frame": "skip"})
    assert outcome.success
    ((number, _, problem),) = outcome.metadata("frame_files")["damaged"]
    assert number == 2
    assert problem.startswith("shots/5.png: ")


def test_an_encrypted_archive_fails_in_one_line(pipeline: Pipeline, server: HttpServer) -> None:
    archive = bytearray(zipped(FILES))
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    server.add_file("/shots.zip", bytes(archive))
    assert pipeline.run("shots.zip").failure == (
        "image-data.img is a ZIP archive, but shots/10.gif in it is encrypted; only a ZIP without "
        "a password can be read"
    )


def test_an_archive_without_images_fails_in_one_line(
    pipeline: Pipeline, server: HttpServer
) -> None:
    server.add_file("/shots.zip", zipped({"a.txt": b"a", "b.json": b"{}", ".c": b""}))
    assert pipeline.run("shots.zip").failure == (
        "there are no frames in image-data.img, a ZIP archive: it has files that are no images: 2, "
        "the first a.txt; hidden files: 1, the first .c"
    )


def test_an_archive_that_is_cut_short_fails_in_one_line(
    pipeline: Pipeline, server: HttpServer
) -> None:
    server.add_file("/shots.zip", zipped(FILES)[:-30])
    assert pipeline.run("shots.zip").failure.startswith(
        "image-data.img is a ZIP archive, but its directory, which a ZIP has at its end, cannot"
    )


@pytest.mark.parametrize("archive", [zipped, tarred])
def test_a_compressed_archive_is_stored_unpacked_and_downloaded_once(
    pipeline: Pipeline, server: HttpServer, archive: Archive
) -> None:
    data = archive(FILES)
    server.add_file("/shots.tar.gz", gzip.compress(data))
    outcome = pipeline.run("shots.tar.gz")
    assert outcome.success
    assert outcome.metadata("raw_data_file")["unpacked from"] == "gzip"
    assert outcome.metadata("raw_data_file")["bytes"] == len(data)
    assert pipeline.file("image-data.img", "shots.tar.gz").read_bytes() == data
    assert pipeline.run("shots.tar.gz").metadata("raw_data_file")["skipped"]


def test_a_compressed_text_is_no_bundle(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/a.gz", gzip.compress(b"<html>" * 1000))
    assert "is not a bundle of images: it starts like an HTML page" in pipeline.run("a.gz").failure
    assert not pipeline.file("image-data.img", "a.gz").exists()
