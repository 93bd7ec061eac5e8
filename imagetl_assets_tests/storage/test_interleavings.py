"""Runs of one file that are at work at the same time, stopped and going on in any order.

Each run does to the storage what the steps of a real one do: it stores a raw file, frames and a
clip. Hypothesis lets it go on for a while, then another one, and so on; some never go on again,
which is what a kill looks like from the storage. Whenever all of them are stopped, and at the end,
the test looks at what a reader would find.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from imagetl_assets.records import (
    FrameFiles,
    claim_in,
    decoded,
)
from imagetl_assets.storage import Store, open_store
from imagetl_assets.storage.claims import Overtaken
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import (
    FILES,
    deltas_of,
)
from imagetl_assets_tests.storage.model_run import KEY, Content, Run, digest
from imagetl_assets_tests.storage.stepped_stores import (
    CreatingBucket,
    SteppedBucket,
    SteppedCalls,
    bucket,
    disk,
    step_at_disk_calls,
)
from imagetl_assets_tests.storage.stepping import Stepped
from testbed import cloud_emulators, object_store

EXAMPLES = int(os.environ.get("IMAGETL_INTERLEAVINGS", "100"))


SHADES, FRAMES = st.integers(0, 2), st.integers(1, 3)


class Interleavings(RuleBasedStateMachine):
    """Lets runs go on in any order, and looks at what there is in between."""

    open_store: Callable[[], Any]

    @initialize(shade=SHADES, frames=FRAMES, optimize=st.booleans())
    def start(self, shade: int, frames: int, optimize: bool) -> None:
        self.begin_in(type(self).open_store())
        self.begin_run(shade, frames, optimize)

    def begin_in(self, context: AbstractContextManager[Any]) -> None:
        self.context = context
        self.store: Store = self.context.__enter__()
        self.folder = PartitionFolder(self.store, KEY)
        self.runs: list[tuple[Run, Stepped]] = []
        self.newest: dict[str, str] = {}

    # No rule has a precondition: Hypothesis gives up an example in which it picks three such rules
    # in a row that cannot be, and of three rules it does that often.
    @rule(shade=SHADES, frames=FRAMES, optimize=st.booleans())
    def begin_run(self, shade: int, frames: int, optimize: bool) -> None:
        if len(self.runs) < 5:
            run = Run(self.store, len(self.runs) + 1, Content(shade, frames), optimize)
            self.runs.append((run, Stepped(run.do)))

    @rule(choice=st.integers(0, 4), again=st.booleans())
    def repeat(self, choice: int, again: bool) -> None:
        """A second attempt of all steps of a run, as if its worker had been lost."""
        run, _ = self.runs[choice % len(self.runs)]
        if again and len(self.runs) < 5:
            self.runs.append((run, Stepped(run.do)))

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
            stored = [digest(data) for data in self.store.read_many(paths)]
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


@pytest.fixture(scope="module")
def steps_at_disk_calls() -> None:
    sys.addaudithook(step_at_disk_calls)  # it stays, and does nothing in other threads


# Thousands of examples take longer than other tests may.
pytestmark = pytest.mark.timeout(3600)


def explore(open_store: Callable[[], Any], examples: int = EXAMPLES) -> None:
    machine = type("Machine", (Interleavings,), {"open_store": staticmethod(open_store)})
    run_machine(
        machine,
        settings=settings(
            max_examples=examples,
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


@pytest.mark.parametrize("kind", [SteppedBucket, CreatingBucket])
def test_a_run_that_goes_on_after_a_newer_one_changes_nothing_wherever_it_was_stopped(
    kind: type[SteppedBucket],
) -> None:
    """Random interleavings seldom hit the moment that counts; this one tries all of them.

    Without `Claim.check`, a third of the moments are wrong, and 100 random examples found none.
    """
    stopped_before_its_end, number = True, 0
    while stopped_before_its_end:
        machine = Interleavings()
        machine.begin_in(bucket(kind))
        Run(machine.store, 0, Content(5, 3), optimize=True).do()
        machine.begin_run(0, 3, True)
        machine.go_on(0, number)
        stopped_before_its_end = not machine.runs[0][1].done
        machine.teardown()  # A newer run does all it has to, and then this one goes on.
        number += 1
    assert number > 50


@pytest.mark.parametrize("kind", ["moto", "gcs", "azure"])
def test_in_a_real_bucket_no_run_spoils_what_a_newer_one_has_made(
    request: pytest.FixtureRequest, kind: str
) -> None:
    """Each example makes hundreds of requests, so there are few of them."""
    running = request.getfixturevalue(f"{kind}_store")
    with object_store.reached(running):
        if kind in cloud_emulators.KINDS:
            root = cloud_emulators.new_bucket(running)
        else:
            root = f"s3://{object_store.new_bucket(running)}"

        def a_folder_of_it() -> AbstractContextManager[object]:
            return nullcontext(SteppedCalls(open_store(f"{root}/{uuid.uuid4()}")))

        explore(a_folder_of_it, examples=max(3, EXAMPLES // 100))
