"""Videos: each frame of the first video stream is a frame. By PyAV, the libraries of FFmpeg.

Strategy: the packets of a stream have the time at which each frame is shown, so frames are found
without decoding them. To decode a frame, one has to start at the key frame before it. So each
mapped step decodes a part of the video of its own. `choose` takes some frames of a video: those
between two moments, or a number of them in each second.

Frames are rotated as the video says, and stretched if its pixels are not square. If frames are
stored in a smaller size, FFmpeg makes them smaller when it converts their colours: that takes a
sixth of the time that it takes with a picture in its full size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

from msgspec.structs import replace

from imagetl_assets.images.bundles.kind import (
    BundleReader,
    DamagedFrame,
    FrameImage,
    FrameSpan,
    Remarks,
)
from imagetl_assets.images.errors import BundleError, ImageError
from imagetl_assets.images.image_formats import sniff
from imagetl_assets.images.new_size import NewSize, scaled_size
from imagetl_assets.images.window import Window

if TYPE_CHECKING:
    import PIL.Image
    from av.container import InputContainer
    from av.video.frame import VideoFrame

_RAW_PHOTO = b"crx "  # the brand of Canon's raw photos, which are built like an MP4
_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip")
_MATROSKA = b"\x1a\x45\xdf\xa3"
_HIGH_DEFINITION = 720  # rows: from here on, colours are BT.709 if a video does not say
_MICROSECONDS = 1_000_000
_BT709, _UNKNOWN = 1, 2


class Video:
    """The kind of bundle that is a video: MP4, MOV, MKV, WebM, AVI."""

    name = "video"
    sequential = True

    def recognises(self, window: Window) -> bool:
        """Tell whether the first bytes are those of a container of videos."""
        head = window.peek(0, 12)
        if head[4:8] == b"ftyp":
            return sniff(head) is None and head[8:12] != _RAW_PHOTO
        is_avi = head.startswith(b"RIFF") and head[8:12] == b"AVI "
        return is_avi or head.startswith(_MATROSKA) or head[4:8] in _QUICKTIME

    def pieces(self, window: Window, remarks: Remarks) -> Iterator[FrameSpan | DamagedFrame]:
        """Yield a span for each frame. All of them are the whole file.

        The detail is when the frame is shown by the clock of the stream, from when on in
        microseconds since the first frame, and for how many microseconds.
        """
        try:
            with _opened(window.file) as container:
                stream = container.streams.video[0]
                codec = stream.codec_context.name.upper()
                unit = stream.time_base or Fraction(1, 1000)
                shown = sorted(_times(container))
        except ImageError as error:
            raise BundleError(error.problem) from None
        first = shown[0][0] if shown else 0
        for number, (at, duration) in enumerate(shown):
            following = shown[number + 1][0] if number + 1 < len(shown) else at + duration
            start = round((at - first) * unit * _MICROSECONDS)
            end = round((following - first) * unit * _MICROSECONDS)
            detail = at, start, max(0, end - start)
            yield FrameSpan(number, 0, window.size, codec, detail=detail)

    def images(
        self, bundle: BundleReader, spans: Sequence[FrameSpan]
    ) -> Iterator[FrameImage | ImageError]:
        """Yield the frames, decoded. One that a damaged video does not give is damaged."""
        at = 0
        with bundle.open() as file:
            try:
                for number, picture in _decoded(file, spans, bundle.resize):
                    for _ in range(at, number):
                        yield ImageError("the video has no such frame: it is damaged")
                    yield FrameImage(picture, None, spans[number].detail[2] / 1000)
                    at = number + 1
            except ImageError as error:
                yield from (error for _ in range(at, len(spans)))
                return
        for _ in range(at, len(spans)):
            yield ImageError("the video has no such frame: it is damaged")


def choose(
    spans: Sequence[FrameSpan],
    *,
    start: float = 0,
    end: float | None = None,
    fps: float | None = None,
) -> list[FrameSpan]:
    """Return some frames of a video, numbered from 0, and how long they are shown then.

    Args:
        spans: all frames of the video.
        start: in seconds; a frame that is still shown then is the first.
        end: in seconds; None for the end of the video.
        fps: so many frames in a second, at most: those that are shown at these moments.
    """
    total = sum(spans[-1].detail[1:]) if spans else 0
    until = total if end is None else min(total, round(end * _MICROSECONDS))
    since = round(start * _MICROSECONDS)
    chosen: list[tuple[FrameSpan, int, int]] = []  # with the time from and to which it is shown
    for span in spans:
        _, begin, duration = span.detail
        shown_from, shown_to = max(begin, since), min(begin + duration, until)
        if fps is not None:  # on the grid of these moments
            shown_from, shown_to = (_next_moment(at, since, fps) for at in (shown_from, shown_to))
        if shown_from < shown_to:
            chosen.append((span, shown_from, shown_to))
    return [
        replace(span, number=number, detail=(span.detail[0], shown_from, shown_to - shown_from))
        for number, (span, shown_from, shown_to) in enumerate(chosen)
    ]


def _next_moment(at: int, since: int, fps: float) -> int:
    """Return the first of the moments, `fps` in a second from `since` on, that is not before."""
    number = -(-(at - since) * fps // _MICROSECONDS)
    return since + round(number * _MICROSECONDS / fps)


@contextmanager
def _opened(file: BinaryIO) -> Iterator[InputContainer]:
    """Open a video. Raises ImageError if that cannot be done, or where it is damaged."""
    try:
        import av
    except ImportError:
        raise ImageError("PyAV is not installed: pip install 'imagetl-assets[video]'") from None
    file.seek(0)
    try:
        with av.open(file, "r") as container:
            if not container.streams.video:
                raise ImageError("it has no video stream")
            yield container
    except av.FFmpegError as error:
        raise ImageError(f"FFmpeg cannot read it: {error.strerror}") from None


def _times(container: InputContainer) -> Iterator[tuple[int, int]]:
    """Yield when each frame is shown and for how long, in units of the stream's clock."""
    for packet in container.demux(video=0):
        at = packet.dts if packet.pts is None else packet.pts
        if packet.size and at is not None and not packet.is_discard:
            yield at, packet.duration or 1


