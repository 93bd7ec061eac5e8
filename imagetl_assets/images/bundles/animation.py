"""One image file with several images, alone: animated GIF, PNG, WebP or AVIF, or TIFF of pages.

Strategy: an animated image stores how each image differs from the one before, so an image can be
decoded only after those before it. Each mapped step decodes the file from its start to the last
image that it stores, so there are few of these steps. The pages of a TIFF do not depend on each
other: a step reads only those that it stores.

A file with one image is no animation; the kind of bundle for four newlines takes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from imagetl_assets.images import decode, gif
from imagetl_assets.images.bundles.four_newlines import FourNewlines
from imagetl_assets.images.bundles.kind import (
    BundleReader,
    DamagedFrame,
    FrameImage,
    FrameSpan,
    Remarks,
)
from imagetl_assets.images.bundles.members import too_large
from imagetl_assets.images.errors import BundleError, ImageError
from imagetl_assets.images.image_formats import SNIFFED, sniff
from imagetl_assets.images.window import Window

_FORMATS = {"GIF", "PNG", "WEBP", "TIFF", "AVIF"}


class Animation:
    """The kind of bundle that is a single image file with several images."""

    name = "file with several images"
    sequential = True

    def recognises(self, window: Window) -> bool:
        """Tell whether one image is all of the file, and has several images."""
        format = sniff(window.peek(0, SNIFFED))
        if format not in _FORMATS:
            return False
        # That kind knows a file which only seems to be one image, because its first one is cut.
        match list(islice(FourNewlines().pieces(window, Remarks()), 2)):
            case [FrameSpan()]:
                return _count(window, format) > 1
        return False

    def pieces(self, window: Window, remarks: Remarks) -> Iterator[FrameSpan | DamagedFrame]:
        """Yield a span for each image. All of them are the whole file."""
        format = sniff(window.peek(0, SNIFFED)) or ""
        if format != "TIFF" and (problem := too_large(window.size)):
            raise BundleError(problem)
        for number in range(_count(window, format)):
            yield FrameSpan(number, 0, window.size, format)

    def images(
        self, bundle: BundleReader, spans: Sequence[FrameSpan]
    ) -> Iterator[FrameImage | ImageError]:
        """Yield the images, decoded. If one is damaged, those that need it are, too."""
        with bundle.open() as file:
            run = _Run(file, spans[0].number)
            for span in spans:
                try:
                    yield run.image(span.number)
                except ImageError as error:
                    yield error
                    if span.format == "TIFF":
                        run = _Run(file, span.number + 1)


class _Run:
    """Decodes the images of a file, one after the other."""

    def __init__(self, file: BinaryIO, first: int) -> None:
        self._shown = enumerate(decode.shown_pictures(file, first), first)
        self._problem = ImageError("the file has fewer images than it says")

    def image(self, number: int) -> FrameImage:
        """Return an image after those that were returned before. Raises ImageError for none."""
        try:
            for at, (picture, duration) in self._shown:
                if at == number:
                    return FrameImage(picture, None, duration)
        except ImageError as error:
            self._problem = error
        raise self._problem


def _count(window: Window, format: str) -> int:
    try:
        if format == "GIF":
            images: list[gif.GifImage] = []
            gif.walk(window, 0, images.append, alone=True)
            return len(images)
        return decode.count_pictures(window.file)
    except ImageError:
        return 1
