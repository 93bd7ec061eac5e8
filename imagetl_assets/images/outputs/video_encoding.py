"""The clip as a video, by PyAV, which brings its own libraries of FFmpeg and of codecs.

All players can show it: 4:2:0 colours, even sides, and what a player needs first is at the start of
the file. That is known last, so it is written to a temporary file first.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif import Writable
from imagetl_assets.images.outputs.film import Film, on_screen

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_CLOCK = 90_000  # ticks in a second, as in MPEG
_BT709 = 1


@dataclass(frozen=True)
class Encoding:
    """A container of videos, and the codec in it.

    Attributes:
        container: its name, which is also the extension of its files.
        codec: the name of the encoder in FFmpeg.
        codec_options: of the encoder, beside `crf`.
        container_options: of the muxer.
    """

    container: str
    codec: str
    codec_options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)


def write(encoding: Encoding, film: Film, out: Writable, options: dict[str, Any]) -> None:
    """Write a film as a video.

    Transparent pixels become white. An odd side loses its last row or column of pixels.

    Args:
        encoding: of the video.
        film: its pictures.
        out: a file that is only written.
        options: `crf`, the quality; what it means depends on the codec.

    Raises:
        ImageError: PyAV is not installed, cannot encode it, or a picture cannot be had.
    """
    try:
        import av
    except ImportError:
        raise ImageError("PyAV is not installed: pip install 'imagetl-assets[video]'") from None
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/clip.{encoding.container}"
        try:
            with av.open(path, "w", options=dict(encoding.container_options)) as container:
                _encode(film, container, encoding, options["crf"])
        except av.FFmpegError as error:
            raise ImageError(
                f"FFmpeg cannot make a video ({encoding.container}, {encoding.codec}) of it: "
                f"{error.strerror or error}"
            ) from None
        with open(path, "rb") as file:
            shutil.copyfileobj(file, cast(BinaryIO, out), 1 << 20)


def _encode(film: Film, container: OutputContainer, encoding: Encoding, crf: float) -> None:
    from av import VideoFrame
    from av.video.reformatter import Colorspace

    width, height = max(2, film.width // 2 * 2), max(2, film.height // 2 * 2)
    stream: VideoStream | None = None
    ticks: dict[int, int] = {}
    total = 0.0
    for picture, duration in film.pictures:
        if stream is None:
            codec_options = {**encoding.codec_options, "crf": f"{crf:g}"}
            rate = Fraction(1000 / max(duration, 1)).limit_denominator(1001)
            added = container.add_stream(encoding.codec, rate=rate, options=codec_options)
            stream = cast("VideoStream", added)
            _set_up(stream, width, height)
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


def _set_up(stream: VideoStream, width: int, height: int) -> None:
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = stream.time_base = Fraction(1, _CLOCK)
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = 1  # of video, which is not the full one


def _mux(container: OutputContainer, packet: Packet[VideoStream], ticks: dict[int, int]) -> None:
    """Write a packet; tell for how long it is shown, which is not known of the last one else."""
    if packet.pts is not None:
        packet.duration = ticks.pop(packet.pts, packet.duration or 0)
    container.mux(packet)


def _ticks(milliseconds: float) -> int:
    return round(milliseconds * _CLOCK / 1000)
