"""Content encodings: what goes in comes out whole, or there is an error."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import brotli
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from imagetl_assets.upstream.encodings import (
    PIECE_BYTES,
    CutOff,
    EncodingError,
    check_encodings,
    decoded,
)

try:
    from compression.zstd import compress as zstd  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from backports.zstd import compress as zstd


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate as it should be": ("deflate", zlib.compress),
    "deflate without its head": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd),
}
DATA = st.binary(max_size=200) | st.builds(lambda n: b"ab" * n, st.integers(0, 1_000_000))
kinds = pytest.mark.parametrize("kind", ENCODERS)


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    yield from (data[i : i + size] for i in range(0, len(data), size))


def decode(data: bytes, *names: str, size: int = 1000) -> bytes:
    return b"".join(decoded(in_pieces(data, size), check_encodings(names)))


@kinds
@given(data=DATA, size=st.integers(1, 300))
@example(data=b"\0" * 3 * PIECE_BYTES, size=7)
def test_what_was_encoded_comes_back(kind: str, data: bytes, size: int) -> None:
    name, encode = ENCODERS[kind]
    assert decode(encode(data), name, size=size) == data


@kinds
@given(data=st.binary(max_size=300), cut=st.integers(1, 10_000))
def test_a_cut_anywhere_is_an_error(kind: str, data: bytes, cut: int) -> None:
    name, encode = ENCODERS[kind]
    whole = encode(data)
    with pytest.raises(CutOff):
        decode(whole[: -min(cut, len(whole))], name)


@kinds
@given(
    data=st.binary(max_size=50), more=st.binary(min_size=1, max_size=20), size=st.integers(1, 99)
)
def test_what_follows_on_the_end_is_an_error(
    kind: str, data: bytes, more: bytes, size: int
) -> None:
    name, encode = ENCODERS[kind]
    assume(name != "gzip" or more.strip(b"\0"))
    with pytest.raises(EncodingError):
        decode(encode(data) + more, name, size=size)


@given(zeros=st.integers(0, 2000), size=st.integers(1, 99))
def test_zeros_after_the_end_of_gzip_fill_up_a_block(zeros: int, size: int) -> None:
    """As for `gzip -d` and Python's gzip, more may follow on them."""
    one, two = gzip.compress(b"a"), gzip.compress(b"b")
    assert decode(one + bytes(zeros), "gzip", size=size) == b"a"
    assert decode(one + bytes(zeros) + two, "gzip", size=size) == b"ab"


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_what_follows_after_the_end_is_told_from_damage(name: str) -> None:
    encode = ENCODERS[name][1]
    with pytest.raises(EncodingError, match="follows after the end of its encoding"):
        decode(encode(b"data") + b"more than that", name)
    damaged = bytearray(encode(b"data"))
    damaged[1] ^= 1
    with pytest.raises(EncodingError, match="it is damaged"):
        decode(bytes(damaged), name)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_several_members_make_one_body(name: str) -> None:
    encode = ENCODERS[name][1]
    assert decode(encode(b"ab") + encode(b"") + encode(b"c"), name) == b"abc"
    with pytest.raises(CutOff):
        decode(encode(b"ab") + encode(b"c")[:-1], name)


def test_several_encodings_are_undone_in_turn() -> None:
    assert decode(brotli.compress(gzip.compress(b"data")), "gzip", "br") == b"data"
    assert decode(gzip.compress(gzip.compress(b"data")), "gzip", "x-gzip") == b"data"
    with pytest.raises(CutOff):
        decode(brotli.compress(gzip.compress(b"data")[:-1]), "gzip", "br")


def test_encodings_that_are_none() -> None:
    assert check_encodings(["identity", "aws-chunked"]) == []
    assert decode(b"data", "identity") == b"data"
    assert decode(gzip.compress(b"data"), "aws-chunked", "gzip") == b"data"


@pytest.mark.parametrize("names", [["compress"], ["utf-8"], ["gzip"] * 3, ["br", "zstd"]])
def test_encodings_that_are_refused(names: list[str]) -> None:
    with pytest.raises(EncodingError):
        check_encodings(names)


@kinds
@given(data=st.binary(max_size=200))
def test_nonsense_is_an_error_or_stands_for_something(kind: str, data: bytes) -> None:
    with suppress(EncodingError):
        decode(data, ENCODERS[kind][0])


@kinds
def test_a_small_body_that_stands_for_a_huge_one_is_never_held(kind: str) -> None:
    name, encode = ENCODERS[kind]
    bomb = encode(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in decoded(iter([bomb]), [name]))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert total == 50_000_000


def test_a_bomb_within_a_bomb() -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * 50_000_000))
    assert sum(len(p) for p in decoded(iter([bomb]), ["gzip", "gzip"])) == 50_000_000


def test_a_window_that_is_too_large_is_refused() -> None:
    from backports.zstd import CompressionParameter, ZstdCompressor

    stream = ZstdCompressor(options={CompressionParameter.window_log: 27})
    body = stream.compress(b"x" * 100) + stream.compress(bytes(range(256)) * 4096) + stream.flush()
    with pytest.raises(EncodingError):
        decode(body, "zstd")
