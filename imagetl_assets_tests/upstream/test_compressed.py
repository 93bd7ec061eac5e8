"""Files that are compressed as a whole: any size of blocks, any damage, and bombs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.upstream import Limits, PermanentError
from imagetl_assets.upstream.compressed import unpacked
from imagetl_assets_tests.images.archives import found, tarred
from imagetl_assets_tests.images.builders import still

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}
LIMITS = Limits(max_bytes=20_000_000)
FILES = {f"{i}.gif": still(i) for i in range(30)}
TAR = tarred(FILES)


def blocks_of(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def unpack(data: bytes, size: int = 1 << 18) -> tuple[bytes, str | None]:
    blocks, name = unpacked(blocks_of(data, size), LIMITS, "a file")
    return b"".join(blocks), name


@pytest.mark.parametrize("name", COMPRESS)
@pytest.mark.parametrize("size", [7, 1000, 1 << 18])
def test_it_is_unpacked(name: str, size: int) -> None:
    assert unpack(COMPRESS[name](TAR), size) == (TAR, name)
    twice = COMPRESS[name](TAR[:5000]) + COMPRESS[name](TAR[5000:])
    assert unpack(twice, size) == (TAR, name)


def test_what_is_not_compressed_stays_as_it_is() -> None:
    for data in (TAR, b"", b"BMP", still()):
        assert unpack(data) == (data, None)


@pytest.mark.parametrize(
    ("program", "option"),
    [("gzip", "-9"), ("xz", "-9"), ("bzip2", "-9"), ("zstd", "-19"), ("zstd", "--ultra -22")],
)
def test_archives_of_the_programs(tmp_path: Path, program: str, option: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"the program `{program}` is not installed")
    (tmp_path / "x.tar").write_bytes(TAR)
    packed = subprocess.run(
        [program, *option.split(), "-c", tmp_path / "x.tar"], check=True, stdout=subprocess.PIPE
    ).stdout
    data, _ = unpack(packed)
    assert found(data) == FILES
    with (
        tarfile.open(fileobj=io.BytesIO(packed))
        if program != "zstd"
        else tarfile.open(fileobj=io.BytesIO(zstd.decompress(packed))) as archive
    ):
        assert archive.getnames() == list(FILES)


@pytest.mark.parametrize("name", COMPRESS)
def test_a_file_that_is_cut_short(name: str) -> None:
    packed = COMPRESS[name](TAR)
    for left in (20, len(packed) // 2, len(packed) - 1):
        with pytest.raises(PermanentError, match=f"a file, a {name} file, is (cut short|damaged)"):
            unpack(packed[:left])


@pytest.mark.parametrize("name", COMPRESS)
def test_a_bomb_ends_at_the_limit(name: str) -> None:
    packed = COMPRESS[name](bytes(30_000_000))
    sizes: list[int] = []
    blocks, _ = unpacked(blocks_of(packed, 1 << 18), LIMITS, "a file")
    with pytest.raises(PermanentError, match="when it is unpacked, is larger than the limit of 20"):
        sizes.extend(len(block) for block in blocks)
    assert max(sizes) <= 1 << 20
    assert sum(sizes) <= LIMITS.max_bytes


@given(st.sampled_from([*COMPRESS]), st.data())
@settings(max_examples=150, deadline=None)
def test_damage_never_gives_other_bytes(name: str, source: st.DataObject) -> None:
    packed = bytearray(COMPRESS[name](TAR))
    at = source.draw(st.integers(12, len(packed) - 1))
    packed[at] ^= source.draw(st.integers(1, 255))
    try:
        data, _ = unpack(bytes(packed))
    except PermanentError:
        return
    # Zstandard as it is written by default has no checksum.
    assert name == "zstd" or zlib.crc32(data) == zlib.crc32(TAR)
