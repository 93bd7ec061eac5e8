"""How the values of options are checked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from math import isfinite
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


class Number(click.FloatRange):
    """A number within limits. A message about any other text says what the option takes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        try:
            number = super().convert(value, param, ctx)
            if isfinite(number):
                return number
        except click.BadParameter:
            pass
        self.fail(f"{value!r} is not {allowed('a number', self)}", param, ctx)


class Whole(click.IntRange):
    """A whole number within limits. A message about any other text says what the option takes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not {allowed('a whole number', self)}", param, ctx)


class Repetitions(Whole):
    """How often a clip is repeated: a number, or `once`, which is -1 in the run config."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        if value == "once":
            return -1
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            self.fail(f"{error.message}, or once", param, ctx)


def allowed(kind: str, limits: click.IntRange | click.FloatRange) -> str:
    """Return what an option takes, such as "a number from 0.002 to 50".

    >>> allowed("a whole number", click.IntRange(min=1))
    'a whole number of 1 or more'
    """
    if limits.min is None:
        return kind
    if limits.max is not None:
        return f"{kind} from {limits.min:,} to {limits.max:,}"
    return (
        f"{kind} above {limits.min:,}" if limits.min_open else f"{kind} of {limits.min:,} or more"
    )


def check_clips(text: str) -> object:
    """Raise ValueError if it names a clip that there is not."""
    from imagetl_assets.settings import film_names

    return film_names(text)


def check_folder(text: str) -> object:
    """Raise ValueError if it is empty, which would mean this folder."""
    if not text:
        raise ValueError("it is empty: give a folder, or . for this one")
    return text


def check_output(text: str) -> object:
    """Raise ValueError if no file can be written there: it is empty, or a folder."""
    if not text:
        raise ValueError("the name of the file is empty")
    if os.path.isdir(text):
        raise ValueError(f"{text} is a folder: give the name of a file, too")
    return text


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
