"""The errors for anything that is wrong with the bytes of an image, and with a whole bundle."""

from __future__ import annotations

from typing import Any


class ImageError(ValueError):
    """Bytes that are not the image they should be.

    Attributes:
        problem: what is wrong, as a phrase for people.
        offset: where it was noticed, in bytes from the start of the data or file that was read;
            None when the place is not known.
    """

    def __init__(self, problem: str, offset: int | None = None) -> None:
        super().__init__(problem, offset)
        self.problem = problem
        self.offset = offset

    def __str__(self) -> str:
        return self.problem if self.offset is None else f"{self.problem} (at byte {self.offset})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problem, self.offset)


class ResizeError(ValueError):
    """A picture would become too large, as another size was asked for. The message says how."""


class BundleError(ValueError):
    """A file of which no frame can be had, although its kind is known. The message says why."""
