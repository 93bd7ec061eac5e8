"""Hypothesis strategies for GIFs of every kind, small enough to try many."""

from __future__ import annotations

from hypothesis import strategies as st

from imagetl_assets_tests.images.builders import Gif, Picture

RAMP = bytes(v for i in range(256) for v in (i, i, i))

_comments = st.none() | st.sampled_from([b"", b"\n\n\n\n", b"hello" * 60, b"\n\n\n\nGIF89a"])

# Pillow cannot open a GIF whose loop extension holds no count.
_extension_data = st.binary(min_size=1, max_size=20).filter(
    lambda data: not data.startswith(b"NETSCAPE2.0")
)


@st.composite
def palettes(draw: st.DrawFn, bits: int, *, ramp: bool = True) -> bytes:
    """A colour table of 2**bits entries, sometimes, if `ramp`, the plain ramp of greys."""
    length = 3 << bits
    if ramp and draw(st.integers(0, 3)) == 0:
        return RAMP[:length]
    seed = draw(st.binary(min_size=3, max_size=12))
    return bytes((seed[i % len(seed)] + i * 37) % 256 for i in range(length))


@st.composite
def pictures(draw: st.DrawFn, width: int, height: int, *, whole: bool, table: int) -> Picture:
    """An image within a screen; `table` is the number of bits of the global colour table or 0."""
    left, top, across, down = 0, 0, width, height
    if not whole:
        left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        across, down = draw(st.integers(1, width - left)), draw(st.integers(1, height - top))
    bits = draw(st.integers(1, 8))
    # Pillow takes the global table where the local one of a first image is the ramp of greys.
    palette = None if draw(st.booleans()) else draw(palettes(bits, ramp=not table))
    bits = bits if palette else table or 8
    indices = draw(st.binary(min_size=across * down, max_size=across * down))
    mask = (1 << bits) - 1
    return Picture(
        across,
        down,
        bytes(index & mask for index in indices),
        palette,
        bits,
        left,
        top,
        transparent=draw(st.none() | st.integers(0, mask)),
        interlaced=draw(st.booleans()),
        delay=draw(st.integers(0, 200)),
        disposal=draw(st.integers(0, 3)),
        comment=draw(_comments),
        sub_block=draw(st.sampled_from([1, 7, 254, 255])),
    )


@st.composite
def gifs(draw: st.DrawFn, *, images: int = 1, whole: bool = False, side: int = 10) -> Gif:
    """A GIF of up to `images` images, each covering the screen if `whole`."""
    width, height = draw(st.integers(1, side)), draw(st.integers(1, side))
    table = draw(st.integers(0, 8))
    palette = draw(palettes(table)) if table else None
    count = draw(st.integers(1, images))
    return Gif(
        width,
        height,
        [draw(pictures(width, height, whole=whole, table=table)) for _ in range(count)],
        palette,
        background=draw(st.integers(0, 255)),
        version=draw(st.sampled_from([b"87a", b"89a"])),
        extensions=draw(
            st.lists(
                st.tuples(st.sampled_from([0xFE, 0xFF, 0x01]), _extension_data),
                max_size=2,
            )
        ),
    )
