"""Runs of one file that are at work at the same time, stopped and going on in any order.

Each run does to the storage what the steps of a real one do: it stores a raw file, frames and a
clip. Hypothesis lets it go on for a while, then another one, and so on; some never go on again,
which is what a kill looks like from the storage. Whenever all of them are stopped, and at the end,
the test looks at what a reader would find.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

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
    claim_in,
)
from imagetl_assets.storage import Store
from imagetl_assets.storage.base import WriteConflict
from imagetl_assets.storage.claims import Overtaken, claimed, turn_of_run
from imagetl_assets.storage.local import LocalStore
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import (
    FILES,
    begin,
    decoded,
    deltas_of,
    publish,
    written_to,
)
from imagetl_assets.storage.remote import RemoteStore
from imagetl_assets_tests.storage.stepping import Stepped, checkpoint
from testbed.bundles import tiny_frame

EXAMPLES = int(os.environ.get("IMAGETL_INTERLEAVINGS", "300"))

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
            digest = _digest(self.content.raw)
            if before and state and (before.version, before.sha256) == (state.version, digest):
                return before
            with claim.create("raw") as file:
                file.write(self.content.raw)
            state = self.folder.store.state(self.folder.path("raw"))
            assert state is not None
            raw = RawFile(
                "raw", state.size, digest, state.version, "https://h/", "ff", claim=claim.name
            )
            claim.save("raw_data_file", raw, is_new=claim.before is None)
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
            StoredFrameBatch((StoredFrame(None, len(data), _digest(data), LAYOUT, delta),))
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
            claim.save("clip_gif", clip, is_new=claim.before is None)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Interleavings(RuleBasedStateMachine):
    """Lets runs go on in any order, and looks at what there is in between."""

    open_store: Callable[[], Any]

    @initialize()
    def start(self) -> None:
        self.context = type(self).open_store()
        self.store: Store = self.context.__enter__()
        self.folder = PartitionFolder(self.store, KEY)
        self.runs: list[tuple[Run, Stepped]] = []
        self.newest: dict[str, str] = {}
        self.contents: dict[bytes, int] = {}

    @precondition(lambda self: len(self.runs) < 5)
    @rule(shade=st.integers(0, 2), frames=st.integers(1, 3), optimize=st.booleans())
    def begin_run(self, shade: int, frames: int, optimize: bool) -> None:
        run = Run(self.store, len(self.runs) + 1, Content(shade, frames), optimize)
        self.runs.append((run, Stepped(run.do)))

    @precondition(lambda self: bool(self.runs))
    @rule(choice=st.integers(0, 4), again=st.booleans())
    def repeat(self, choice: int, again: bool) -> None:
        """A second attempt of all steps of a run, as if its worker had been lost."""
        run, _ = self.runs[choice % len(self.runs)]
        if again and len(self.runs) < 5:
            self.runs.append((run, Stepped(run.do)))

    @precondition(lambda self: bool(self.runs))
    @rule(choice=st.integers(0, 4), steps=st.integers(1, 60))
    def go_on(self, choice: int, steps: int) -> None:
        _, stepped = self.runs[choice % len(self.runs)]
        stepped.step(steps)
        if isinstance(stepped.error, Exception):
            assert isinstance(stepped.error, Overtaken), repr(stepped.error)
        self.look()

    def look(self) -> None:
        """Look at all that a reader finds now."""
        for name in ("raw_data_file", "frames", "frame_files", "clip_gif"):
            record = self.folder.read_record(name)
            if record is None:
                continue
            turn = claim_in(record).split(".")[1]
            assert turn >= self.newest.get(name, ""), f"an older {name} has come back"
            self.newest[name] = turn
        self.frames_are_those_of_their_record()
        self.clip_is_no_mixture()

    def frames_are_those_of_their_record(self) -> None:
        files = decoded(FrameFiles, self.folder.read_record(FILES))
        if files:
            paths = [f"{self.folder.frames}/{name}" for name in files.names]
            stored = [_digest(data) for data in self.store.read_many(paths)]
            assert stored == [frame.sha256 for frame in files.frames]
            if files.frames[0].delta:
                for name in files.names:
                    assert self.store.state(f"{deltas_of(self.folder, files)}/{name}")

    def clip_is_no_mixture(self) -> None:
        if not self.store.state(self.folder.path("clip.gif")):
            return
        shades = [
            part.split()[1]
            for part in self.store.read(self.folder.path("clip.gif")).split(b";")[:-1]
        ]
        assert shades
        assert len(set(shades)) == 1

    def teardown(self) -> None:
        if not hasattr(self, "context"):
            return
        try:
            self.a_last_run_puts_everything_right(1000)
            self.those_that_go_on_after_it_change_nothing()
            self.a_last_run_puts_everything_right(2000)
        finally:
            for _, stepped in self.runs:
                stepped.end()
            self.context.__exit__(None, None, None)

    def a_last_run_puts_everything_right(self, number: int) -> None:
        last = Run(self.store, number, Content(9, 2), optimize=False)
        last.do()
        self.look()
        self.expected = {
            "raw": last.content.raw,
            "clip.gif": b"".join(data + b";" for data in last.content.frames),
            **{f"frames/frame_{i:02d}.gif": data for i, data in enumerate(last.content.frames)},
        }
        assert self.visible() == self.expected
        assert self.store.list_folders(self.folder.work) == []
        assert self.store.list_folders(self.folder.deltas) == []

    def those_that_go_on_after_it_change_nothing(self) -> None:
        for _, stepped in self.runs:
            stepped.finish()
            assert stepped.error is None or isinstance(stepped.error, Overtaken)
        visible = self.visible()
        more = visible.keys() - self.expected.keys()
        # A late step of the very first run may add a frame that no record names.
        assert not more or (self.store.creates_only_new and "raw" not in more)
        assert {name: visible[name] for name in self.expected} == self.expected
        self.look()

    def visible(self) -> Mapping[str, bytes]:
        names = [
            *self.store.list_files(KEY),
            *(f"frames/{name}" for name in self.store.list_files(self.folder.frames)),
        ]
        return {name: self.store.read(self.folder.path(name)) for name in names}


class SteppedBucket(RemoteStore):
    """A bucket, in memory, each request to which is a step.

    Attributes:
        creates_only_new: whether it can be told to create a file only if there is none.
    """

    creates_only_new = False

    def __init__(self, root: str) -> None:
        super().__init__(root, root)
        self._fs = _SteppedRequests(self._fs)

    @contextmanager
    def create(
        self, key: str, *, make_folder: bool = True, only_new: bool = False
    ) -> Iterator[BinaryIO]:
        parts: list[bytes] = []
        yield cast(BinaryIO, _Appending(parts))
        self.write_many({key: b"".join(parts)}, only_new=only_new)

    def _create_many(self, files: Mapping[str, bytes]) -> None:
        for path, data in files.items():
            checkpoint()
            memory = self._fs.memory
            if memory.exists(path) and memory.cat_file(path) != data:
                raise WriteConflict(path)
            memory.pipe_file(path, data)

    def _copy(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        for source, target in zip(sources, targets, strict=True):
            self._fs.cp_file(source, target)

    def _delete(self, paths: Any) -> None:
        for path in paths:
            with suppress(FileNotFoundError):
                self._fs.rm_file(path)

    def delete_many(self, keys: Any) -> None:
        # The one thing that is not protected, see `publishing`: nobody stops between the look
        # before it and the deletion.
        for key in keys:
            if self._fs.memory.exists(self._full(key)):
                self._fs.memory.rm_file(self._full(key))


class CreatingBucket(SteppedBucket):
    creates_only_new = True


class _Appending:
    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)


class _SteppedRequests:
    def __init__(self, memory: Any) -> None:
        self.memory = memory

    def __getattr__(self, name: str) -> Any:
        request = getattr(self.memory, name)

        def stepped(*args: Any, **options: Any) -> Any:
            checkpoint()
            return request(*args, **options)

        return stepped


@contextmanager
def bucket(kind: type[SteppedBucket]) -> Iterator[Store]:
    store = kind(f"memory://{uuid.uuid4()}")
    try:
        yield store
    finally:
        store._fs.memory.rm(store._prefix, recursive=True)


_CALLS = ("rename", "mkdir", "remove", "rmdir", "scandir", "listdir")
_DISK_CALLS = {"open", *(f"os.{name}" for name in _CALLS)}


def _step_at_disk_calls(event: str, args: tuple[Any, ...]) -> None:
    if event in _DISK_CALLS:
        checkpoint()


@contextmanager
def disk() -> Iterator[Store]:
    folder = tempfile.mkdtemp()
    try:
        yield LocalStore(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def steps_at_disk_calls() -> None:
    sys.addaudithook(_step_at_disk_calls)  # it stays, and does nothing in other threads


# Thousands of examples take longer than other tests may.
pytestmark = pytest.mark.timeout(3600)


def explore(open_store: Callable[[], Any]) -> None:
    machine = type("Machine", (Interleavings,), {"open_store": staticmethod(open_store)})
    run_machine(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.usefixtures("steps_at_disk_calls")
def test_on_a_disk_no_run_spoils_what_a_newer_one_has_made() -> None:
    explore(disk)


@pytest.mark.parametrize("kind", [SteppedBucket, CreatingBucket])
def test_in_a_bucket_no_run_spoils_what_a_newer_one_has_made(kind: type[SteppedBucket]) -> None:
    explore(lambda: bucket(kind))
