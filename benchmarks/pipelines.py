"""The pipelines that are compared: how each is installed and started."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bench import Bench, Figures
from benchmarks.contenders import Contender, ContenderFailed, Turn, at_work
from benchmarks.environments import PEERS, NotInstallable, environment, versions
from benchmarks.results import OURS, TIME

MAIN_MEMORY = "peak memory of the run's process"
LARGEST_MEMORY = "peak memory of the largest process"
WORKERS = 2


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that makes a clip of a bundle, as a contender.

    Attributes:
        name: in the report.
        args: arguments of Python, to start it.
        packages: those whose versions are in the report.
        requirements: its requirements file, if it needs an environment of its own.
        python: the version of Python for that environment.
        env: environment variables of its own.
    """

    name: str
    args: Sequence[str]
    packages: tuple[str, ...] = ()
    requirements: Path | None = None
    python: str = ""
    env: Mapping[str, str] = field(default_factory=dict, hash=False)

    def interpreter(self) -> str:
        """Return the interpreter to start it with. Raises NotInstallable."""
        if self.requirements is None:
            return sys.executable
        return str(environment(self.requirements, self.python))


def _dagster(executor: str) -> Sequence[str]:
    return ("-m", "benchmarks.dagster_runs", executor, str(WORKERS))


IMAGETL = Pipeline(OURS, _dagster("dask"), ("imagetl-assets", "dagster", "dask", "distributed"))
ORIGINAL = Pipeline(
    "original flow",
    ("-m", "benchmarks.peers.original_flow"),
    ("prefect", "dask", "distributed", "imageio"),
    PEERS / "requirements-original.txt",
    "3.8",
)
PREFECT3 = Pipeline(
    "Prefect 3",
    ("-m", "benchmarks.peers.prefect3_flow"),
    ("prefect", "prefect-dask", "dask", "distributed", "imageio"),
    PEERS / "requirements-prefect3.txt",
    f"{sys.version_info.major}.{sys.version_info.minor}",
)
MULTIPROCESS = Pipeline("Dagster multiprocess", _dagster("multiprocess"), ("dagster",))
IN_PROCESS = Pipeline("Dagster in-process", _dagster("in_process"), ("dagster",))
FUTURES = Pipeline("plain Dask futures", ("-m", "benchmarks.peers.dask_futures"), ("dask",))
LOOP = Pipeline("plain Python loop", ("-m", "benchmarks.peers.plain_loop"))


def available(bench: Bench, pipelines: Sequence[Pipeline]) -> dict[Pipeline, str]:
    """Return the interpreters of the pipelines that can be installed here; skip the others."""
    found = {}
    for pipeline in pipelines:
        try:
            python = pipeline.interpreter()
        except NotInstallable as error:
            bench.skip(pipeline.name, str(error))
            continue
        bench.measurement.versions[pipeline.name] = versions(python, pipeline.packages)
        found[pipeline] = python
    return found


def prefect_settings(folder: Path) -> dict[str, str]:
    """Return the environment for Prefect 3: its state in this folder, long timeouts."""
    return {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }


@contextmanager
def all_at_work(bench: Bench, pipelines: Sequence[Pipeline]) -> Iterator[dict[str, Contender]]:
    """Start the pipelines that can be installed; yield them by name; stop them after the block."""
    with ExitStack() as stack:
        contenders = {}
        for pipeline, python in available(bench, pipelines).items():
            folder = bench.folder / pipeline.name.replace(" ", "-")
            storage = {"IMAGETL_STORAGE": str(folder / "storage")}
            env = {**storage, **prefect_settings(folder), **pipeline.env}
            contenders[pipeline.name] = stack.enter_context(
                at_work(pipeline.name, python, list(pipeline.args), folder, env)
            )
        yield contenders


def run_once(contender: Contender, url: str, frames: int) -> Figures:
    """Let a contender make the clip; check the results; return its figures."""
    turn = contender.turn(url)
    stored = sum(1 for _ in contender.folder.rglob("frame_*.gif"))
    if stored != frames or not any(contender.folder.rglob("clip.gif")):
        raise ContenderFailed(f"it has stored {stored:,} of {frames:,} frames, or no clip")
    return figures_of(turn)


def figures_of(turn: Turn) -> Figures:
    """Return what a turn has needed, by the names of the figures."""
    return {TIME: turn.seconds, MAIN_MEMORY: turn.main_mb, LARGEST_MEMORY: turn.largest_mb}
