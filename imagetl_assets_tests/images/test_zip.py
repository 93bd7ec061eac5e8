"""ZIP archives: what `zipfile` and the program `zip` write, and what is damaged or hostile."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.images.bundle import DamagedFrame, FrameSpan, find_frames
from imagetl_assets.images.bundles.members import MOST_IMAGE_BYTES
from imagetl_assets.images.errors import BundleError, ImageError
from imagetl_assets_tests.images.archives import found, image_of, kind_name, zipped
from imagetl_assets_tests.images.builders import encode, picture, still

FILES = {"a.gif": still(1), "b.png": encode(picture(), "PNG"), "c.bmp": encode(picture(), "BMP")}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_those_that_zipfile_gives(method: int) -> None:
    data = zipped(FILES, method)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert found(data) == {name: archive.read(name) for name in archive.namelist()}
    assert kind_name(data) == "ZIP archive"


def test_stored_members_are_used_where_they_are() -> None:
    data = zipped(FILES, zipfile.ZIP_STORED)
    (first, *_) = find_frames(io.BytesIO(data))
    assert isinstance(first, FrameSpan)
    image = image_of(data, first)
    assert not isinstance(image, ImageError)
    assert image.offset == data.index(still(1))


def test_archives_of_the_zip_program(tmp_path: Path) -> None:
    if not shutil.which("zip"):
        pytest.skip("the program `zip` is not installed")
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    for options in (["-0"], ["-9"], ["-fz"]):  # the last one forces ZIP64
        path = tmp_path / f"x{options[0]}.zip"
        subprocess.run(["zip", "-q", *options, path, *FILES], cwd=tmp_path, check=True)
        assert found(path.read_bytes()) == FILES
    # Written to a pipe, sizes follow on the data instead of being before them.
    piped = subprocess.run(
        ["zip", "-q", "-", *FILES], cwd=tmp_path, check=True, stdout=subprocess.PIPE
    )
    assert found(piped.stdout) == FILES


def test_zip64(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    assert found(out.getvalue()) == FILES


def test_bytes_before_the_archive_and_a_comment_after_it() -> None:
    out = io.BytesIO(b"PK\x03\x04 as if a program were there" * 9)
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = b"a comment" * 500
        for name, content in FILES.items():
            archive.writestr(name, content)
    assert found(out.getvalue()) == FILES


def test_an_encrypted_archive_is_refused_by_name() -> None:
    data = bytearray(zipped(FILES))
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    with pytest.raises(BundleError, match=r"^a\.gif in it is encrypted; only a ZIP without"):
        list(find_frames(io.BytesIO(data)))


@pytest.mark.parametrize("left", [0.2, 0.5, 0.95])
def test_an_archive_that_is_cut_short(left: float) -> None:
    data = zipped(FILES)
    with pytest.raises(BundleError, match="cut short or damaged"):
        list(find_frames(io.BytesIO(data[: int(len(data) * left)])))


def test_other_methods_are_named() -> None:
    result = found(zipped({"a.gif": still(), "b.gif": still(2)}, zipfile.ZIP_LZMA))
    assert set(result.values()) == {"it is compressed with LZMA, not with Deflate"}


def test_a_bomb_is_stopped_by_the_size_that_it_announces() -> None:
    data = bytearray(zipped({"a.gif": bytes(1000)}))
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, MOST_IMAGE_BYTES + 1)
    (problem,) = found(bytes(data)).values()
    assert str(problem).startswith("it has 268,435,457 bytes, more than the 268,435,456")


def test_a_bomb_is_stopped_by_the_size_that_it_has() -> None:
    data = bytearray(zipped({"a.gif": still() + bytes(50_000_000)}))
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 1000)
    (span,) = find_frames(io.BytesIO(data))
    assert isinstance(span, FrameSpan)
    image = image_of(bytes(data), span)
    assert isinstance(image, ImageError)
    assert image.problem.startswith("its bytes are not those that the directory")


def test_members_that_share_their_bytes_are_no_bomb() -> None:
    """All entries of the directory lead to one member, so that it would be unpacked many times."""
    data = zipped({f"{i}.gif": still(9) for i in range(9)})
    first = data.index(b"PK\x01\x02")
    out = bytearray(data)
    for at in range(len(out) - 3):
        if at >= first and out[at : at + 4] == b"PK\x01\x02":
            struct.pack_into("<I", out, at + 42, 0)
    problems = [value for value in found(bytes(out)).values() if isinstance(value, str)]
    assert problems == ["its bytes are those of another member of the ZIP, too"] * 8


def test_a_changed_byte_is_noticed_whatever_it_is() -> None:
    stored = bytearray(zipped({"a.bmp": FILES["c.bmp"]}, zipfile.ZIP_STORED))
    stored[stored.index(FILES["c.bmp"]) + 60] ^= 1
    (problem,) = found(bytes(stored)).values()
    assert str(problem).startswith("its bytes are not those")


def test_an_entry_without_a_name_spoils_no_other() -> None:
    """Python 3.10's zipfile fails to tell whether such an entry is a folder."""
    data = zipped({"a.gif": still(1), "b.gif": still(2)}, zipfile.ZIP_STORED)
    entry, end = data.rindex(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    name = slice(entry + 46, entry + 46 + len("b.gif"))
    assert data[name] == b"b.gif"
    nameless = bytearray(data)
    struct.pack_into("<H", nameless, entry + 28, 0)  # the length of the name
    (size,) = struct.unpack_from("<I", nameless, end + 12)  # of the directory
    struct.pack_into("<I", nameless, end + 12, size - len("b.gif"))
    del nameless[name]
    assert found(bytes(nameless))["a.gif"] == still(1)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damage_never_gives_other_bytes(source: st.DataObject) -> None:
    method = source.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    data = bytearray(zipped(FILES, method))
    for _ in range(source.draw(st.integers(1, 4))):
        data[source.draw(st.integers(4, len(data) - 1))] = source.draw(st.integers(0, 255))
    try:
        result = found(bytes(data))
    except BundleError:
        return
    wholes = {zlib.crc32(content) for content in FILES.values()}
    for content in result.values():
        assert isinstance(content, str) or zlib.crc32(content) in wholes


def test_a_hundred_thousand_members() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i in range(100_000):
            archive.writestr(zipfile.ZipInfo(f"{i}.gif"), b"GIF89a")
    pieces = list(find_frames(out))
    assert len(pieces) == 100_000
    assert not any(isinstance(piece, DamagedFrame) for piece in pieces)
    assert pieces[99_999].name == "99999.gif"
