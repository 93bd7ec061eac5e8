"""Encoded images made by hand, so that the tests do not trust the code they test.

GIF is written here from the specification, with an LZW that never compresses; the other formats
come from Pillow.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from imagetl_assets.images.image_formats import FORMATS

SEPARATOR = b"\n\n\n\n"


@dataclass(frozen=True)
class Picture:
    """One image of a GIF, by its rectangle and its colour indices, row after row."""

    width: int
    height: int
    indices: bytes
    palette: bytes | None = None
    bits: int = 2
    left: int = 0
    top: int = 0
    transparent: int | None = None
    interlaced: bool = False
    delay: int = 10
    disposal: int = 0
    comment: bytes | None = None
    control: bool = True
    sub_block: int = 255


@dataclass(frozen=True)
class Gif:
    """A GIF file to be written."""

    width: int
    height: int
    pictures: Sequence[Picture]
    palette: bytes | None = None
    background: int = 0
    version: bytes = b"89a"
    extensions: Sequence[tuple[int, bytes]] = field(default_factory=tuple)

    def encode(self) -> bytes:
        out = [b"GIF", self.version, struct.pack("<HH", self.width, self.height)]
        out += [bytes([_flags(self.palette) | 0x70, self.background, 0]), self.palette or b""]
        out += [bytes([0x21, label]) + sub_blocks(data) for label, data in self.extensions]
        out += [encode_picture(picture) for picture in self.pictures]
        return b"".join([*out, b";"])


def encode_picture(picture: Picture) -> bytes:
    out = []
    if picture.comment is not None:
        out.append(b"!\xfe" + sub_blocks(picture.comment))
    if picture.control:
        flags = picture.disposal << 2 | (picture.transparent is not None)
        out.append(
            struct.pack("<3sBHBB", b"!\xf9\x04", flags, picture.delay, picture.transparent or 0, 0)
        )
    rectangle = picture.left, picture.top, picture.width, picture.height
    flags = _flags(picture.palette) | picture.interlaced << 6
    out += [struct.pack("<BHHHHB", 0x2C, *rectangle, flags), picture.palette or b""]
    rows = [
        picture.indices[y * picture.width : (y + 1) * picture.width] for y in range(picture.height)
    ]
    if picture.interlaced:
        order = [y for start, step in ((0, 8), (4, 8), (2, 4), (1, 2))
                 for y in range(start, picture.height, step)]  # fmt: skip
        rows = [rows[y] for y in order]
    bits = max(2, picture.bits)
    out += [bytes([bits]), sub_blocks(lzw(b"".join(rows), bits), picture.sub_block)]
    return b"".join(out)


def lzw(indices: bytes, bits: int) -> bytes:
    """Write each index as a code of its own; clear codes keep the code width as it is."""
    clear, end = 1 << bits, (1 << bits) + 1
    codes = []
    for i, index in enumerate(indices):
        if i % (clear - 2) == 0:
            codes.append(clear)
        codes.append(index)
    codes.append(end)
    value = 0
    for i, code in enumerate(codes):
        value |= code << i * (bits + 1)
    return value.to_bytes((len(codes) * (bits + 1) + 7) // 8, "little")


def sub_blocks(data: bytes, size: int = 255) -> bytes:
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def _flags(palette: bytes | None) -> int:
    return 0 if palette is None else 0x80 | (len(palette) // 3).bit_length() - 2


def still(number: int = 0, width: int = 4, height: int = 3) -> bytes:
    """A small opaque GIF; each number gives another."""
    palette = bytes((number * 7 + i * 31) % 256 for i in range(12))
    indices = bytes((number + i) % 4 for i in range(width * height))
    return Gif(width, height, [Picture(width, height, indices, palette)]).encode()


def picture(number: int = 0, size: tuple[int, int] = (9, 7), mode: str = "RGB") -> Image.Image:
    """A picture with few colours."""
    channels = len(Image.new(mode, (1, 1)).tobytes())
    data = bytes((number * 11 + i * 5) % 7 * 36 for i in range(size[0] * size[1] * channels))
    return Image.frombytes(mode, size, data)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def one_of_each() -> dict[str, bytes]:
    """An image in each format that a bundle may hold, and that can be written here."""
    image = picture()
    others = {name: encode_other(image, name) for name in OTHERS if FORMATS[name].missing() is None}
    return others | {
        "GIF": still(),
        "PNG": encode(image, "PNG"),
        "JPEG": encode(image, "JPEG"),
        "BMP": encode(image, "BMP"),
        "WEBP": encode(image, "WEBP", lossless=True),
        "TIFF": encode(image, "TIFF"),
    }


OTHERS: dict[str, dict[str, object]] = {
    "AVIF": {"quality": 100},
    "HEIF": {"quality": -1},
    "JPEG2000": {},
    "JXL": {"lossless": True, "use_container": True},
}
"""Formats that take a plugin, or that Pillow may be built without, with options for them."""


def encode_other(image: Image.Image, name: str, **options: object) -> bytes:
    """An image in a format of `OTHERS`."""
    if name == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    elif name == "JXL":
        import pillow_jxl  # noqa: F401  # registers itself
    return encode(image, name, **{**OTHERS[name], **options})


def rgba(image: Image.Image) -> Image.Image:
    """The image as it is seen: colours that are wholly transparent are all the same."""
    converted = image.convert("RGBA")
    opaque = converted.getchannel("A").point(lambda alpha: 255 if alpha else 0)
    return Image.composite(converted, Image.new("RGBA", converted.size), opaque)


def decode_all(data: bytes) -> list[Image.Image]:
    """All images of an animation as Pillow shows them."""
    shown = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            shown.append(rgba(image))
    return shown


def render(source: Gif) -> list[Image.Image]:
    """Show a GIF as browsers do, pixel by pixel, on a screen that is transparent at first."""
    canvas = Image.new("RGBA", (source.width, source.height))
    shown = []
    for picture in source.pictures:
        table = picture.palette or source.palette
        image = canvas.copy()
        for i, index in enumerate(picture.indices):
            place = picture.left + i % picture.width, picture.top + i // picture.width
            if index != picture.transparent:
                colour = table[3 * index : 3 * index + 3] if table else [index] * 3
                image.putpixel(place, (*colour, 255))
        shown.append(image)
        if picture.disposal < 3:
            canvas = image.copy()
        if picture.disposal == 2:
            box = picture.left + picture.width, picture.top + picture.height
            canvas.paste((0, 0, 0, 0), (picture.left, picture.top, *box))
    return shown


def on_screen(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image in the upper left of a transparent screen."""
    screen = Image.new("RGBA", size)
    screen.paste(image, (0, 0))
    return screen
