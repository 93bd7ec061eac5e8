"""Keeps what was loaded last, for code that asks for the same thing many times in a row."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class KeepOne(Generic[Value]):
    """Keeps one value and the key that it was loaded for, in the memory of this process.

    The mapped steps of a run have records in common: this way, each worker reads them once.

    >>> kept: KeepOne[str] = KeepOne()
    >>> kept.get("first", lambda: "loaded"), kept.get("first", lambda: "not called")
    ('loaded', 'loaded')
    """

    def __init__(self) -> None:
        self._kept: tuple[Hashable, Value] | None = None

    def get(self, key: Hashable, load: Callable[[], Value]) -> Value:
        """Return the value that is kept for this key. If there is none, load it and keep it."""
        if self._kept is None or self._kept[0] != key:
            self._kept = key, load()
        return self._kept[1]
