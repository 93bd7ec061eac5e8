"""The clip as a WebM of VP9 (libvpx) or AV1 (SVT-AV1), formats that are free of patents."""

from __future__ import annotations

from imagetl_assets.images.outputs.film import FilmFormat
from imagetl_assets.images.outputs.video_encoding import Codec, Encoding

# A bitrate of 0 lets `crf` alone decide (constant quality). libvpx is slow by default; with
# `cpu-used` 4 it takes a few times as long as x264.
_VP9 = Codec("libvpx-vp9", {"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"})

# The presets of SVT-AV1 go from 0, the slowest, to 13.
_AV1 = Codec("libsvtav1", {"preset": "8"}, {"svtav1-params": "lp=1"}, smallest=4)

_ENCODING = Encoding("webm", {"vp9": _VP9, "av1": _AV1}, {"cues_to_front": "1"})

WEBM = FilmFormat(
    name="webm",
    description=(
        "The animation of all frames as a WebM (VP9 or AV1), from the original images in full "
        "colour. It exists only if `IMAGETL_CLIPS` names it, and needs the extra `video`."
    ),
    write=_ENCODING.write,
    segments=_ENCODING,
    module="av",
    always_offered=False,
)
