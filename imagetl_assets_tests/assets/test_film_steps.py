"""Runs whose films are encoded in segments by mapped steps."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dagster import AssetKey, in_process_executor
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagetl_assets.assets import encode_film, film_clip, film_segments
from imagetl_assets.assets.film_config import Mp4Config
from imagetl_assets.assets.film_segments import (
    FilmSource,
    mapping_keys,
    segments_of,
    segments_of_step,
)
from imagetl_assets.definitions import define
from imagetl_assets.images import gif
from imagetl_assets.images.bundle import FrameSpan
from imagetl_assets.images.bundles.tar import Tar
from imagetl_assets.images.bundles.video import Video
from imagetl_assets.records import FrameFiles, FrameIndex, RawFile, StoredFrame
from imagetl_assets_tests.end_to_end.test_several_files import run_job_for
from imagetl_assets_tests.images.archives import zipped
from testbed.bundles import small_bundle
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline

av = pytest.importorskip("av")
RAW = RawFile(path="a.img", size=9, sha256="0", version="1", source="x", source_id="y")
LAYOUT = gif.parse(small_bundle(1))
FRAMES = 12


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment has four of the pictures below, or of those of a small bundle."""
    monkeypatch.setattr(film_segments, "_PIXELS_OF_SEGMENT", 4 * 64 * 48)
    monkeypatch.setattr(film_segments, "_PICTURES_OF_SEGMENT", 1)
    monkeypatch.setenv("IMAGETL_CLIPS", "mp4")


def picture(number: int) -> bytes:
    y, x = np.mgrid[0:48, 0:64]
    array = np.dstack([x * 4, y * 5, np.full_like(x, number * 20)]).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


def archive(count: int = FRAMES) -> bytes:
    return zipped(members(count))


def members(count: int) -> dict[str, bytes]:
    return {f"{n:02}.png": picture(n) for n in range(count)}


def source(frames: int, kind: str = Tar.name) -> FilmSource:
    spans = tuple(FrameSpan(i, i * 10, 5, "GIF") for i in range(frames))
    stored = StoredFrame(offset=None, size=5, sha256="", layout=LAYOUT)
    names = tuple(f"frame_{i}.gif" for i in range(frames))
    return FilmSource(
        FrameIndex(RAW, spans, (), 1, kind=kind), FrameFiles(RAW, names, (stored,) * frames)
    )


def mapped_steps(outcome: Any) -> list[str]:
    keys = {event.step_key for event in outcome.result.all_events if event.step_key}
    return sorted(key for key in keys if "encode_mp4[" in key)


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


@given(
    st.dictionaries(st.text("abc", min_size=1), st.integers(1, 700), min_size=1, max_size=30),
    st.integers(1, 9),
    st.sampled_from([Tar.name, Video.name]),
)
def test_each_frame_is_in_one_segment_of_one_step(
    films: dict[str, int], every: int, kind: str
) -> None:
    sources = {key: source(frames, kind) for key, frames in films.items()}
    config = Mp4Config(every=every)
    steps = mapping_keys(sources, config)
    assert len(steps) <= 64
    found: dict[str, list[int]] = {key: [] for key in films}
    for step in steps:
        for key, parts in segments_of_step(sources, config, step).items():
            assert all(any(at % every == 0 for at in part.frames) for part in parts)
            found[key] += [at for part in parts for at in part.frames]
    for key, frames in films.items():
        segments = segments_of(sources[key], config)
        assert [at for part in segments for at in part.frames] == list(range(frames))
        assert len(segments) <= (8 if kind == Video.name else 64)
        assert found[key] == (list(range(frames)) if steps else [])


