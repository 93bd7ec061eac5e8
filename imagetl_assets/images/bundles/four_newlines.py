"""Encoded images one after the other, with four newlines between them.

Strategy: each image is asked for its own end (`image_formats`), so newlines within its data do not
cut it. A separator is looked for only from there on. No byte is dropped in silence:

- Four or more newlines after an image separate it from the next one. Newlines at the start and at
  the end of the bundle hold nothing.
- Four or more line ends of any kind (LF, CR LF, CR), with or without spaces and tabs between them,
  are what a transfer in text mode, or an editor, makes of four newlines. They separate images too,
  and are noted.
- If another image begins before any separator, the first one is reported as damaged, with all bytes
  up to the other, which is a piece of its own.
- Any other bytes between the end of an image and the next separator stay with the image, as
  decoders ignore them. They are noted.

A damaged image must not make its neighbours damaged. An image that was cut short can seem to end at
the end of a later image, and nothing in its own structure shows that. So an image also counts as
damaged if another one begins inside it, right after a separator, and ends at the same place.

A GIF without its trailer, or with zero bytes between its blocks, seems damaged, too. It is accepted
if the bytes up to its separator are a whole GIF apart from that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from imagetl_assets.images import gif
from imagetl_assets.images.bundles.kind import SNIFFED as SNIFFED_OF_FILE
from imagetl_assets.images.bundles.kind import (
    BundleReader,
    DamagedFrame,
    FrameImage,
    FrameSpan,
    Remarks,
    image_of_each,
)
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats import FORMATS, SIGNATURE, SNIFFED, sniff
from imagetl_assets.images.window import Window

SEPARATOR = b"\n\n\n\n"

ALTERED = "separators with line ends other than LF, as after a transfer in text mode"
TRAILING = "images with bytes after their end, which decoders ignore"

_LINE_ENDS = len(SEPARATOR)
_FIRST_LINE_ENDS = re.compile(rb"(?:[\t ]*(?:\r\n|\n|\r(?!\n))){4}")
# Where a separator may be, altered or not. Two patterns, as one that begins with a single byte is
# searched for three times as fast.
_LINE_ENDS_NEAR = [re.compile(rb"%s(?:[\t ]{0,300}[\r\n]){3}" % first) for first in (b"\r", b"\n")]
_WHITESPACE = b"\n\r\t "
_CONTENT = re.compile(rb"[^\0]")

# More whitespace than this is not looked at to tell whether it is a separator.
_MOST_WHITESPACE = 1024

# To find the end of a damaged image, bytes after it may be read in vain, and for all damaged images
# together at most so many: a number of bytes, and a multiple of the bytes that these images have.
# In a file that was made so that every image overlaps every other, the search is given up there.
_MOST_READ_IN_VAIN = 64 * 1024 * 1024
_MOST_TIMES_READ_IN_VAIN = 16


class FourNewlines:
    """The kind of bundle that the project was made for."""

    name = "four newlines"
    sequential = False

    def recognises(self, window: Window) -> bool:
        """Tell whether an image begins there, after any line ends and spaces."""
        return sniff(window.peek(0, SNIFFED_OF_FILE).lstrip(_WHITESPACE)) is not None

    def pieces(self, window: Window, remarks: Remarks) -> Iterator[FrameSpan | DamagedFrame]:
        """Yield all pieces in order, damaged ones included; note what is unusual."""
        return _Search(window, remarks).pieces()

    def images(
        self, bundle: BundleReader, spans: Sequence[FrameSpan]
    ) -> Iterator[FrameImage | ImageError]:
        """Yield the images as they are."""
        return image_of_each(bundle, spans, lambda span, data: FrameImage(data, span.offset))


_CUT_SHORT = "the image is cut short: another begins inside it"


class _NoSeparator(ImageError):
    """Another image begins at `at` although no separator is before it."""

    def __init__(self, format: str | None, at: int) -> None:
        super().__init__(f"a {format} image follows without the four newlines between", at)
        self.at = at


class _Found(NamedTuple):
    """A whole image: its format, and where the image and its piece of the bundle end."""

    format: str
    end: int
    piece_end: int


class _Search:
    """One pass through a bundle."""

    def __init__(self, window: Window, remarks: Remarks) -> None:
        self._window = window
        self._remarks = remarks
        self._in_vain = 0
        self._searched_from = self._next_at = -1

    def pieces(self) -> Iterator[FrameSpan | DamagedFrame]:
        window = self._window
        number = 0
        pos = self._skip_separator(0)
        while pos < window.size:
            window.settle(pos)
            try:
                found = self._image_at(pos)
                if self._cut_short(pos, found):
                    raise ImageError(_CUT_SHORT, found.piece_end)
            except _NoSeparator as error:
                end = self._end_without_separator(pos, error.at)
                problem = str(error if end == error.at else ImageError(_CUT_SHORT, error.at))
                yield DamagedFrame(number, pos, end - pos, problem)
            except ImageError as error:
                end = self._end_of_damaged(pos, pos if error.offset is None else error.offset)
                if self._whole_alone(pos, end):
                    yield FrameSpan(number, pos, end - pos, "GIF")
                else:
                    yield DamagedFrame(number, pos, end - pos, str(error))
            else:
                end = found.piece_end
                if found.end < end and window.search(_CONTENT, 1, found.end, end) >= 0:
                    self._remarks.note(TRAILING, found.end)
                yield FrameSpan(number, pos, end - pos, found.format)
            number += 1
            pos = self._skip_separator(end)

    def _image_at(self, pos: int) -> _Found:
        """Return the image at `pos`. Raises ImageError if it is damaged."""
        name = self._format_at(pos)
        if name is None:
            first = self._window.peek(pos, 8).hex(" ")
            raise ImageError(f"no known image format begins with the bytes {first}", pos)
        end = FORMATS[name].end(self._window, pos)
        return _Found(name, end, self._piece_end(end))

    def _piece_end(self, end: int) -> int:
        """Return where the piece ends whose image ends at `end`: before the next separator.

        Raises:
            _NoSeparator: another image begins before.
        """
        window = self._window
        after = window.skip_newlines(end)
        if after - end >= _LINE_ENDS or after == window.size:
            return end
        after = window.skip_whitespace(after)
        if after == window.size or self._separates(end, after):
            return end
        stop = self._next_separator(end)
        at = end - 1
        while (at := window.search(SIGNATURE, SNIFFED, at + 1, stop)) >= 0:
            gap = self._whitespace_before(at, end)
            if self._separates(gap, at):
                return gap
            if at == after or self._complete(at):
                raise _NoSeparator(self._format_at(at), at)
        return stop

    def _whole_alone(self, pos: int, end: int) -> bool:
        """Tell whether `pos`..`end` is a GIF that is whole if it is read alone."""
        if self._format_at(pos) != "GIF":
            return False
        try:
            gif.walk(self._window.until(end), pos, alone=True)
        except ImageError:
            return False
        return True

    def _cut_short(self, pos: int, found: _Found) -> bool:
        """Tell whether the image at `pos` took its end from a later image, which is whole.

        If that ends before, and is not all that follows, it is in the metadata of this one.
        """
        window = self._window
        last = max((after for _, after in self._inside(pos, found.piece_end)), default=-1)
        name = self._format_at(last) if last >= 0 else None
        if name is None or last == found.piece_end:
            return False
        try:
            end = (FORMATS[name].strict_end or FORMATS[name].end)(window, last)
            piece_end = self._piece_end(end)
        except ImageError:
            return False
        # The image may have taken some bytes of the separator for its own.
        same_piece = window.skip_whitespace(piece_end) == window.skip_whitespace(found.piece_end)
        return same_piece and found.end <= window.skip_whitespace(end)

    def _end_without_separator(self, pos: int, end: int) -> int:
        """Return where a damaged piece ends that has no separator from the image at `end`.

        That is there, unless the piece was cut short and took its end from within a separator.
        """
        inside = sorted(self._inside(pos, end))
        return next((at for at, after in inside if self._complete(after)), end)

    def _inside(self, pos: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield start and end of separators of any kind in `pos`..`end` that an image follows."""
        window = self._window
        for pattern in _LINE_ENDS_NEAR:
            after = pos
            while (at := window.search(pattern, _MOST_WHITESPACE, after, end)) >= 0:
                after = window.skip_whitespace(at)
                if after <= end and self._format_at(after):
                    gap = self._whitespace_before(after, pos)
                    if self._separates(gap, after):
                        yield gap, after

    def _end_of_damaged(self, pos: int, noticed: int) -> int:
        """Return where the damaged piece at `pos` ends, whose damage was noticed somewhere."""
        end = self._next_piece(pos, noticed)
        self._in_vain += max(0, noticed - end)
        return self._window.size if self._too_much_in_vain(end) else end

    def _next_piece(self, pos: int, noticed: int) -> int:
        """Return where the damaged image at `pos` ends: at a separator, or with the file.

        Up to where the damage was noticed the image may hold newlines of its own, so a separator
        counts there only if an image follows it. One that was altered counts only if one does.
        """
        window = self._window
        at = pos
        while True:
            end = self._next_separator(at)
            if (altered := self._next_altered(at, end)) >= 0:
                return altered
            at = window.skip_whitespace(end)
            if end >= noticed or at == window.size or self._format_at(at):
                return end

    def _next_separator(self, pos: int) -> int:
        """Return where the next four newlines are, or the end of the file.

        The last answer is kept, so that the bundle is searched once, however many pieces it has.
        """
        if not self._searched_from <= pos <= self._next_at:
            found = self._window.find(SEPARATOR, pos, self._window.size)
            self._searched_from = pos
            self._next_at = self._window.size if found < 0 else found
        return self._next_at

    def _next_altered(self, pos: int, end: int) -> int:
        """Return where the next altered separator is that an image follows within `end`, or -1."""
        at = pos
        while (at := self._window.search(SIGNATURE, SNIFFED, at + 1, end)) >= 0:
            gap = self._whitespace_before(at, pos)
            if self._separates(gap, at):
                return gap
        return -1

    def _separates(self, start: int, end: int) -> bool:
        """Tell whether the whitespace `start`..`end` is a separator, altered or not."""
        data = self._window.peek(start, min(end - start, _MOST_WHITESPACE))
        return _FIRST_LINE_ENDS.match(data) is not None

    def _skip_separator(self, pos: int) -> int:
        """Return where the next piece begins; note it if the whitespace before is not newlines."""
        newlines_end = self._window.skip_newlines(pos)
        end = self._window.skip_whitespace(newlines_end)
        if end > newlines_end:
            self._remarks.note(ALTERED, pos)
        return end

    def _whitespace_before(self, pos: int, least: int) -> int:
        """Return where the whitespace before `pos` begins, which is not before `least`."""
        start = max(least, pos - _MOST_WHITESPACE)
        return start + len(self._window.read(start, pos - start).rstrip(_WHITESPACE))

    def _complete(self, pos: int) -> bool:
        """Tell whether a whole image is at `pos`."""
        name = self._format_at(pos)
        if name is None or self._too_much_in_vain(pos):
            return False
        try:
            end = FORMATS[name].end(self._window, pos)
        except ImageError as error:
            self._in_vain += max(0, (error.offset or pos) - pos)
            return False
        self._in_vain += end - pos
        return True

    def _too_much_in_vain(self, pos: int) -> bool:
        return self._in_vain > _MOST_READ_IN_VAIN + _MOST_TIMES_READ_IN_VAIN * pos

    def _format_at(self, pos: int) -> str | None:
        """Return the format of the image that begins at `pos`, or None if none does."""
        return sniff(self._window.peek(pos, SNIFFED))
