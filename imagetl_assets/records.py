"""What assets hand to each other: where the bytes are and what is known of them, never the bytes.

Each record is a small JSON file beside the results. JSON, because whoever can write to the storage
must not be able to run code in the pipeline.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from msgspec import ValidationError, convert, to_builtins

from imagetl_assets.images.bundle import DamagedFrame, FrameSpan
from imagetl_assets.images.gif import GifLayout

MAX_MAPPED_STEPS = 64
_FRAMES_OF_SEVERAL_FILES = 32
_SHARED_EVENLY = 8

_FORMAT = 1


class RecordError(ValueError):
    """A stored record that cannot be read; the message says why."""


class Record:
    """Base of all records: turns a dataclass into JSON and back."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as what JSON can hold."""
        return {"record": type(self).__name__, "format": _FORMAT, **self._values()}

    def to_json(self) -> bytes:
        """Return the record as UTF-8 JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_dict(cls, data: Any) -> Any:
        """Return the record that `to_dict` gave. Raises RecordError for anything else."""
        try:
            values = dict(data)
            kind, number = values.pop("record"), values.pop("format")
            if (kind, number) != (cls.__name__, _FORMAT):
                raise ValueError(f"it holds {kind} in format {number}")
            return cls._build(values)
        except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RecordError(f"no readable {cls.__name__} record: {error}") from error

    @classmethod
    def from_json(cls, data: bytes) -> Any:
        """Return the record that `to_json` gave. Raises RecordError for anything else."""
        try:
            values = json.loads(data)
        except ValueError as error:
            raise RecordError(f"no readable {cls.__name__} record: {error}") from error
        return cls.from_dict(values)

    def _values(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def _build(cls, values: dict[str, Any]) -> Any:
        return cls(**values)


@dataclass(frozen=True)
class RawFile(Record):
    """The upstream file as it was stored.

    Attributes:
        path: in the partition's folder.
        size: in bytes.
        sha256: of the content, in hex.
        version: of the stored file, see `storage.FileState`.
        source: the URL it came from, without credentials.
        source_id: a hash of the whole URL, to tell whether two downloads had the same source.
        etag: the upstream's, or None.
        last_modified: the upstream's, or None.
    """

    path: str
    size: int
    sha256: str
    version: str
    source: str
    source_id: str
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class FramesOwner(Record):
    """Which frames are, or may be, in the folder of all frames.

    Attributes:
        fingerprint: of their index; None if there may be frames of more than one.
        counts: how many frames each index has that there may be frames of.
        optimized: whether there may be differences between frames, too.
    """

    fingerprint: str | None
    counts: tuple[int, ...]
    optimized: bool

    def mixed_with(self, other: FramesOwner) -> FramesOwner:
        """Return what to say while frames of the one are replaced by those of the other."""
        counts = tuple(sorted({*self.counts, *other.counts}))
        return FramesOwner(None, counts, self.optimized or other.optimized)

    def file_names(self) -> list[str]:
        """Return the names of all frame files that there may be."""
        names = {frame_name(i, count) for count in self.counts for i in range(count)}
        return [f"{name}.gif" for name in sorted(names)]

    @classmethod
    def _build(cls, values: dict[str, Any]) -> FramesOwner:
        return cls(values["fingerprint"], tuple(values["counts"]), values["optimized"])


@dataclass(frozen=True)
class FrameIndex(Record):
    """Where the frames are in the raw file.

    Attributes:
        raw: the raw file as it was when it was searched.
        frames: the frames in order.
        damaged: pieces that were left out.
        per_step: how many frames a mapped step stores at most.
        folder: where they are stored until all are there, in the partition's folder.
        former: whose frames were in the folder of all frames before.
        skip_damaged: whether frames whose pixels turn out to be damaged are left out, too.
        resize: the width in pixels (int), or the factor (float), that frames are stored in.
        optimize: whether the difference of each frame from the one before is stored as well.
    """

    raw: RawFile
    frames: tuple[FrameSpan, ...]
    damaged: tuple[DamagedFrame, ...]
    per_step: int
    folder: str
    skip_damaged: bool = False
    resize: int | float | None = None
    optimize: bool = False
    former: FramesOwner | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Tell frames of different bytes apart: two indexes with one fingerprint give the same."""
        spans = [(span.offset, span.length, span.format) for span in self.frames]
        source = [self.raw.sha256, spans, self.resize]
        return hashlib.sha256(json.dumps(source).encode()).hexdigest()[:16]

    @property
    def owner(self) -> FramesOwner:
        """What to say of the folder of all frames once these are there."""
        return FramesOwner(self.fingerprint, (len(self.frames),), self.optimize)

    def name(self, position: int) -> str:
        """Return the name of the frame at this position."""
        return frame_name(position, len(self.frames))

    def file_names(self, left_out: Sequence[DamagedFrame] = ()) -> list[str]:
        """Return the names of all frame files, in order, but those of frames that are left out."""
        numbers = {piece.number for piece in left_out}
        return [
            f"{self.name(i)}.gif"
            for i, span in enumerate(self.frames)
            if span.number not in numbers
        ]

    def batches(self) -> dict[str, range]:
        """Return the positions of the frames that each mapped step stores, by its mapping key.

        All have the same number, or one less.
        """
        total = len(self.frames)
        steps = -(-total // self.per_step)
        ends = [number * total // steps for number in range(steps + 1)]
        parts = [range(start, end) for start, end in pairwise(ends)]
        return {self._mapping_key(part): part for part in parts}

    def _mapping_key(self, part: range) -> str:
        first, last = self.name(part[0]), self.name(part[-1])
        if self.per_step == 1:
            return first
        return f"frames_{first.removeprefix('frame_')}_{last.removeprefix('frame_')}"

    def _values(self) -> dict[str, Any]:
        return {
            "raw": asdict(self.raw),
            "frames": [[s.number, s.offset, s.length, s.format] for s in self.frames],
            "damaged": _damaged_rows(self.damaged),
            "per_step": self.per_step,
            "folder": self.folder,
            "skip_damaged": self.skip_damaged,
            "resize": self.resize,
            "optimize": self.optimize,
            "former": asdict(self.former) if self.former else None,
        }

    @classmethod
    def _build(cls, values: dict[str, Any]) -> FrameIndex:
        return cls(
            raw=RawFile(**values["raw"]),
            frames=tuple(FrameSpan(*row) for row in values["frames"]),
            damaged=_damaged_frames(values["damaged"]),
            per_step=values["per_step"],
            folder=values["folder"],
            skip_damaged=values["skip_damaged"],
            resize=values["resize"],
            optimize=values["optimize"],
            former=FramesOwner._build(values["former"]) if values["former"] else None,
        )


def frame_name(position: int, count: int) -> str:
    """Return the name of one of `count` frames, zero-padded so that names sort."""
    return f"frame_{position:0{max(2, len(str(count)))}d}"


def _damaged_rows(damaged: tuple[DamagedFrame, ...]) -> list[list[Any]]:
    return [[d.number, d.offset, d.length, d.problem] for d in damaged]


def _damaged_frames(rows: list[list[Any]]) -> tuple[DamagedFrame, ...]:
    return tuple(DamagedFrame(*row) for row in rows)


@dataclass(frozen=True)
class StoredDelta:
    """What has to be drawn over the frame before to show a frame: a GIF, its size and layout."""

    size: int
    layout: GifLayout


def frames_per_step(frames: int) -> int:
    """Return how many frames of a file a mapped step stores, unless its config says so.

    One up to `MAX_MAPPED_STEPS`. Above that, about as many as there are steps: few steps waste
    the less time in between, many keep more workers busy. Where it can be, the number of steps is
    one that 2, 4 or 8 workers share out evenly.
    """
    if frames <= MAX_MAPPED_STEPS:
        return 1
    steps = _SHARED_EVENLY * -(-math.isqrt(frames) // _SHARED_EVENLY)
    return -(-frames // min(steps, MAX_MAPPED_STEPS))


def mapped_steps(indexes: Mapping[str, FrameIndex]) -> dict[str, list[tuple[str, str]]]:
    """Return the batches, as (partition key, batch key), of each mapped step by its mapping key.

    A step has one batch, unless the run is about several files: then it has as many as make up
    some frames, for many small files cost more by their steps than by their frames.
    """
    if len(indexes) == 1:
        return {
            batch: [(key, batch)] for key, index in indexes.items() for batch in index.batches()
        }
    total = sum(len(index.frames) for index in indexes.values())
    enough = max(_FRAMES_OF_SEVERAL_FILES, -(-total // MAX_MAPPED_STEPS))
    steps: list[list[tuple[str, str]]] = []
    room = 0
    for key, index in indexes.items():
        for batch, positions in index.batches().items():
            if room <= 0:
                steps.append([])
                room = enough
            steps[-1].append((key, batch))
            room -= len(positions)
    return {f"batches_{number:02d}": step for number, step in enumerate(steps)}


@dataclass(frozen=True)
class StoredFrame:
    """A frame as it was stored: a GIF, its size, hash and layout.

    `offset` is where the same bytes are in the raw file, or None if the frame was converted.
    `delta` is its difference from the frame before, if that was asked for and is smaller.
    """

    offset: int | None
    size: int
    sha256: str
    layout: GifLayout
    delta: StoredDelta | None = None

    def to_row(self) -> list[Any]:
        """Return the frame as a JSON list."""
        row = [self.offset, self.size, self.sha256, to_builtins(self.layout)]
        return [*row, self.delta.size, to_builtins(self.delta.layout)] if self.delta else row

    @staticmethod
    def from_row(row: list[Any]) -> StoredFrame:
        """Return the frame that `to_row` gave."""
        offset, size, sha256, layout, *rest = row
        delta = StoredDelta(rest[0], convert(rest[1], GifLayout)) if rest else None
        return StoredFrame(offset, size, sha256, convert(layout, GifLayout), delta)


@dataclass(frozen=True)
class StoredBatch(Record):
    """What one mapped step has stored, and what it has left out."""

    frames: tuple[StoredFrame, ...]
    damaged: tuple[DamagedFrame, ...] = ()

    def _values(self) -> dict[str, Any]:
        return {
            "frames": [frame.to_row() for frame in self.frames],
            "damaged": _damaged_rows(self.damaged),
        }

    @classmethod
    def _build(cls, values: dict[str, Any]) -> StoredBatch:
        frames = tuple(StoredFrame.from_row(row) for row in values["frames"])
        return cls(frames, _damaged_frames(values["damaged"]))


@dataclass(frozen=True)
class FrameFiles(Record):
    """All stored frames of a bundle, in order, and the raw file that they came from.

    Attributes:
        fingerprint: of the index that they were stored by.
        names: of the files in the partition's frames folder.
        damaged: pieces of the raw file that were left out.
    """

    raw: RawFile
    fingerprint: str
    names: tuple[str, ...]
    frames: tuple[StoredFrame, ...]
    damaged: tuple[DamagedFrame, ...] = ()

    def _values(self) -> dict[str, Any]:
        return {
            "raw": asdict(self.raw),
            "fingerprint": self.fingerprint,
            "names": list(self.names),
            "frames": [frame.to_row() for frame in self.frames],
            "damaged": _damaged_rows(self.damaged),
        }

    @classmethod
    def _build(cls, values: dict[str, Any]) -> FrameFiles:
        return cls(
            raw=RawFile(**values["raw"]),
            fingerprint=values["fingerprint"],
            names=tuple(values["names"]),
            frames=tuple(StoredFrame.from_row(row) for row in values["frames"]),
            damaged=_damaged_frames(values["damaged"]),
        )


@dataclass(frozen=True)
class Clip(Record):
    """The animation: where it is in the partition's folder, and what it is.

    `every` says that it shows each n-th image only.
    """

    path: str
    size: int
    sha256: str
    frames: int
    width: int
    height: int
    every: int = 1


RECORD_TYPES: Mapping[str, type[Record]] = {
    "raw_data_file": RawFile,
    "frames": FrameIndex,
    "frame_files": FrameFiles,
    "clip_gif": Clip,
}
"""The record of each asset."""
