"""The size that users ask frames to be stored in."""

from __future__ import annotations

# A GIF's width and height have 16 bits.
_MOST_PIXELS = 0xFFFF


def new_size(text: str) -> int | float:
    """Return a width in pixels (int) or a factor (float).

    >>> new_size("250"), new_size("50%")
    (250, 0.5)

    Raises:
        ValueError: the text is neither.
    """
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdecimal() and int(number)):
        raise ValueError(
            f"must be a width in pixels such as 250, or a percentage such as 50%, not {text!r}"
        )
    if text.endswith("%"):
        return int(number) / 100
    if int(number) > _MOST_PIXELS:
        raise ValueError(f"must be at most {_MOST_PIXELS:,} pixels, which a GIF can hold")
    return int(number)
