"""Any bytes at all: the parsers give frames or their one error, soon, and what they give holds.

    python -m imagetl_assets_tests.images.fuzz --seconds 300

changes and joins the files in `corpus` at random, with hypothesis, until the time is over; what
fails is shrunk and printed. `test_fuzz` does a little of it with every run of the tests.
"""

from __future__ import annotations

import argparse
import io
import time
import warnings
from contextlib import suppress
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from imagetl_assets.images import bundle, gif
from imagetl_assets.images.errors import BundleError, ImageError
from imagetl_assets.images.transcode import to_gif

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
MAX_PIXELS = 20_000


def one_input(data: bytes) -> None:
    """Do to these bytes all that is done to a bundle and its frames."""
    try:
        found = list(bundle.find_frames(io.BytesIO(data), block_size=256))
    except BundleError:
        return
    remarks = bundle.Remarks()
    assert found == list(bundle.find_frames(io.BytesIO(data), remarks=remarks))
    assert len(remarks.texts()) <= 2
    bundle.looks_like_bundle(data[:64])
    end = 0
    for number, piece in enumerate(found):
        assert piece.number == number
        assert piece.length > 0
        assert data[end : piece.offset].strip(b"\n\r\t ") == b""
        end = piece.offset + piece.length
        if isinstance(piece, bundle.FrameSpan):
            one_frame(data[piece.offset : end], piece.format)
    assert data[end:].strip(b"\n\r\t ") == b""


def one_frame(frame: bytes, kind: str) -> None:
    """Convert a frame that was found, and if it is a GIF, make a clip of it."""
    with warnings.catch_warnings(), suppress(ImageError):
        warnings.simplefilter("ignore")
        gif.check_pixels(to_gif(frame, max_pixels=MAX_PIXELS))
    if kind != "GIF":
        return
    layout = gif.parse(frame)
    assert msgspec.json.decode(msgspec.json.encode(layout), type=gif.GifLayout) == layout
    screen = gif.screen_size([layout])
    out = io.BytesIO()
    with suppress(ImageError):
        gif.assemble([(layout, frame)] * 2, out, screen=screen)
        clip = gif.parse(out.getvalue())
        assert (clip.width, clip.height) == screen[:2]
        assert len(clip.images) == 2 * len(layout.images)


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """Files of the corpus, each changed in a few places, one after the other."""
    parts = []
    for path in draw(st.lists(st.sampled_from(CORPUS), min_size=1, max_size=3)):
        data = bytearray(path.read_bytes())
        for _ in range(draw(st.integers(0, 4))):
            start = draw(st.integers(0, len(data)))
            end = min(len(data), start + draw(st.sampled_from([0, 1, 1, 2, 4, 40, 10_000])))
            values = st.sampled_from(
                [
                    b"",
                    b"\0",
                    b"\xff",
                    b"\n\n\n\n",
                    b"\r\n" * 4,
                    b"\n ",
                    b";",
                    b"GIF89a",
                    b"\x21\xf9",
                ]
            )
            data[start:end] = draw(values | st.binary(max_size=8))
        parts.append(bytes(data))
    return draw(st.sampled_from([b"", b"\n", b"\n\n\n\n", b"\r\n" * 4])).join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    stop = time.monotonic() + parser.parse_args().seconds
    rounds = inputs = 0
    slowest = 0.0
    while time.monotonic() < stop:

        @seed(rounds)
        @given(mutants())
        @settings(
            max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        def attempt(data: bytes) -> None:
            nonlocal inputs, slowest
            start = time.perf_counter()
            one_input(data)
            slowest = max(slowest, time.perf_counter() - start)
            inputs += 1

        attempt()
        rounds += 1
    print(f"{inputs:,} inputs, no failure; the slowest took {slowest:.2f} s")


if __name__ == "__main__":
    main()
