"""Clips in full colour: asked for by a setting, made from the original images."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from imagetl_assets.assets.films import offered_films
from imagetl_assets.records import Clip
from imagetl_assets_tests.images.archives import zipped
from imagetl_assets_tests.images.profiles import RED_AND_GREEN_EXCHANGED
from testbed.bundles import small_bundle
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline


def photo(number: int) -> bytes:
    """A picture with many more than 256 colours."""
    y, x = np.mgrid[0:60, 0:80]
    array = np.dstack([x * 3, y * 4, np.full_like(x, number * 60)]).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


def with_profile(data: bytes) -> bytes:
    """The same picture, stored with red and green exchanged, and a profile that says so."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        exchanged = Image.fromarray(np.asarray(image)[..., [1, 0, 2]])
    exchanged.save(out, "PNG", icc_profile=RED_AND_GREEN_EXCHANGED)
    return out.getvalue()


PHOTOS = {f"{number}.png": photo(number) for number in range(4)}
PHOTOS["1.png"] = with_profile(PHOTOS["1.png"])


def test_they_are_not_made_unless_they_are_asked_for(
    pipeline: Pipeline, server: HttpServer
) -> None:
    server.add_file("/all-images.img", small_bundle())
    assert pipeline.run().success
    assert not pipeline.file("clip.webp").exists()
    assert not pipeline.file("clip.mp4").exists()


def test_all_clips_of_an_archive(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGETL_CLIPS", "webp, mp4")
    server.add_file(
        "/all-images.img", zipped({**PHOTOS, "2.png": b"\x89PNG\r\n\x1a\n" + bytes(40)})
    )
    outcome = pipeline.run(
        frames={"on_damaged_frame": "skip", "resize": "50%"},
        clip={"loop": -1},
        clip_webp={"lossless": True, "frame_duration_ms": 250},
        clip_mp4={"filename": "film.mp4", "crf": 15, "every": 2},
    )
    assert outcome.success
    with Image.open(pipeline.file("clip.webp")) as image:
        assert (image.n_frames, image.size) == (3, (40, 30))
        image.load()
        assert image.info["duration"] == 250
        with Image.open(io.BytesIO(photo(0))) as original:
            expected = original.convert("RGB").resize((40, 30), Image.Resampling.LANCZOS)
        assert image.convert("RGB").tobytes() == expected.tobytes()
        image.seek(1)
        with Image.open(io.BytesIO(photo(1))) as original:
            expected = original.resize((40, 30), Image.Resampling.LANCZOS)
        difference = np.asarray(image.convert("RGB"), int) - np.asarray(expected, int)
        assert np.abs(difference).max() <= 12  # the profile has a simpler curve than sRGB
        assert len(expected.getcolors(5000) or ()) > 256
    with Image.open(pipeline.file("clip.gif")) as image:
        assert "loop" not in image.info
    metadata = outcome.metadata("clip_mp4")
    assert metadata["frames"] == 2
    assert metadata["preview"].startswith("![first frame](data:image/jpeg;base64,")
    record = Clip.from_json(pipeline.file(".imagetl/clip_mp4.json").read_bytes())
    assert record.path == "film.mp4"
    assert record.size == pipeline.file("film.mp4").stat().st_size


def test_a_bad_setting_is_told(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline) -> None:
    monkeypatch.setenv("IMAGETL_CLIPS", "avi")
    with pytest.raises(ValueError, match="IMAGETL_CLIPS: 'avi' is no clip: there are"):
        pipeline.run()


def test_a_clip_that_cannot_be_made_here_is_offered_only_if_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else "Materialize all" in the UI would fail where the extra is not installed."""
    monkeypatch.delenv("IMAGETL_CLIPS", raising=False)
    monkeypatch.setattr("imagetl_assets.images.outputs.film.find_spec", lambda name: None)
    assert [film.name for film in offered_films()] == ["webp"]
    monkeypatch.setenv("IMAGETL_CLIPS", "mp4")
    assert [film.name for film in offered_films()] == ["webp", "mp4"]


def test_a_webm_is_offered_only_if_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes long, and whoever materializes all should not wait for it."""
    pytest.importorskip("av")
    monkeypatch.delenv("IMAGETL_CLIPS", raising=False)
    assert [film.name for film in offered_films()] == ["webp", "mp4"]
    monkeypatch.setenv("IMAGETL_CLIPS", "webm")
    assert [film.name for film in offered_films()] == ["webp", "mp4", "webm"]