def test_a_film_in_segments_is_the_film_in_one_piece(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = b"\x89PNG\r\n\x1a\n" + bytes(40)
    server.add_file("/all-images.img", zipped({**members(FRAMES), "03.5.png": damaged}))
    config = {"crf": 10, "frame_duration_ms": 70.3, "every": 1}
    outcome = pipeline.run(frames={"on_damaged_frame": "skip"}, clip_mp4=config)
    assert outcome.success
    assert len(mapped_steps(outcome)) == 3
    metadata = outcome.metadata("clip_mp4")
    assert (metadata["frames"], metadata["segments"], metadata["size"]) == (12, 3, "64 x 48")
    assert metadata["length in seconds"] == pytest.approx(12 * 0.0703, abs=0.001)
    assert metadata["preview"].startswith("![first frame](data:image/jpeg;base64,")
    assert not any(pipeline.file(".imagetl/work").iterdir())
    with av.open(str(pipeline.file("clip.mp4"))) as container:
        for number, frame in enumerate(container.decode(video=0)):
            with Image.open(io.BytesIO(picture(number))) as image:
                difference = np.asarray(frame.to_image(), float) - np.asarray(image, float)
            assert np.sqrt((difference**2).mean()) < 8
    in_segments = times(pipeline.file("clip.mp4"))
    monkeypatch.setattr(film_segments, "_PIXELS_OF_SEGMENT", 10**9)
    outcome = pipeline.run(frames={"on_damaged_frame": "skip"}, clip_mp4=config)
    assert mapped_steps(outcome) == []
    assert times(pipeline.file("clip.mp4")) == in_segments


def test_every_nth_picture_in_segments(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", archive(30))
    outcome = pipeline.run(clip_mp4={"every": 3, "fps": 10, "crf": 10})
    assert outcome.success
    assert len(mapped_steps(outcome)) == 3
    assert times(pipeline.file("clip.mp4")) == pytest.approx([n / 10 for n in range(10)])
    with av.open(str(pipeline.file("clip.mp4"))) as container:
        blue = [frame.to_image().getpixel((2, 2))[2] for frame in container.decode(video=0)]
    assert blue == pytest.approx([n * 60 % 256 for n in range(10)], abs=12)


def test_a_film_that_is_overtaken_changes_nothing(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer run takes over, while the first is at its second segment."""
    server.add_file("/all-images.img", archive())
    assert pipeline.run().success
    before = pipeline.file("clip.mp4").read_bytes()

    def remove_claim(folder: Path) -> None:
        for claim in folder.glob("clip_mp4.*"):
            for file in claim.iterdir():
                file.unlink()
            claim.rmdir()

    _at_segment(monkeypatch, 1, lambda: remove_claim(pipeline.file(".imagetl/work")))
    outcome = pipeline.run(clip_mp4={"crf": 40})
    failures = [event.step_failure_data for event in outcome.result.get_step_failure_events()]
    assert len(failures) == 2
    for failure in failures:
        assert "has taken over" in failure.error_display_string
    assert pipeline.file("clip.mp4").read_bytes() == before
    assert not any(pipeline.file(".imagetl/work").iterdir())


@pytest.mark.parametrize(
    ("replaced", "noticed_by"),
    [(("frames", "frame_files"), "join_mp4"), (("frames",), "encode_mp4[segments_02]")],
)
def test_segments_of_other_frames_are_not_joined(
    replaced: tuple[str, ...],
    noticed_by: str,
    pipeline: Pipeline,
    server: HttpServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The frames are replaced by those of a newer run, while segments are encoded."""
    server.add_file("/all-images.img", archive())
    assert pipeline.run().success
    before = pipeline.file("clip.mp4").read_bytes()

    def replace_records() -> None:
        for name in replaced:
            record = pipeline.file(f".imagetl/{name}.json")
            text = record.read_text()
            record.write_text(re.sub(r"-([0-9a-f]{4})\"", '-0000"', text))

    _at_segment(monkeypatch, 1, replace_records)
    outcome = pipeline.run(clip_mp4={"crf": 40})
    assert "has taken over" in outcome.failure
    assert outcome.failed_step == f"clip_mp4.{noticed_by}"
    assert pipeline.file("clip.mp4").read_bytes() == before


def test_a_clip_that_was_stored_before_its_step_was_lost_is_taken_as_it_is(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_file("/all-images.img", archive())
    lost: list[int] = []
    told = film_clip.film_metadata

    def lose_once(*args: Any) -> dict[str, Any]:
        if not lost:
            lost.append(1)
            raise OSError("the worker is lost")
        return told(*args)

    monkeypatch.setattr("imagetl_assets.assets.join_film.film_metadata", lose_once)
    assert pipeline.run().success
    assert lost
    assert len(times(pipeline.file("clip.mp4"))) == FRAMES


def test_one_bad_file_of_several(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures of one are replaced by nothing that can be decoded, once they are indexed."""
    names = [f"{number}.zip" for number in range(4)]
    for number, name in enumerate(names):
        server.add_file(f"/{name}", archive(3 + 2 * number))
    pipeline.instance.add_dynamic_partitions("upstream_files", names)
    encode = encode_film._encode

    def fail_for_one(format: Any, source: FilmSource, claim: Any, *args: Any) -> int:
        if claim.folder.path("").startswith("2.zip"):
            raise OSError("spoilt")
        return encode(format, source, claim, *args)

    monkeypatch.setattr(encode_film, "_encode", fail_for_one)
    definitions = define(str(pipeline.root), pipeline.upstream, in_process_executor)
    result = run_job_for(pipeline, names, definitions.resolve_job_def("image_etl_several"))
    assert not result.success
    done = pipeline.instance.get_materialized_partitions(AssetKey("clip_mp4"))
    assert done == {"0.zip", "1.zip", "3.zip"}
    for number, name in enumerate(names):
        if name in done:
            assert len(times(pipeline.file("clip.mp4", name))) == 3 + 2 * number
    assert not pipeline.file("clip.mp4", "2.zip").exists()


def _at_segment(monkeypatch: pytest.MonkeyPatch, number: int, work: Callable[[], None]) -> None:
    """Do something when the segment with this number is about to be encoded."""
    encode = encode_film._encode
    seen: list[int] = []

    def encode_then(*args: Any) -> int:
        if len(seen) == number:
            work()
        seen.append(1)
        return encode(*args)

    monkeypatch.setattr(encode_film, "_encode", encode_then)
