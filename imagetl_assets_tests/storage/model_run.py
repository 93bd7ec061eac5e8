"""A run of one file, as the storage sees it, without images and without Dagster."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from imagetl_assets.images import gif
from imagetl_assets.images.bundle import FrameSpan
from imagetl_assets.records import (
    Clip,
    FrameFiles,
    FrameIndex,
    RawFile,
    StoredDelta,
    StoredFrame,
    StoredFrameBatch,
    decoded,
)
from imagetl_assets.storage import Store
from imagetl_assets.storage.base import WriteConflict
from imagetl_assets.storage.claims import Overtaken, claimed, turn_of_run
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import (
    FILES,
    begin,
    deltas_of,
    publish,
    written_to,
)
from testbed.bundles import tiny_frame

KEY = "a.img"
LAYOUT = gif.parse(tiny_frame(0))
ATTEMPTS = 3


class Content:
    """What a run finds upstream. Runs of other shades have other bytes in each file."""

    def __init__(self, shade: int, frames: int) -> None:
        self.raw = f"raw {shade}".encode()
        self.frames = [f"frame {shade} {number}".encode() for number in range(frames)]


class Run:
    """One run of a file, as the storage sees it.

    Attributes:
        number: runs with higher numbers have started later.
        content: what there is upstream.
        optimize: whether it stores differences, too.
    """

    def __init__(self, store: Store, number: int, content: Content, optimize: bool) -> None:
        self.number = number
        self.content = content
        self.optimize = optimize
        self.folder = PartitionFolder(store, KEY)
        self.turn = turn_of_run(number, f"run {number}")

    def do(self) -> None:
        """Do all steps; one that is overtaken is tried again, where a real one is."""
        raw = self._tried(self._store_raw)
        index = self._tried(lambda: self._find(raw))
        self._store_frames(index)
        files = publish(self.folder, index, lambda: self._report(index))
        self._tried(lambda: self._make_clip(files))

    def _tried(self, step: Callable[[], Any]) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return step()
            except Overtaken:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError

    def _store_raw(self) -> RawFile:
        with claimed(self.folder, "raw_data_file", self.turn) as claim:
            before = decoded(RawFile, claim.before)
            state = self.folder.store.state(self.folder.path("raw"))
            sha256 = digest(self.content.raw)
            if before and state and (before.version, before.sha256) == (state.version, sha256):
                return before
            with claim.create("raw") as file:
                file.write(self.content.raw)
            state = self.folder.store.state(self.folder.path("raw"))
            assert state is not None
            raw = RawFile(
                "raw", state.size, sha256, state.version, "https://h/", "ff", claim=claim.name
            )
            claim.save(raw)
            return raw

    def _find(self, raw: RawFile) -> FrameIndex:
        spans = tuple(FrameSpan(i, i, 1, "GIF") for i in range(len(self.content.frames)))
        index = FrameIndex(raw, spans, (), 1, optimize=self.optimize)
        return begin(self.folder, index, self.turn)

    def _store_frames(self, index: FrameIndex) -> None:
        write = self.folder.store.write_many
        try:
            for name, data in zip(index.file_names(), self.content.frames, strict=True):
                place = f"{written_to(self.folder, index)}/{name}"
                write({place: data}, make_folder=False, only_new=index.in_place)
                if self.optimize:
                    write({f"{deltas_of(self.folder, index)}/{name}": data}, make_folder=False)
        except WriteConflict:
            raise Overtaken from None

    def _report(self, index: FrameIndex) -> Sequence[StoredFrameBatch]:
        delta = StoredDelta(1, LAYOUT) if self.optimize else None
        return [
            StoredFrameBatch((StoredFrame(None, len(data), digest(data), LAYOUT, delta),))
            for data in self.content.frames
        ]

    def _make_clip(self, files: FrameFiles) -> None:
        with claimed(self.folder, "clip_gif", self.turn) as claim:
            current = decoded(FrameFiles, self.folder.read_record(FILES))
            if current is None:
                raise Overtaken
            with claim.create("clip.gif") as file:
                try:
                    for name in current.names:
                        file.write(self.folder.store.read(f"{self.folder.frames}/{name}") + b";")
                except FileNotFoundError:
                    raise Overtaken from None
                if decoded(FrameFiles, self.folder.read_record(FILES)) != current:
                    raise Overtaken
            clip = Clip("clip.gif", 1, "00", len(current.names), 1, 1, claim=claim.name)
            claim.save(clip)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
