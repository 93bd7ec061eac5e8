"""The clip as a WebM of VP9 (libvpx), a format that is free of patents."""

from __future__ import annotations

from imagetl_assets.images.outputs.film import FilmFormat
from imagetl_assets.images.outputs.video_encoding import Encoding

# A bitrate of 0 lets `crf` alone decide (constant quality). libvpx is slow by default; with
# `cpu-used` 4 it takes a few times as long as x264.
_OPTIONS = {"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}

_ENCODING = Encoding("webm", "libvpx-vp9", _OPTIONS, {"cues_to_front": "1"})

WEBM = FilmFormat(
    name="webm",
    description=(
        "The animation of all frames as a WebM (VP9), from the original images in full colour. It "
        "is only there if it is asked for, and needs the extra `video`."
    ),
    write=_ENCODING.write,
    segments=_ENCODING,
    module="av",
    always_offered=False,
)
