"""The synthetic bundle."""

from __future__ import annotations

import hashlib
import io

from imagetl_assets.images.bundle import FrameSpan, find_frames
from imagetl_assets.sample import ROUND, sample_bytes
from testbed.bundles import pieces, pixels


def test_it_has_as_many_different_frames_as_asked_for() -> None:
    bundle = sample_bytes(ROUND + 2)
    spans = list(find_frames(io.BytesIO(bundle)))
    assert all(isinstance(span, FrameSpan) for span in spans)
    frames = pieces(bundle)
    assert len(spans) == len(set(frames)) == ROUND + 2
    assert pixels(frames[ROUND]) == pixels(frames[0]) != pixels(frames[1])


def test_it_is_the_same_every_time() -> None:
    pictures = b"".join(b"".join(pixels(frame)) for frame in pieces(sample_bytes(3)))
    assert hashlib.sha256(pictures).hexdigest().startswith("c088f4ed6764708c")
