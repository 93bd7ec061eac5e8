"""The clip as an MP4 of H.264 (x264)."""

from __future__ import annotations

from imagetl_assets.images.outputs.film import FilmFormat
from imagetl_assets.images.outputs.video_encoding import Codec, Encoding

_ENCODING = Encoding("mp4", {"h264": Codec("libx264")}, {"movflags": "+faststart"})

MP4 = FilmFormat(
    name="mp4",
    description=(
        "The animation of all frames as an MP4 (H.264), from the original images in full colour. "
        "It is made only if `IMAGETL_CLIPS` names it, or if it is materialized by hand."
    ),
    write=_ENCODING.write,
    segments=_ENCODING,
    module="av",
)
