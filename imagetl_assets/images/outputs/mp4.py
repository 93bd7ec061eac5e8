"""The clip as an MP4 of H.264, by PyAV, which brings its own libraries of FFmpeg and x264.

All players can show it: 4:2:0 colours, even sides, and what a player needs first is at the start of
the file (faststart). That is known last, so it is written to a temporary file first.
"""

from __future__ import annotations

import shutil
import tempfile
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif import Writable
from imagetl_assets.images.outputs.film import Film, FilmFormat, on_screen

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_CLOCK = 90_000  # ticks in a second, as in MPEG
_BT709 = 1


def write(film: Film, out: Writable, options: dict[str, Any]) -> None:
    """Write a film as an MP4.

    Transparent pixels become white. An odd side loses its last row or column of pixels.

    Args:
        film: its pictures.
        out: a file that is only written.
        options: `crf`, the quality of x264 from 0 (lossless) to 51.

    Raises:
        ImageError: PyAV is not installed, cannot encode it, or a picture cannot be had.
    """
    try:
        import av
    except ImportError:
        raise ImageError("PyAV is not installed: pip install 'imagetl-assets[video]'") from None
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/clip.mp4"
        try:
            with av.open(path, "w", options={"movflags": "+faststart"}) as container:
                _encode(film, container, options)
        except av.FFmpegError as error:
            raise ImageError(f"FFmpeg cannot make an MP4 of it: {error.strerror}") from None
        with open(path, "rb") as file:
            shutil.copyfileobj(file, cast(BinaryIO, out), 1 << 20)


def _encode(film: Film, container: OutputContainer, options: dict[str, Any]) -> None:
    from av import VideoFrame
    from av.video.reformatter import Colorspace

    width, height = max(2, film.width // 2 * 2), max(2, film.height // 2 * 2)
    stream: VideoStream | None = None
    ticks: dict[int, int] = {}
    total = 0.0
    for picture, duration in film.pictures:
        if stream is None:
            stream = _stream(container, width, height, duration, options["crf"])
        start, total = total, total + duration
        screen = max(width, film.width), max(height, film.height)
        shown = on_screen(picture, *screen, background="white").crop((0, 0, width, height))
        frame = VideoFrame.from_image(shown)  # type: ignore[no-untyped-call]
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts, frame.time_base = _ticks(start), Fraction(1, _CLOCK)
        ticks[frame.pts] = _ticks(total) - frame.pts
        for packet in stream.encode(frame):
            _mux(container, packet, ticks)
    if stream is None:
        raise ImageError("there are no images to make an animation of")
    for packet in stream.encode(None):
        _mux(container, packet, ticks)


def _stream(
    container: OutputContainer, width: int, height: int, duration_ms: float, crf: float
) -> VideoStream:
    rate = Fraction(1000 / max(duration_ms, 1)).limit_denominator(1001)
    stream = container.add_stream("libx264", rate=rate, options={"crf": f"{crf:g}"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = stream.time_base = Fraction(1, _CLOCK)
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = 1  # of video, which is not the full one
    return stream


def _mux(container: OutputContainer, packet: Packet[VideoStream], ticks: dict[int, int]) -> None:
    """Write a packet; tell for how long it is shown, which is not known of the last one else."""
    if packet.pts is not None:
        packet.duration = ticks.pop(packet.pts, packet.duration or 0)
    container.mux(packet)


def _ticks(milliseconds: float) -> int:
    return round(milliseconds * _CLOCK / 1000)


MP4 = FilmFormat(
    name="mp4",
    description=(
        "The animation of all frames as an MP4 (H.264), from the original images in full colour. "
        "It is only made if it is asked for, and needs the extra `video`."
    ),
    write=write,
    module="av",
)
