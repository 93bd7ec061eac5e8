"""`imagetl run`: one run of the job `image_etl`, from this process, followed to its end."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from imagetl_assets.cli.source import Source, open_source
from imagetl_assets.redact import redact_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster import DagsterEvent, DagsterInstance, DagsterRun
    from dagster._core.definitions.reconstruct import ReconstructableJob

STATE_FOLDER = ".state"
URL_VARIABLE = "IMAGETL_RUN_URL"


@dataclass(frozen=True)
class Options:
    """What the command line says of a run; None leaves the default."""

    path: str | None = None
    filename: str | None = None
    duration: float | None = None
    loop: int | None = None
    on_existing: str | None = None
    workers: int | None = None
    scheduler: str | None = None
    verbose: bool = False


def run(source: str | None, options: Options) -> int:
    """Run the job for `source`; say how it went; return 0 if it succeeded, else 1."""
    from imagetl_assets.cli.preloading import preload
    from imagetl_assets.names import InvalidName, check_partition_key

    started = time.monotonic()
    with open_source(source) as subject:
        try:
            check_partition_key(subject.partition_key)
        except InvalidName as error:
            return _fail(str(error))
        config = _run_config(subject, options)
        if _starts_a_cluster(options):
            preload()  # from here on, workers do not hear of changes of the environment
        return _run(subject.partition_key, config, options.verbose, started)


def _run(partition_key: str, config: dict[str, Any], verbose: bool, started: float) -> int:
    """Execute a run and say how it went; Dagster is imported from here on."""
    from dagster._utils.interrupts import capture_interrupts

    from imagetl_assets.cli.preloading import fork_workers
    from imagetl_assets.cli.progress import Progress

    progress = Progress(verbose=verbose)
    with capture_interrupts(), _instance() as instance, closing(progress):
        fork_workers()
        if not verbose:
            _silence_dask()
        try:
            for event in _events(instance, partition_key, config):
                progress.see(event)
        except Exception as error:
            if verbose:
                raise
            return _fail(progress.failure or f"{type(error).__name__}: {error}")
    if progress.failure or not progress.clip:
        return _fail(progress.failure or "the run ended without a clip")
    clip, seconds = progress.clip, time.monotonic() - started
    print(f"{clip['frames']:,} frames, {clip['bytes']:,} bytes, in {seconds:.1f} s")
    print(f"clip: {_shown(clip['stored at'])}")
    return 0


def _events(
    instance: DagsterInstance, partition_key: str, config: dict[str, Any]
) -> Iterator[DagsterEvent]:
    """Create a run and execute it; yield its events."""
    from dagster._core.execution.api import execute_run_iterator

    job = _job()
    return execute_run_iterator(job, _create_run(instance, job, partition_key, config), instance)


def _job() -> ReconstructableJob:
    """Return the job in a form that workers can load for themselves."""
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    repository = ReconstructableRepository.for_module(
        "imagetl_assets.definitions", "defs", working_directory=os.getcwd()
    )
    return repository.get_reconstructable_job("image_etl")


def _create_run(
    instance: DagsterInstance, job: ReconstructableJob, partition_key: str, config: dict[str, Any]
) -> DagsterRun:
    from dagster._core.storage.tags import PARTITION_NAME_TAG

    definition = job.get_definition()
    return instance.create_run_for_job(
        definition,
        run_config=config,
        tags={**definition.run_tags, PARTITION_NAME_TAG: partition_key},
        job_code_origin=job.get_python_origin(),
    )


def _run_config(subject: Source, options: Options) -> dict[str, Any]:
    """Return the run config that says what the command line says."""
    raw = {
        "url": _url_config(subject.url, options),
        "path": options.path,
        "on_existing": options.on_existing,
    }
    clip = {
        "filename": options.filename,
        "frame_duration_ms": options.duration,
        "loop": options.loop,
    }
    config: dict[str, Any] = {
        "ops": {"raw_data_file": {"config": _given(raw)}, "clip_gif": {"config": _given(clip)}}
    }
    if options.scheduler:
        config["execution"] = {"config": {"cluster": {"existing": {"address": options.scheduler}}}}
    elif options.workers:
        config["execution"] = {"config": {"cluster": {"local": {"n_workers": options.workers}}}}
    if not options.verbose:
        config["loggers"] = {"console": {"config": {"log_level": "CRITICAL"}}}
    return config


def _url_config(url: str, options: Options) -> str | dict[str, str]:
    """Return the URL, or where to find it if it holds secrets, as run config is kept and shown.

    Workers of a cluster that is there already do not see this process's environment.
    """
    if redact_url(url) == url or not _starts_a_cluster(options):
        return url
    os.environ[URL_VARIABLE] = url
    return {"env": URL_VARIABLE}


def _starts_a_cluster(options: Options) -> bool:
    from imagetl_assets.settings import scheduler_address

    return not (options.scheduler or scheduler_address())


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@contextmanager
def _instance() -> Iterator[DagsterInstance]:
    """Yield the instance of DAGSTER_HOME; without, one kept in a folder of its own here."""
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    home = os.environ.get("DAGSTER_HOME")
    folder = Path(home or STATE_FOLDER).absolute()
    folder.mkdir(exist_ok=True)
    with _alone(folder):
        if home:
            instance = DagsterInstance.get()
        else:
            instance = DagsterInstance.from_ref(
                InstanceRef.from_dir(str(folder), config_dir=os.getcwd())
            )
        instance.get_dynamic_partitions("upstream_files")
    with instance:
        yield instance


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other commands waiting meanwhile: two that create one SQLite file fail."""
    with (folder / ".imagetl.lock").open("w") as lock:
        with suppress(ImportError):  # only POSIX has it
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _silence_dask() -> None:
    import distributed  # noqa: F401  # it sets the levels of its loggers when it is imported

    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def _shown(uri: str) -> str:
    """Return a local path for a file's URI, any other URI as it is."""
    return unquote(urlsplit(uri).path) if uri.startswith("file://") else uri


def _fail(problem: str) -> int:
    print(f"imagetl: {problem}", file=sys.stderr)
    return 1
