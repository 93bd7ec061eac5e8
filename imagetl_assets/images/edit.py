"""What is done to each picture before it is stored: its size, a function of the user's, a caption.

The function is named by its module and name, such as `my_package.pictures:grey`. It takes a picture
and what is known of its frame, and returns a picture:

    def grey(picture: PIL.Image.Image, frame: FrameInfo) -> PIL.Image.Image:
        return picture.convert("L")
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from importlib import import_module
from string import Formatter
from types import ModuleType
from typing import TYPE_CHECKING, Any

from imagetl_assets.images.decoding.limits import MAX_PIXELS, check_size
from imagetl_assets.images.errors import ImageError, ResizeError
from imagetl_assets.images.new_size import Box, NewSize, in_box

if TYPE_CHECKING:
    import PIL.Image

_LINES = 16  # of a caption, that would fit into the height of a picture
_SMALLEST = 8  # pixels, of a letter


class EditError(ValueError):
    """The function or the caption cannot be used, whatever the picture. The message says why."""


@dataclass(frozen=True)
class FrameInfo:
    """What is known of a frame.

    Attributes:
        number: of the frame.
        name: that it has in the bundle; empty if it has none.
        time: when it was made, in seconds since 1970; None if that is not known.
    """

    number: int = 0
    name: str = ""
    time: float | None = None


@dataclass(frozen=True)
class Edit:
    """What is done to a picture, in this order.

    Attributes:
        resize: the new size.
        function: module and name of a function, with a colon between.
        caption: a template, such as "{number}: {name}" or "{time:%H:%M}".
    """

    resize: NewSize | None = None
    function: str | None = None
    caption: str | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is done."""
        return self != AS_IT_IS

    @property
    def uses_info(self) -> bool:
        """Whether what is known of a frame makes a difference."""
        return self.function is not None or self.caption is not None

    def apply(
        self, picture: PIL.Image.Image, frame: FrameInfo, max_pixels: int = MAX_PIXELS
    ) -> PIL.Image.Image:
        """Return the picture as it is to be stored.

        Raises:
            ResizeError: it would have more pixels than allowed.
            EditError: the function or the caption cannot be used.
            ImageError: the function fails with this picture.
        """
        if self.resize is not None:
            picture = resized(picture, self.resize, max_pixels)
        if self.function is not None:
            picture = _called(load_function(self.function), self.function, picture, frame)
        if self.caption is not None:
            picture = with_text(picture, caption_text(self.caption, frame))
        return picture


AS_IT_IS = Edit()
"""Nothing is done."""

NO_INFO = FrameInfo()
"""Nothing is known."""


def resized(picture: PIL.Image.Image, resize: NewSize, max_pixels: int) -> PIL.Image.Image:
    """Return the picture at the width, by the factor or in the box asked for."""
    from PIL import Image

    if isinstance(resize, Box):
        size = resize.width, resize.height
    else:
        factor = resize / picture.width if isinstance(resize, int) else resize
        if not factor > 0:
            raise ValueError(f"resize must be more than 0, not {resize}")
        size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    try:
        check_size(*size, max_pixels)
    except ImageError as error:
        raise ResizeError(f"resize asks for too much: {error}") from None
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    converted = picture if picture.mode == mode else picture.convert(mode)
    if isinstance(resize, Box):
        return in_box(converted, resize)
    return converted.resize(size, Image.Resampling.LANCZOS)


def check_function_name(name: str) -> str:
    """Return `name` if it can be that of a function, else raise EditError.

    Python's own functions, such as `os:remove`, are not made for pictures.

    >>> check_function_name("my_package.pictures:grey")
    'my_package.pictures:grey'
    """
    module, colon, attribute = name.partition(":")
    if not (colon and all(part.isidentifier() for part in f"{module}.{attribute}".split("."))):
        raise EditError(
            f"{name!r} is not a function's module and name, such as my_package.pictures:grey"
        )
    if module.partition(".")[0] in sys.stdlib_module_names:
        raise EditError(f"the function {name!r} is in a module of Python itself: name one of yours")
    return name


@lru_cache(maxsize=8)
def load_function(name: str) -> Callable[[PIL.Image.Image, FrameInfo], Any]:
    """Return the function of this name. Raises EditError if there is none.

    It is not one of a module that another module has imported: those are not made for pictures.
    """
    module, _, attribute = check_function_name(name).partition(":")
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
            if isinstance(found, ModuleType):
                raise EditError(f"{part} in {name!r} is a module, which goes before the colon")
    except (ImportError, AttributeError, ValueError) as error:
        raise EditError(
            f"the function {name!r} cannot be imported ({error}); it is named by its module and "
            "its name, such as my_package.pictures:grey, and has to be installed on the workers"
        ) from None
    if not callable(found):
        raise EditError(f"{name!r} is no function")
    return found


def caption_text(template: str, frame: FrameInfo) -> str:
    """Return the text of a caption.

    >>> caption_text("{number}: {name} at {time:%H:%M}", FrameInfo(7, "a.png", 3660))
    '7: a.png at 01:01'

    Raises:
        EditError: the template asks for something else than number, name and time, or for a time
            that is not known.
    """
    time = None if frame.time is None else datetime.fromtimestamp(frame.time, timezone.utc)
    try:
        known = {"number": frame.number, "name": frame.name, "time": time or _NoTime()}
        return _Template().vformat(template, (), known)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        raise EditError(
            f"the caption {template!r} cannot be made ({error}); it may have {{number}}, {{name}} "
            "and {time:%Y-%m-%d %H:%M}"
        ) from None


class _Template(Formatter):
    """Fills in values, and nothing that could be reached from them: a template is not trusted."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        return kwargs[field_name], field_name


class _NoTime:
    def __format__(self, spec: str) -> str:
        raise ValueError("it is not known when the image was made")


def with_text(picture: PIL.Image.Image, text: str) -> PIL.Image.Image:
    """Return the picture with a text in its lower left corner, white on black."""
    from PIL import ImageDraw, ImageFont

    mode = "RGBA" if picture.has_transparency_data else "RGB"
    drawn = picture.copy() if picture.mode == mode else picture.convert(mode)
    draw = ImageDraw.Draw(drawn)
    size = max(_SMALLEST, picture.height // _LINES)
    font = ImageFont.load_default(size)
    margin = size // 4
    place = margin, picture.height - margin
    draw.rectangle(draw.textbbox(place, text, font, anchor="ld"), fill="black")
    draw.text(place, text, "white", font, anchor="ld")
    return drawn


def _called(
    function: Callable[..., Any], name: str, picture: PIL.Image.Image, frame: FrameInfo
) -> PIL.Image.Image:
    """Return what a function makes of a picture. Raises ImageError if it fails."""
    from PIL import Image

    try:
        made = function(picture, frame)
    except Exception as error:
        raise ImageError(f"{name} fails with it: {type(error).__name__}: {error}") from error
    if not isinstance(made, Image.Image):
        raise EditError(f"{name} returns {type(made).__name__}, not a picture of Pillow")
    return made
