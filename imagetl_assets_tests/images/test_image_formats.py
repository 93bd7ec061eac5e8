"""Where images of each format end, in all the ways that they are written."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from imagetl_assets.images import decode, image_formats
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.window import Window
from imagetl_assets_tests.images.builders import encode, one_of_each, picture


def end(data: bytes, lead: int = 0) -> int:
    kind = image_formats.sniff(data[lead : lead + image_formats.SNIFFED])
    assert kind is not None
    return image_formats.FORMATS[kind].end(Window.over(data), lead)


def animated(kind: str) -> bytes:
    out = io.BytesIO()
    rest = [picture(i) for i in (1, 2)]
    picture().save(out, kind, save_all=True, append_images=rest)
    return out.getvalue()


VARIANTS = {
    "png": encode(picture(), "PNG"),
    "png-palette": encode(picture().quantize(4), "PNG"),
    "png-alpha": encode(picture(mode="LA"), "PNG"),
    "apng": animated("PNG"),
    "jpeg": encode(picture(size=(70, 50)), "JPEG", quality=100),
    "jpeg-progressive": encode(picture(size=(70, 50)), "JPEG", progressive=True),
    "jpeg-grey": encode(picture(mode="L"), "JPEG", restart_marker_blocks=1),
    "jpeg-cmyk": encode(picture(mode="CMYK"), "JPEG"),
    "jpeg-several": animated("MPO"),
    "bmp": encode(picture(), "BMP"),
    "bmp-palette": encode(picture().quantize(4), "BMP"),
    "webp-lossy": encode(picture(), "WEBP"),
    "webp-alpha": encode(picture(mode="RGBA"), "WEBP", lossless=True),
    "webp-animated": animated("WEBP"),
    "gif-animated": animated("GIF"),
    "tiff": encode(picture(), "TIFF"),
    "tiff-pages": animated("TIFF"),
    "tiff-lzw": encode(picture(), "TIFF", compression="tiff_lzw"),
    "tiff-jpeg": encode(picture(size=(70, 50)), "TIFF", compression="jpeg"),
    "tiff-grey": encode(picture(mode="L"), "TIFF"),
    "tiff-big": encode(picture(), "TIFF", big_tiff=True),
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("lead", [0, 11])
def test_the_end_is_known(name: str, lead: int) -> None:
    data = VARIANTS[name]
    found = end(bytes(lead) + data + b"\n\n\n\n" + data, lead) - lead
    # A TIFF may be padded after the last byte that it points at.
    assert found == len(data) or (name.startswith("tiff") and data[found:].strip(b"\0") == b"")


@pytest.mark.parametrize("name", VARIANTS)
def test_truncations_never_give_more_than_there_is(name: str) -> None:
    data = VARIANTS[name]
    for length in range(image_formats.SNIFFED, len(data)):
        problem: int | None = 0
        try:
            assert end(data[:length]) <= length
        except ImageError as error:
            problem = error.offset
        assert problem is not None
        assert 0 <= problem <= length


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_of_either_byte_order(order: str) -> None:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    entries = [(256, 3, 1, 4), (257, 3, 1, 1), (273, 4, 1, 100), (279, 4, 1, 4)]
    packed = b""
    for tag, kind, count, value in entries:
        packed += struct.pack(f"{order}HHI", tag, kind, count)
        packed += struct.pack(f"{order}HH" if kind == 3 else f"{order}I", value, *[0] * (kind == 3))
    data = magic + struct.pack(f"{order}IH", 8, len(entries)) + packed + bytes(4)
    data = data.ljust(100, b"\0") + b"\1\2\3\4"
    assert end(data + bytes(50)) == 104
    with pytest.raises(ImageError, match="ends"):
        end(data[:-1])


def test_tiff_directories_that_loop_or_explode() -> None:
    loop = b"II*\0\x08\0\0\0\0\0\x08\0\0\0"
    assert end(loop) == len(loop)
    entry = struct.pack("<HHII", 273, 4, 1 << 20, 8)
    many = b"II*\0\x08\0\0\0" + struct.pack("<H", 3) + entry * 3 + bytes(4 << 20)
    with pytest.raises(ImageError, match="too large"):
        end(many)


def test_pictures_after_a_jpeg_belong_to_it_only_if_it_says_so() -> None:
    several = VARIANTS["jpeg-several"]
    assert several.count(b"\xff\xd8\xff") == 3
    assert end(several + several) == len(several)
    one = encode(picture(), "JPEG")
    assert end(one + one) == len(one)


@pytest.mark.parametrize(
    "index", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x09"]
)
def test_an_index_of_pictures_that_makes_no_sense_is_left_alone(index: bytes) -> None:
    data = encode(picture(), "JPEG")
    segment = b"\xff\xe2" + struct.pack(">H", len(index) + 6) + b"MPF\0" + index
    edited = data[:2] + segment + data[2:]
    assert end(edited + data) == len(edited)


@pytest.mark.parametrize("size", [0, 12])
def test_bmp_without_a_file_size(size: int) -> None:
    for name in ("bmp", "bmp-palette"):
        data = bytearray(VARIANTS[name])
        data[2:6] = bytes(4)
        data[34:38] = bytes(4)
        assert end(bytes(data)) == len(data)
        with pytest.raises(ImageError, match="ends"):
            end(bytes(data[:-1]))
    compressed = data[:30] + b"\x01\0\0\0" + bytes([size, 0, 0, 0]) + data[38:]
    assert end(bytes(compressed)) == int.from_bytes(data[10:14], "little") + size


@pytest.mark.parametrize("kind", one_of_each())
def test_sniff_needs_few_bytes(kind: str) -> None:
    data = one_of_each()[kind]
    assert image_formats.sniff(data[: image_formats.SNIFFED]) == kind
    assert Image.open(io.BytesIO(data)).format == kind


@pytest.mark.parametrize("head", [b"", b"G", b"GIF88a", b"BMnot a bitmap at all", b"RIFF1234WAVE"])
def test_sniff_knows_what_it_does_not_know(head: bytes) -> None:
    assert image_formats.sniff(head) is None


JUNK = [b"\0", bytes(7), b"abc", b"\xff\x00", b"\xff\xff", b"hello\r\n", bytes(5000)]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: f"{len(junk)}-{junk[:2].hex()}")
@pytest.mark.parametrize("before", [b"\xff\xdb", b"\xff\xc4", b"\xff\xda", b"\xff\xd9"])
def test_junk_between_the_segments_of_a_jpeg_is_passed_over(before: bytes, junk: bytes) -> None:
    data = VARIANTS["jpeg"]
    at = data.rindex(before)
    changed = data[:at] + junk + data[at:]
    assert end(changed + b"\n\n\n\n" + data) == len(changed)
    (image,) = decode.pictures(changed)
    assert image.tobytes() == next(decode.pictures(data)).tobytes()


def test_more_junk_than_that_is_damage() -> None:
    data = VARIANTS["jpeg"]
    at = data.index(b"\xff\xdb")
    with pytest.raises(ImageError, match="no JPEG marker"):
        end(data[:at] + bytes(70_000) + data[at:])
