"""The pictures of a TIFF: by Pillow, and where it cannot read a page, by tifffile if that is there.

Pillow reads what is common. tifffile, with the codecs of imagecodecs, reads signed and float
colours, more channels, the compressions of microscopes and satellites, and any BigTIFF.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO

from imagetl_assets.images.decoding.depth import eight_bit
from imagetl_assets.images.decoding.limits import MAX_PIXELS
from imagetl_assets.images.decoding.tiff_pages import Page
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.time_limit import check_time

if TYPE_CHECKING:
    import PIL.Image

_ORIENTATION, _ICC_PROFILE = 274, 34675
_GREY, _RGB, _CMYK = (0, 1), 2, 5
_WHITE_IS_ZERO = 0
_ALPHA = 1, 2  # kinds of extra channels
_WEBP = 50001
_DEFLATE = 8, 32946
_BLOCK = 1 << 20  # bytes
_MOST_VALUE_BYTES = 8 * MAX_PIXELS


class Tiff:
    """A TIFF whose pages are read one after the other.

    Args:
        file: that it is in.
        pages: all of its pages.
    """

    def __init__(self, file: BinaryIO, pages: list[Page]) -> None:
        self._file = file
        self._pages = pages
        self._opened: Any = None

    def picture(self, number: int) -> PIL.Image.Image:
        """Return the picture of a page, with 8 bits a channel.

        Raises:
            ImageError: nothing that is installed can read such a page.
            Exception: of any kind that Pillow or tifffile raises for damaged data.
        """
        page = self._pages[number]
        if page.compression in _DEFLATE:
            _check_deflated(self._file, page)
        opened = self._by_pillow(number)
        if opened is None:
            return _by_tifffile(self._file, number, page)
        opened.load()
        return eight_bit(opened)

    def _by_pillow(self, number: int) -> PIL.Image.Image | None:
        """Return the page as Pillow opens it; None if Pillow cannot."""
        from PIL import Image, UnidentifiedImageError

        page = self._pages[number]
        if page.compression == _WEBP or page.is_big_endian_bigtiff:  # Pillow finds out too late
            return None
        try:
            with _libtiff(any(page.has_deep_planes for page in self._pages)):
                if self._opened is None:
                    self._file.seek(0)
                    self._opened = Image.open(self._file, formats=["TIFF"])
                self._opened.seek(number)
        except (UnidentifiedImageError, SyntaxError, KeyError, ValueError):
            return None
        opened: PIL.Image.Image = self._opened
        return opened


def _check_deflated(file: BinaryIO, page: Page) -> None:
    """Look at the checksums of the pixels, as the decoder stops before them.

    Raises:
        ImageError: one of them is wrong, or what is inflated is more than the page can have.
    """
    left = page.most_bytes
    for offset, length in page.parts:
        check_time()
        file.seek(offset)
        packed, stream = file.read(length), zlib.decompressobj()
        while not stream.eof:
            try:
                inflated = len(stream.decompress(packed, _BLOCK))
            except zlib.error as error:
                raise ImageError(f"the pixels of the TIFF are damaged: {error}", offset) from None
            packed, left = stream.unconsumed_tail, left - inflated
            if left < 0:
                raise ImageError("the pixels of the TIFF are more than it says", offset)
            if not (inflated or packed):
                break
        if length and not stream.eof:
            raise ImageError("the pixels of the TIFF are cut short", offset)


@contextmanager
def _libtiff(wanted: bool) -> Iterator[None]:
    """Let Pillow read by libtiff also what is not compressed, if that is wanted.

    Without, it reads one byte of each value of more than 8 bits if each channel is for itself.
    """
    from PIL import TiffImagePlugin

    before = TiffImagePlugin.READ_LIBTIFF
    TiffImagePlugin.READ_LIBTIFF = before or wanted
    try:
        yield
    finally:
        TiffImagePlugin.READ_LIBTIFF = before


def _by_tifffile(file: BinaryIO, number: int, page: Page) -> PIL.Image.Image:
    if find_spec("tifffile") is None or find_spec("imagecodecs") is None:
        raise ImageError(
            f"Pillow cannot read this TIFF ({page}): it is damaged, or of a rare kind, which can "
            "be read after pip install 'imagetl-assets[tiff]'"
        )
    import tifffile

    if not (page.parts and page.most_bytes > 0):
        raise ImageError(f"the TIFF ({page}) is damaged: it does not say where its pixels are")
    if page.most_bytes > _MOST_VALUE_BYTES:
        raise ImageError(f"the TIFF ({page}) has more than {_MOST_VALUE_BYTES:,} bytes of pixels")
    file.seek(0)
    with _no_log(), tifffile.TiffFile(file) as opened:
        found = opened.pages[number]
        assert isinstance(found, tifffile.TiffPage)
        kinds = [int(kind) for kind in found.extrasamples]
        values = found.asarray()
        if found.axes.startswith("S"):
            values = values.transpose(1, 2, 0)
        if values.ndim == 2:
            values = values[..., None]
        if values.ndim != 3:
            raise ImageError(f"a TIFF of this kind cannot be shown ({page})")
        shown = _as_picture(values, int(found.photometric), kinds, page)
        shown.info = {"icc_profile": found.iccprofile}
        orientation = found.tags.get(_ORIENTATION)
        shown.getexif()[_ORIENTATION] = orientation.value if orientation else 1
        return shown


@contextmanager
def _no_log() -> Iterator[None]:
    """Keep what tifffile has to say of a damaged file out of the log: the error tells it."""
    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _as_picture(values: Any, photometric: int, extra: list[int], page: Page) -> PIL.Image.Image:
    """Return values (rows, columns, channels) as a picture. Raises ImageError if it cannot."""
    from PIL import Image

    channels = {_RGB: 3, _CMYK: 4, **dict.fromkeys(_GREY, 1)}.get(photometric)
    if channels is None or values.shape[-1] < channels or values.dtype.kind not in "uif":
        raise ImageError(f"a TIFF of this kind cannot be shown ({page})")
    colours = _share(values[..., :channels])
    if photometric == _WHITE_IS_ZERO:
        colours = 255 - colours
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[channels]
    shown = Image.fromarray(colours[..., 0] if channels == 1 else colours, mode)
    if extra and extra[0] in _ALPHA and mode != "CMYK" and values.shape[-1] > channels:
        shown.putalpha(Image.fromarray(_share(values[..., channels : channels + 1])[..., 0]))
    return shown


def _share(values: Any) -> Any:
    """Return values (rows, columns, channels) as shares of 255.

    Of whole numbers without a sign it is the share of the highest value there can be, and of others
    that are within 0 and 1, the share of 1. Else the lowest and the highest value that occur become
    0 and 255. What is no number (NaN) becomes 0.
    """
    import numpy as np

    low, high = _range(values)
    scale = 255 / (high - low) if high > low else 0.0
    shares = np.empty(values.shape, np.uint8)
    for channel in range(values.shape[-1]):  # one after the other takes less memory
        numbers = values[..., channel].astype(np.float32)
        np.nan_to_num(numbers, copy=False, nan=low, posinf=high, neginf=low)
        numbers -= low
        numbers *= scale
        numbers += 0.5
        shares[..., channel] = np.clip(numbers, 0, 255, out=numbers)
    return shares


def _range(values: Any) -> tuple[float, float]:
    """Return which values become 0 and 255."""
    import numpy as np

    if values.dtype.kind == "u":
        return 0.0, float(np.iinfo(values.dtype).max)
    channels = (values[..., channel] for channel in range(values.shape[-1]))
    finite = [found for one in channels if (found := one[np.isfinite(one)]).size]
    low = min((float(found.min()) for found in finite), default=0.0)
    high = max((float(found.max()) for found in finite), default=0.0)
    return (0.0, 1.0) if values.dtype.kind == "f" and low >= 0 and high <= 1 else (low, high)
