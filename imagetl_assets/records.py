"""What assets hand to each other: where the bytes are and what is known of them, never the bytes.

Each record is a small JSON file beside the results. It is JSON so that nobody who can write to the
storage can run code in the pipeline. A record is checked when it is read: its types, its
ranges, and whether it is in the format of this version. One that is not counts as unreadable, and
is written anew when its asset is materialized.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from imagetl_assets.images.bundle import DamagedFrame, FrameSpan
from imagetl_assets.images.bundles.four_newlines import FourNewlines
from imagetl_assets.images.dither import Dither
from imagetl_assets.images.edit import Edit
from imagetl_assets.images.gif import GifLayout
from imagetl_assets.images.new_size import Box
from imagetl_assets.images.outputs import FILMS, OUTPUTS
from imagetl_assets.names import CLAIM, check_path, frame_name

FORMAT = 3
"""Changes whenever the shape of a record does."""

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
ClaimName = Annotated[str, Meta(pattern=rf"\A({CLAIM})?\Z")]
FrameFileName = Annotated[str, Meta(pattern=r"\Aframe_\d+\.gif\Z")]

R = TypeVar("R", bound="Record")


class RecordError(ValueError):
    """A stored record that cannot be read; the message says why."""


class Record(
    Struct, frozen=True, kw_only=True, dict=True, tag_field="record", forbid_unknown_fields=True
):
    """Base of all records. Its subclasses are JSON objects that tell their kind and `FORMAT`.

    Attributes:
        format: of the record.
        claim: under which the record was stored, see `storage.claims`. "" if under none.
    """

    format: int = FORMAT
    claim: ClaimName = ""

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(_other_format(self.format))

    def to_json(self) -> bytes:
        """Return the record as UTF-8 JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls: type[R], data: bytes) -> R:
        """Return the record that `to_json` gave. Raises RecordError for anything else."""
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RecordError(_unreadable(cls, data, error)) from error

    @classmethod
    def from_dict(cls: type[R], data: Any) -> R:
        """Return the record whose JSON has become this. Raises RecordError for anything else."""
        try:
            return msgspec.convert(data, cls)
        except msgspec.MsgspecError as error:
            raise RecordError(f"no readable {cls.__name__} record: {error}") from error


class _Head(Struct):
    """What all records of all formats have told of themselves."""

    format: int
    claim: str = ""


def claim_in(record: bytes) -> str:
    """Return the claim that a stored record of any kind tells, or "" if it tells none."""
    try:
        return msgspec.json.decode(record, type=_Head).claim
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def decoded(kind: type[R], record: bytes | None) -> R | None:
    """Return a record from its stored form, or None where there is none that can be read."""
    try:
        return None if record is None else kind.from_json(record)
    except RecordError:
        return None


def _unreadable(kind: type[Record], data: bytes, error: Exception) -> str:
    problem = str(error)
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        head = msgspec.json.decode(data, type=_Head)
        if head.format != FORMAT:
            problem = _other_format(head.format)
    return f"no readable {kind.__name__} record: {problem}"


def _other_format(number: int) -> str:
    return f"it is in format {number}, and this version reads format {FORMAT}"


class RawFile(Record, frozen=True, tag=True):
    """The upstream file as it was stored.

    Attributes:
        path: in the partition folder.
        size: in bytes.
        sha256: of the content, in hex.
        version: of the stored file, see `storage.FileState`.
        source: the URL it came from, without credentials.
        source_id: a hash of the whole URL, to tell whether two downloads had the same source.
        etag: the upstream's, or None.
        last_modified: the upstream's, or None.
        served_from: a hash that names where redirects have led to, without anything secret; `etag`
            and `last_modified` are about that. None if there were no redirects.
    """

    path: str
    size: Count
    sha256: str
    version: str
    source: str
    source_id: str
    etag: str | None = None
    last_modified: str | None = None
    served_from: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_path(self.path)


class FrameIndex(Record, frozen=True, tag=True):
    """Where the frames are in the raw file.

    Attributes:
        raw: the raw file as it was when it was searched.
        frames: the frames, in order.
        damaged: pieces that were left out.
        per_step: how many frames a mapped step stores at most.
        in_place: whether they are written straight into the frames folder.
        kind: of the bundle, by its name in `images.bundles`.
        skip_damaged: whether frames whose pixels turn out to be damaged are left out, too.
        optimize: whether the difference of each frame from the one before is stored as well.
        dither: how colours are shown that are not in the palette of a frame.
        resize, function, caption: what is done to each picture, see `images.edit.Edit`.
    """

    raw: RawFile
    frames: tuple[FrameSpan, ...]
    damaged: tuple[DamagedFrame, ...]
    per_step: Positive
    in_place: bool = False
    skip_damaged: bool = False
    resize: Positive | Annotated[float, Meta(gt=0)] | Box | None = None
    optimize: bool = False
    kind: str = FourNewlines.name
    function: str | None = None
    caption: str | None = None
    dither: Dither = Dither.none

    @cached_property
    def fingerprint(self) -> str:
        """Tell sets of frames apart: frames of two indexes with one fingerprint are the same."""
        spans = [(s.number, s.offset, s.length, s.format, *s.detail) for s in self.frames]
        told = [(span.name, span.time) for span in self.frames] if self.edit.uses_info else None
        source = [self.raw.sha256, self.kind, self.pieces, spans, self.edit, told]
        if self.dither is not Dither.none:
            source.append(self.dither)
        return hashlib.sha256(msgspec.json.encode(source)).hexdigest()[:16]

    @property
    def edit(self) -> Edit:
        """What is done to each picture."""
        return Edit(self.resize, self.function, self.caption)

    @property
    def pieces(self) -> int:
        """How many pieces the bundle has, damaged ones included."""
        return len(self.frames) + len(self.damaged)

    def name(self, position: int) -> str:
        """Return the name of the frame at this position: it has the number of the frame."""
        return frame_name(self.frames[position].number, self.pieces)

    def file_names(self, left_out: Sequence[DamagedFrame] = ()) -> list[str]:
        """Return the names of all frame files, in order, but those of frames that are left out."""
        numbers = {piece.number for piece in left_out}
        return [
            f"{self.name(i)}.gif"
            for i, span in enumerate(self.frames)
            if span.number not in numbers
        ]


class StoredDelta(Struct, frozen=True, array_like=True):
    """What has to be drawn over the frame before to show a frame: a GIF, its size and layout."""

    size: Positive
    layout: GifLayout


class StoredFrame(Struct, frozen=True, array_like=True):
    """A frame file.

    Attributes:
        offset: where the same bytes are in the raw file, or None if the frame was converted.
        size: in bytes.
        sha256: of the content, in hex.
        layout: of the GIF.
        delta: its difference from the frame before, if that was asked for and is smaller.
        duration_ms: how long it was shown in the bundle, in milliseconds; None if that is not told.
        time: when it was taken or written, in seconds since 1970; None if that is not known.
        source: a hash of all that it was made from, see `assets.known_frames`; None if it is not to
            be known again.
    """

    offset: Count | None
    size: Positive
    sha256: str
    layout: GifLayout
    delta: StoredDelta | None = None
    duration_ms: Annotated[float, Meta(ge=0)] | None = None
    time: float | None = None
    source: str | None = None


class StoredFrameBatch(Record, frozen=True, tag=True):
    """What is stored of one frame batch, and what was left out of it."""

    frames: tuple[StoredFrame, ...]
    damaged: tuple[DamagedFrame, ...] = ()


class FrameFiles(Record, frozen=True, tag=True):
    """All frame files of a bundle, in order, and the raw file that they came from.

    Attributes:
        raw: the raw file.
        names: of the files in the frames folder.
        frames: as many.
        damaged: pieces of the raw file that were left out.
    """

    raw: RawFile
    names: tuple[FrameFileName, ...]
    frames: tuple[StoredFrame, ...]
    damaged: tuple[DamagedFrame, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.names) != len(self.frames):
            raise ValueError(f"there are {len(self.names)} names of {len(self.frames)} frames")


class FramesInExchange(Record, frozen=True, tag=True):
    """Takes the place of `FrameFiles` while the frames folder is filled with other files.

    Attributes:
        names: of all files that may be in the frames folder.
    """

    names: tuple[FrameFileName, ...]


class Clip(Record, frozen=True, tag=True):
    """The animation.

    Attributes:
        path: in the partition folder.
        size: in bytes.
        sha256: of the content, in hex.
        frames: how many images it shows.
        width: in pixels.
        height: in pixels.
        every: it shows each n-th image only.
    """

    path: str
    size: Positive
    sha256: str
    frames: Positive
    width: Positive
    height: Positive
    every: Positive = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_path(self.path)


RECORD_TYPES: Mapping[str, type[Record]] = {
    "raw_data_file": RawFile,
    "frames": FrameIndex,
    "frame_files": FrameFiles,
    **{output.asset_name: Clip for output in OUTPUTS},
    **{film.asset_name: Clip for film in FILMS},
}
"""The record of each asset."""
