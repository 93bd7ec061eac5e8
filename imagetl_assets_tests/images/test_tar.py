"""TAR archives: what `tarfile` and the program `tar` write, and what is damaged or hostile."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.images.bundle import (
    DamagedFrame,
    FrameSpan,
    Remarks,
    find_frames,
    looks_like_bundle,
)
from imagetl_assets.images.bundles.tar import GOES_ON, NO_END
from imagetl_assets_tests.images.archives import found, kind_name, tarred
from imagetl_assets_tests.images.builders import encode, picture, still

FILES = {"a.gif": still(1), "b.png": encode(picture(), "PNG"), "c.bmp": encode(picture(), "BMP")}
LONG = {f"{'folder/' * 30}{name}": content for name, content in FILES.items()}
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


@pytest.mark.parametrize("format", FORMATS)
def test_members_are_those_that_tarfile_gives(format: int) -> None:
    files = FILES if format == tarfile.USTAR_FORMAT else {**FILES, **LONG}
    data = tarred(files, format)
    assert kind_name(data) == "TAR archive"
    result = found(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            assert result[member.name] == content.read()
    assert len(result) == len(files)


def test_members_are_used_where_they_are() -> None:
    data = tarred(FILES)
    for piece in find_frames(io.BytesIO(data)):
        assert isinstance(piece, FrameSpan)
        assert data[piece.offset : piece.offset + piece.length] == FILES[piece.name]


def test_archives_of_the_tar_program(tmp_path: Path) -> None:
    if not shutil.which("tar"):
        pytest.skip("the program `tar` is not installed")
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    for format in ("v7", "oldgnu", "gnu", "ustar", "pax"):
        made = subprocess.run(
            ["tar", "-c", f"--format={format}", "-C", tmp_path, "."],
            check=True,
            stdout=subprocess.PIPE,
        )
        assert looks_like_bundle(made.stdout[:512]) is None
        assert found(made.stdout) == FILES


def test_links_and_devices_are_left_out() -> None:
    out = io.BytesIO(tarred(FILES))
    with tarfile.open(fileobj=out, mode="a") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            header = tarfile.TarInfo(f"x{kind.decode()}.gif")
            header.type, header.linkname = kind, "/etc/passwd"
            archive.addfile(header)
    remarks = Remarks()
    assert found(out.getvalue(), remarks) == FILES
    assert remarks.left_out() == ["links and devices: 4, the first x2.gif"]


def test_an_archive_that_is_cut_in_an_image() -> None:
    data = tarred(FILES)
    cut = data[: data.index(FILES["c.bmp"]) + 100]
    assert found(cut) == {**FILES, "c.bmp": "the file ends in the middle of it"}


def test_an_archive_that_is_cut_between_images_is_told_of() -> None:
    data = tarred(FILES)
    remarks = Remarks()
    cut = data[: data.index(FILES["c.bmp"]) - 512]
    assert list(found(cut, remarks)) == ["a.gif", "b.png"]
    assert remarks.count(NO_END) == 1


def test_archives_one_after_the_other_are_told_of() -> None:
    remarks = Remarks()
    assert found(tarred(FILES) + tarred({"d.gif": still()}), remarks) == FILES
    assert remarks.count(GOES_ON) == 1


def test_a_damaged_header_is_a_damaged_frame_and_nothing_is_lost_in_silence() -> None:
    data = bytearray(tarred(FILES))
    at = data.index(FILES["b.png"]) - 512
    data[at + 150] ^= 1
    first, damaged = find_frames(io.BytesIO(data))
    assert isinstance(first, FrameSpan)
    assert isinstance(damaged, DamagedFrame)
    assert (damaged.offset, damaged.length) == (at, len(data) - at)
    assert "header of a TAR member is damaged" in damaged.problem


def test_a_header_that_claims_to_be_huge_is_not_read() -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    data = tarred({"a.gif": still()})[:1024] + header.tobuf() + bytes(2_000_000)
    first, damaged = find_frames(io.BytesIO(data))
    assert isinstance(first, FrameSpan)
    assert isinstance(damaged, DamagedFrame)


def test_an_image_that_claims_to_be_huge_is_damaged() -> None:
    header = tarfile.TarInfo("a.gif")
    header.size = 1 << 40
    (problem,) = found(header.tobuf() + still()).values()
    assert str(problem).startswith("it has 1,099,511,627,776 bytes, more than")


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damage_outside_of_an_image_leaves_it_alone(source: st.DataObject) -> None:
    data = bytearray(tarred({**FILES, **LONG}))
    for _ in range(source.draw(st.integers(1, 4))):
        at = source.draw(st.integers(0, len(data) - 1))
        data[at] = source.draw(st.integers(0, 255))
    if kind_name(bytes(data)) != "TAR archive":
        return
    pieces = list(find_frames(io.BytesIO(data)))
    assert pieces
    for piece in pieces:
        assert 0 <= piece.offset < piece.offset + piece.length <= len(data)