def _decoded(
    file: BinaryIO, spans: Sequence[FrameSpan], resize: NewSize | None
) -> Iterator[tuple[int, PIL.Image.Image]]:
    """Yield the position in `spans` and the picture of each that the video gives, in order."""
    with _opened(file) as container:
        stream = container.streams.video[0]
        wanted = {span.detail[0]: position for position, span in enumerate(spans)}
        begin, last = min(wanted), max(wanted)
        stream.codec_context.thread_count = 1  # other cores have stretches of their own
        container.seek(begin, stream=stream)
        stretch = stream.sample_aspect_ratio or Fraction(1)
        for frame in container.decode(stream):
            at = frame.dts if frame.pts is None else frame.pts
            if at in wanted:
                yield wanted[at], _picture(frame, stretch, resize)
            if at is not None and at >= last:
                return


def _picture(frame: VideoFrame, stretch: Fraction, resize: NewSize | None) -> PIL.Image.Image:
    """Return a frame as it is to be seen; already smaller, if it is to be resized."""
    from av.video.reformatter import Colorspace, Interpolation

    width, height = frame.width, frame.height
    if stretch > 0:
        width = max(1, round(width * stretch))
    if frame.rotation % 180 == 0 and (smaller := scaled_size(resize, width, height)):
        width, height = smaller
    elif frame.rotation % 180 == 90 and (smaller := scaled_size(resize, height, width)):
        height, width = smaller
    options: dict[str, Any] = {}
    if (width, height) != (frame.width, frame.height):
        options = {"width": width, "height": height, "interpolation": Interpolation.BICUBIC}
    unknown = frame.colorspace == _UNKNOWN and frame.height >= _HIGH_DEFINITION
    if frame.colorspace == _BT709 or unknown:
        options["src_colorspace"] = Colorspace.ITU709
    picture: PIL.Image.Image = frame.to_image(**options)  # type: ignore[no-untyped-call]
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture
