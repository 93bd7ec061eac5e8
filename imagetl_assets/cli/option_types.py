"""How the values of options are checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click


class Text(click.ParamType[str]):
    """A text that a function checks; it returns the text, or raises ValueError, which says why."""

    name = "text"

    def __init__(self, check: Callable[[str], object]) -> None:
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text."""
        try:
            self._check(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


class Repetitions(click.IntRange):
    """How often a clip is repeated: a number, or `once`, which is -1 in the run config."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        return -1 if value == "once" else super().convert(value, param, ctx)


def check_path(text: str) -> object:
    """Raise ValueError if it is none."""
    from imagetl_assets import names

    return names.check_path(text)


def check_clip_name(text: str) -> object:
    """Raise ValueError if it is none."""
    from imagetl_assets import names

    return names.check_clip_name(text, "gif")


def check_size(text: str) -> object:
    """Raise ValueError if it is none."""
    from imagetl_assets.images.new_size import new_size

    return new_size(text)


def check_caption(text: str) -> object:
    """Raise ValueError if it is none."""
    from imagetl_assets.images.edit import FrameInfo, caption_text

    return caption_text(text, FrameInfo(time=0))


def check_function_name(text: str) -> object:
    """Raise ValueError if it is none."""
    from imagetl_assets.images import edit

    return edit.check_function_name(text)


def check_scheduler(text: str) -> object:
    """Raise ValueError if it is none."""
    if not re.fullmatch(r"([a-z]+://)?[^\s/:]+:[0-9]+|\w+://\[[0-9a-f:]+\]:[0-9]+", text):
        raise ValueError(f"{text!r} is not an address such as tcp://host:8786")
    return text
