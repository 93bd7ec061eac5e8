"""What is done to pictures before they are stored."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagetl_assets.images.decode import exif_time
from imagetl_assets.images.edit import Edit, EditError, FrameInfo, caption_text
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.new_size import Box, new_size
from imagetl_assets.images.transcode import to_gif
from imagetl_assets_tests.images.builders import encode

PICTURE = Image.linear_gradient("L").resize((200, 100)).convert("RGB")


def edited(edit: Edit, picture: Image.Image = PICTURE, **info: object) -> Image.Image:
    return edit.apply(picture, FrameInfo(**info))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("80x80", (80, 40)),
        ("80x80 fit", (80, 40)),
        ("80x80 crop", (80, 80)),
        ("80x80 pad", (80, 80)),
        ("400x300", (400, 200)),
        ("50", (50, 25)),
        ("50%", (100, 50)),
    ],
)
def test_sizes(text: str, size: tuple[int, int]) -> None:
    assert edited(Edit(new_size(text))).size == size
    assert edited(Edit(new_size(text)), PICTURE.convert("RGBA")).size == size


def test_pad_keeps_all_of_a_picture_and_crop_fills_the_box() -> None:
    white = Image.new("RGB", (200, 100), "white")
    padded = edited(Edit(Box(80, 80, "pad")), white)
    assert padded.getpixel((40, 5)) == (0, 0, 0)
    assert padded.getpixel((40, 40)) == (255, 255, 255)
    cropped = edited(Edit(Box(80, 80, "crop")), white)
    assert cropped.getcolors() == [(6400, (255, 255, 255))]


@pytest.mark.parametrize(
    "text", ["0x5", "5x", "x5", "5x5 squeeze", "5x5crop", "70000x5", "a", "-1"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        new_size(text)


def grey(picture: Image.Image, frame: FrameInfo) -> Image.Image:
    return picture.convert("L")


def failing(picture: Image.Image, frame: FrameInfo) -> Image.Image:
    raise KeyError(frame.name)


def no_picture(picture: Image.Image, frame: FrameInfo) -> object:
    return frame.number


def test_a_function_of_the_user() -> None:
    assert edited(Edit(function=f"{__name__}:grey")).mode == "L"
    with pytest.raises(ImageError, match=r"failing fails with it: KeyError: 'a\.png'"):
        edited(Edit(function=f"{__name__}:failing"), name="a.png")
    with pytest.raises(EditError, match="returns int, not a picture of Pillow"):
        edited(Edit(function=f"{__name__}:no_picture"))
    for name in (
        "no_such_module:x",
        f"{__name__}:nothing",
        "PIL",
        ":",
        f"{__name__}:PICTURE.size",
    ):
        with pytest.raises(EditError, match=r"cannot be imported|is no function|is not a function"):
            edited(Edit(function=name))


@pytest.mark.parametrize("name", ["os:remove", "os.path:exists", "builtins:eval", "json:loads"])
def test_functions_of_python_itself_are_refused(name: str) -> None:
    with pytest.raises(EditError, match="is in a module of Python itself: name one of yours"):
        edited(Edit(function=name))


def test_a_function_is_not_reached_through_an_imported_module() -> None:
    with pytest.raises(EditError, match=r"io in .+ is a module, which goes"):
        edited(Edit(function=f"{__name__}:io.BytesIO"))


def test_a_caption_is_in_the_lower_left_corner() -> None:
    blue = Image.new("RGB", (200, 160), "blue")
    shown = edited(Edit(caption="{number}: {name}"), blue, number=7, name="a.png")
    corner = shown.crop((0, 140, 60, 160)).getcolors(999) or []
    assert max(min(colour) for _, colour in corner) > 150  # type: ignore[arg-type]
    assert (0, 0, 0) in {colour for _, colour in corner}
    assert shown.crop((0, 0, 200, 140)).getcolors() == [(28_000, (0, 0, 255))]
    other = edited(Edit(caption="{number}: {name}"), blue, number=8, name="a.png")
    assert other.tobytes() != shown.tobytes()
    assert edited(Edit(caption="{name}"), Image.new("L", (1, 1)), name="ü").size == (1, 1)


def test_captions_that_cannot_be_made() -> None:
    assert caption_text("{time:%Y}", FrameInfo(time=0)) == "1970"
    for template in (
        "{colour}",
        "{",
        "{0}",
        "{time:%Y}",
        "{number.real}",
        "{time.__class__}",
        "{name[0]}",
    ):
        with pytest.raises(EditError, match=r"it may have \{number\}"):
            caption_text(template, FrameInfo())


def test_a_gif_is_decoded_only_if_there_is_an_edit() -> None:
    gif = to_gif(encode(PICTURE, "PNG"))
    assert to_gif(gif) is gif
    with Image.open(io.BytesIO(to_gif(gif, edit=Edit(Box(80, 80))))) as small:
        assert small.size == (80, 40)


def test_when_a_photo_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0132] = "2024:05:06 07:08:09"
    assert exif_time(encode(PICTURE, "JPEG", exif=exif)) == 1_714_979_289
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:08"
    assert exif_time(encode(PICTURE, "JPEG", exif=exif)) == 1_714_979_288
    exif.get_ifd(0x8769)[0x9003] = "not a time"
    for data in (encode(PICTURE, "JPEG", exif=exif), encode(PICTURE, "PNG"), b"", b"\xff\xd8\xff"):
        assert exif_time(data) is None


def test_a_png_is_not_decoded_to_learn_when_it_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow does, as EXIF data may come last in it."""
    exif = Image.Exif()
    exif[0x0132] = "2024:05:06 07:08:09"
    first = encode(PICTURE, "PNG", exif=exif)
    begin = first.index(b"eXIf") - 4
    end = begin + 12 + int.from_bytes(first[begin : begin + 4], "big")
    last = first[:begin] + first[end:-12] + first[begin:end] + first[-12:]
    text = PngInfo()
    profile = b"Exif\0\0" + exif.tobytes()
    text.add_text("Raw profile type exif", f"\nexif\n{len(profile):8}\n{profile.hex()}\n")
    for data in (first, last, encode(PICTURE, "PNG", pnginfo=text)):
        assert exif_time(data) == 1_714_979_289
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda self: pytest.fail("decoded"))
    assert exif_time(encode(PICTURE, "PNG")) is None
