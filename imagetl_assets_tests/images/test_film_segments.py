"""Films that are encoded in segments: what is joined is what one piece would have been."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.outputs.film import Film, FilmFormat, Shown
from imagetl_assets.images.outputs.mp4 import MP4
from imagetl_assets.images.outputs.video_encoding import Codec, Encoding
from imagetl_assets.images.outputs.webm import WEBM

av = pytest.importorskip("av")
CODECS = {"h264": MP4, "vp9": WEBM, "av1": WEBM}


def pictures(count: int) -> list[Image.Image]:
    """Smooth pictures, each much unlike the one before."""
    y, x = np.mgrid[0:48, 0:64]
    return [
        Image.fromarray(np.dstack([x * 4, y * 5, np.full_like(x, n * 37 % 256)]).astype(np.uint8))
        for n in range(count)
    ]


def segments(
    codec: str, folder: Path, durations: Sequence[float], bounds: Sequence[int], crf: float = 20
) -> list[Path]:
    """Encode a film in segments that begin and end at these pictures."""
    shown = pictures(len(durations))
    starts = list(accumulate(durations, initial=0.0))
    paths = []
    for begin, end in pairwise(bounds):
        part = map(Shown, shown[begin:end], durations[begin:end])
        film = Film(64, 48, end - begin, part, starts[begin], starts[-1] / len(durations))
        paths.append(folder / f"{begin}-{end}.mp4")
        encoding = CODECS[codec].segments
        assert encoding
        encoding.encode(film, str(paths[-1]), {"crf": crf, "codec": codec}, threads=1)
    return paths


def joined(format: FilmFormat, paths: Sequence[Path], durations: Sequence[float]) -> bytes:
    out = io.BytesIO()
    assert format.segments
    times = format.segments.times(durations)
    format.segments.join((io.BytesIO(path.read_bytes()) for path in paths), times, out)
    return out.getvalue()


def whole(codec: str, durations: Sequence[float]) -> bytes:
    out = io.BytesIO()
    shown = map(Shown, pictures(len(durations)), durations)
    film = Film(64, 48, len(durations), shown)
    CODECS[codec].write(film, out, {"crf": 20, "codec": codec})
    return out.getvalue()


def decoded(data: bytes) -> tuple[list[int], list[Any], list[int]]:
    """Return times and pixels of all pictures of a video, and when its packets are decoded."""
    with av.open(io.BytesIO(data)) as container:
        packets = [packet.dts for packet in container.demux(video=0) if packet.size]
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(video=0))
    pixels = [np.asarray(frame.to_image(), float) for frame in frames]
    return [frame.pts for frame in frames], pixels, packets


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=8, deadline=None)
@given(
    durations=st.lists(st.floats(1, 700), min_size=9, max_size=24),
    cuts=st.sets(st.integers(1, 8), min_size=1),
)
def test_times_and_pictures_are_those_of_one_piece(
    codec: str,
    durations: list[float],
    cuts: set[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("segments")
    bounds = [0, *sorted(cuts), len(durations)]
    made = joined(CODECS[codec], segments(codec, folder, durations, bounds, 12), durations)
    times, pixels, packets = decoded(made)
    assert times == decoded(whole(codec, durations))[0]
    assert packets == sorted(set(packets))
    with av.open(io.BytesIO(made)) as container:
        assert container.duration == pytest.approx(sum(durations) * 1000, abs=2000)
    for pixel, picture in zip(pixels, pictures(len(durations)), strict=True):
        assert np.sqrt(((pixel - np.asarray(picture, float)) ** 2).mean()) < 8


def test_a_film_is_as_long_as_its_pictures_whichever_of_them_is_long() -> None:
    with av.open(io.BytesIO(whole("h264", [100, 100, 2000, 100]))) as container:
        assert container.duration == 2_300_000


@pytest.mark.parametrize("codec", CODECS)
def test_pictures_that_are_much_alike_are_decoded_before_they_are_shown(codec: str) -> None:
    """As few of them have changed, the encoder takes them in another order than that of times."""
    shown = (Shown(Image.new("RGB", (64, 48), (n, 99, n)), 40) for n in range(60))
    out = io.BytesIO()
    CODECS[codec].write(Film(64, 48, 60, shown), out, {"crf": 20, "codec": codec})
    times, _, packets = decoded(out.getvalue())
    assert len(times) == len(set(packets)) == 60
    assert times == sorted(times)


def test_a_joined_mp4_begins_with_what_players_need_first(tmp_path: Path) -> None:
    made = joined(MP4, segments("h264", tmp_path, [40.0] * 8, [0, 3, 8]), [40.0] * 8)
    assert made.index(b"moov") < made.index(b"mdat")
    with av.open(io.BytesIO(made)) as container:
        (stream,) = container.streams.video
        context = stream.codec_context
        assert (context.name, context.pix_fmt, stream.frames) == ("h264", "yuv420p", 8)
        assert (context.colorspace, context.color_primaries, context.color_range) == (1, 1, 1)
        assert container.duration == pytest.approx(320_000, abs=1000)


def test_segments_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    durations = [40.0] * 8
    first, second = segments("h264", tmp_path, durations, [0, 4, 8])
    with pytest.raises(ImageError, match="have 4 pictures instead of 8"):
        joined(MP4, [first], durations)
    (tmp_path / "other").mkdir()
    (other,) = segments("h264", tmp_path / "other", [40.0] * 4, [0, 4], 40)
    with pytest.raises(ImageError, match="different versions of the encoder"):
        joined(MP4, [first, other], durations)
    second.write_bytes(b"no video")
    with pytest.raises(ImageError, match="FFmpeg cannot make a video"):
        joined(MP4, [first, second], durations)


def test_a_codec_that_cannot_do_it_is_named() -> None:
    def film() -> Film:
        return Film(2, 2, 1, iter([Shown(Image.new("RGB", (2, 2)), 40)]))

    with pytest.raises(ImageError, match="libsvtav1 needs pictures of at least 4 x 4 pixels"):
        WEBM.write(film(), io.BytesIO(), {"crf": 20, "codec": "av1"})
    none = Encoding("webm", {"none": Codec("libmissing")})
    with pytest.raises(ImageError, match="has no encoder libmissing: choose another codec"):
        none.write(film(), io.BytesIO(), {"crf": 20})
