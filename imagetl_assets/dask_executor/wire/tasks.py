"""What a worker is given: a batch of steps, and the run that they belong to.

Both travel as pickles, which Dask does not look into: it would search arguments for futures of its
own, and some of Dagster's objects cannot be searched. A header travels beside them as plain values,
so that a worker can compare versions, and refuse, before it unpickles anything.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from imagetl_assets.dask_executor.wire.versions import Versions

if TYPE_CHECKING:
    from dagster import DagsterRun

    from imagetl_assets.dask_executor.dagster_internals.names import (
        InstanceRef,
        KnownExecutionState,
        PastExecutionState,
        ReconstructableJob,
        RepositoryLoadData,
        RetryMode,
        StepOutputHandle,
    )


class Header(TypedDict):
    """What a worker has to know before it unpickles: plain values only.

    Attributes:
        versions: of the run's process.
        token: unique for one execution of one run.
        topic: the topic of the scheduler under which the worker publishes its messages.
        batch: the number of the batch, as in `Batch`.
    """

    versions: Versions
    token: str
    topic: str
    batch: int


Given = tuple[Header, bytes, bytes]
"""What a worker is given: a header, a pickled `RunSpec` and a pickled `Batch`."""


@dataclass(frozen=True)
class RunSpec:
    """What is the same for every batch of a run.

    Attributes:
        job: where workers load the job from.
        dagster_run: the run, as Dagster stores it.
        run_config: the run's config.
        instance_ref: where workers open the run's Dagster instance.
        retry_mode: whether steps that ask for a retry get one.
        repository_load_data: what Dagster passes on to load a repository faster, or None.
        step_output_versions: data versions of outputs that were made before this run.
        parent_state: what a re-execution takes over from its parent run, or None.
        code_version: a digest of the job's source files, or None if it is not known.
    """

    job: ReconstructableJob
    dagster_run: DagsterRun
    run_config: Mapping[str, object]
    instance_ref: InstanceRef
    retry_mode: RetryMode
    repository_load_data: RepositoryLoadData | None
    step_output_versions: Mapping[StepOutputHandle, str]
    parent_state: PastExecutionState | None
    code_version: str | None

    def to_wire(self) -> bytes:
        """Return the spec as bytes."""
        return pickle.dumps(self, protocol=5)


class Isolation(NamedTuple):
    """That a step is run in a process of its own, and how that is started.

    Attributes:
        python: the Python that runs it. None: that of the worker.
        env: names and values of environment variables that it has beside those of the worker.
    """

    python: str | None = None
    env: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def from_value(value: object) -> Isolation | None:
        """Return what `true`, `false`, or an object with `python` and `env` or one of them means.

        Raises:
            ValueError: it is something else.
        """
        match value:
            case True:
                return Isolation()
            case False:
                return None
            case dict() if value.keys() <= {"python", "env"}:
                python, env = value.get("python"), value.get("env") or {}
                texts = (
                    [python or "", *env.keys(), *env.values()] if isinstance(env, dict) else [env]
                )
                if all(isinstance(text, str) for text in texts):
                    return Isolation(python, tuple(sorted(env.items())))
        raise ValueError(f"{value!r} is not how a process is started")


@dataclass(frozen=True)
class Batch:
    """Steps that one worker process runs one after the other.

    Either the steps do not depend on each other, or each needs only steps before it.

    Attributes:
        number: counts the batches of a run from 1.
        step_keys: in the order in which the steps are run.
        known_state: the part of the run's state that these steps need.
        isolation: how the process of the one step is started, or None if the worker itself runs the
            steps.
    """

    number: int
    step_keys: Sequence[str]
    known_state: KnownExecutionState
    isolation: Isolation | None = None

    def to_wire(self) -> bytes:
        """Return the batch as bytes."""
        return pickle.dumps(self, protocol=5)
