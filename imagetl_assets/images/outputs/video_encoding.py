"""The clip as a video, by PyAV, which brings its own libraries of FFmpeg and of codecs.

All players can show it: 4:2:0 colours, even sides, and what a player needs first is at the start of
the file.

A film is encoded in one segment or in several, each of which begins with a key frame. A segment is
an MP4 whatever the format of the clip, as that keeps times to the tick. To join segments, their
packets are copied into one file. What is at its start is known last, so it is written to a
temporary file first.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif import Writable
from imagetl_assets.images.outputs.film import Film, on_screen

if TYPE_CHECKING:
    import PIL.Image
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_CLOCK = 90_000  # ticks in a second, as in MPEG
_TICK = Fraction(1, _CLOCK)
_BT709 = 1
# How many pictures x264 may have decoded before one that is shown before them (`b-pyramid`).
_MOST_REORDERED = 2
_MOST_FPS = Fraction(240)  # more SVT-AV1 does not take; it is only what encoders expect
_SEGMENT = {"video_track_timescale": str(_CLOCK)}


@dataclass(frozen=True)
class Codec:
    """A way to encode videos.

    Attributes:
        encoder: its name in FFmpeg.
        options: of the encoder, beside `crf`.
        one_thread: options that keep it to one thread, if it does not heed FFmpeg's own.
        smallest: how many pixels each side has to have.
    """

    encoder: str
    options: Mapping[str, str] = field(default_factory=dict)
    one_thread: Mapping[str, str] = field(default_factory=dict)
    smallest: int = 2


@dataclass(frozen=True)
class Encoding:
    """A container of videos, and the codecs that can be in it.

    Attributes:
        container: its name, which is also the extension of its files.
        codecs: by name; the first is used if the options of a film name none.
        container_options: of the muxer.
    """

    container: str
    codecs: Mapping[str, Codec]
    container_options: Mapping[str, str] = field(default_factory=dict)

    def write(self, film: Film, out: Writable, options: dict[str, Any]) -> None:
        """Write a film as a video.

        Transparent pixels become white. An odd side loses its last row or column of pixels.

        Args:
            film: its pictures.
            out: a file that is only written.
            options: `crf`, the quality; what it means depends on the codec. And the name of the
                `codec`, which may be left out.

        Raises:
            ImageError: PyAV is not installed, cannot encode it, or a picture cannot be had.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/segment.mp4"
            times = self.encode(film, path, options, threads=0)
            with open(path, "rb") as segment:
                self.join([segment], times, out)

    def encode(self, film: Film, path: str, options: dict[str, Any], *, threads: int) -> list[int]:
        """Encode a film, or a part of it; see `Segments`. 0 threads are as many as are useful."""
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 tells errors only, and not all its settings
        with self._errors():
            import av

            with av.open(path, "w", format="mp4", options=_SEGMENT) as container:
                return self._encode(film, container, options, threads)

    def times(self, durations_ms: Iterable[float]) -> list[int]:
        """Return when each picture is shown, in ticks; see `Segments`."""
        return [_ticks(total) for total in accumulate(durations_ms, initial=0.0)]

    def join(self, segments: Iterable[BinaryIO], times: Sequence[int], out: Writable) -> None:
        """Copy all segments into one video; see `Segments`."""
        with self._errors(), tempfile.TemporaryDirectory() as folder:
            import av

            path = f"{folder}/clip.{self.container}"
            with av.open(path, "w", options=dict(self.container_options)) as container:
                _copy(segments, times, container)
            with open(path, "rb") as file:
                shutil.copyfileobj(file, cast(BinaryIO, out), 1 << 20)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what PyAV raises into ImageError."""
        try:
            import av
        except ImportError:
            raise ImageError("PyAV is not installed: pip install 'imagetl-assets[video]'") from None
        try:
            yield
        except av.FFmpegError as error:
            raise ImageError(
                f"FFmpeg cannot make a video ({self.container}) of it: {error.strerror or error}"
            ) from None
        except av.codec.codec.UnknownCodecError as error:
            raise ImageError(
                f"the installed PyAV has no encoder {error}: choose another codec, or install PyAV "
                "from PyPI, which has it"
            ) from None

    def _encode(
        self, film: Film, container: OutputContainer, options: dict[str, Any], threads: int
    ) -> list[int]:
        stream: VideoStream | None = None
        total, begin = film.start_ms, _ticks(film.start_ms)
        times = [0]
        for picture, duration in film.pictures:
            if stream is None:
                usual_ms = film.usual_ms or duration
                stream = self._stream(container, film, usual_ms, options, threads)
            frame = _frame(picture, film, stream)
            frame.pts, frame.time_base = times[-1], _TICK
            total += duration
            times.append(_ticks(total) - begin)
            for packet in stream.encode(frame):
                container.mux(packet)
        if stream is None:
            raise ImageError("there are no images to make an animation of")
        for packet in stream.encode(None):
            container.mux(packet)
        return times

    def _stream(
        self,
        container: OutputContainer,
        film: Film,
        usual_ms: float,
        options: dict[str, Any],
        threads: int,
    ) -> VideoStream:
        """Add a video stream to a file. What is told of it is the same for all parts of a film."""
        codec = self.codecs[options.get("codec") or next(iter(self.codecs))]
        given = {**codec.options, "crf": f"{options['crf']:g}"}
        if threads == 1:
            given.update(codec.one_thread)
        width, height = (max(2, side // 2 * 2) for side in (film.width, film.height))
        if min(width, height) < codec.smallest:
            raise ImageError(
                f"{codec.encoder} needs pictures of at least {codec.smallest} x {codec.smallest} "
                "pixels: choose another codec"
            )
        rate = min(Fraction(1000 / usual_ms).limit_denominator(1001), _MOST_FPS)
        added = container.add_stream(codec.encoder, rate=rate, options=given)
        stream = cast("VideoStream", added)
        stream.codec_context.thread_count = threads
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = _TICK
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = 1  # of video, which is not the full one
        return stream


def _frame(picture: PIL.Image.Image, film: Film, stream: VideoStream) -> VideoFrame:
    from av import VideoFrame
    from av.video.reformatter import Colorspace

    size = stream.width, stream.height
    screen = max(size[0], film.width), max(size[1], film.height)
    shown = on_screen(picture, *screen, background="white")
    if screen != size:
        shown = shown.crop((0, 0, *size))
    frame = VideoFrame.from_image(shown)  # type: ignore[no-untyped-call]
    yuv = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
    return cast("VideoFrame", yuv)


def _copy(segments: Iterable[BinaryIO], times: Sequence[int], container: OutputContainer) -> None:
    """Copy the packets of all segments, one for each picture, with the times of the whole film."""
    import av

    duration = {start: end - start for start, end in pairwise(times)}
    stream: VideoStream | None = None
    header: bytes | None = None
    count, decoded = 0, 0
    for segment in segments:
        begin = times[min(count, len(times) - 1)]
        with av.open(segment, "r", format="mp4") as part:
            source = part.streams.video[0]
            if stream is None:
                # Opaque, as a codec may have other names for its decoder and its encoder.
                stream = container.add_stream_from_template(source, opaque=True)
                stream.time_base, header = _TICK, source.codec_context.extradata
                if source.codec_context.has_b_frames:
                    decoded = -_MOST_REORDERED * max(duration.values(), default=0)
            if source.codec_context.extradata != header:
                raise ImageError(
                    "its segments were encoded by different versions of the encoder: install the "
                    "same version of PyAV on all workers"
                )
            for packet in part.demux(source):
                if packet.size:
                    _move(packet, begin, decoded, duration)
                    decoded += packet.duration or 0
                    packet.stream = stream
                    container.mux(packet)
                    count += 1
    if count != len(times) - 1:
        raise ImageError(f"its segments have {count:,} pictures instead of {len(times) - 1:,}")


def _move(
    packet: Packet[VideoStream], begin: int, decoded: int, duration: Mapping[int, int]
) -> None:
    """Give a packet of a segment that begins at this time its times in the film.

    The next packet is `decoded` after this one for as long as this one is shown. That is so because
    an MP4 tells its length as that of all decoding.
    """
    assert packet.time_base is not None
    assert packet.pts is not None
    shown = begin + round(packet.pts * packet.time_base / _TICK)
    packet.time_base, packet.pts, packet.dts = _TICK, shown, decoded
    packet.duration = duration.get(shown, packet.duration or 0)


def _ticks(milliseconds: float) -> int:
    return round(milliseconds * _CLOCK / 1000)
