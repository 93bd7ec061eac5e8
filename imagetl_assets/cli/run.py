"""`imagetl run`: one run of the job `image_etl`, from this process, followed to its end."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from imagetl_assets.cli.run_options import run_config, set_value
from imagetl_assets.cli.source import open_source
from imagetl_assets.redact import redact_url
from imagetl_assets.settings import scheduler_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dagster import DagsterEvent, DagsterInstance

STATE_FOLDER = ".state"
URL_VARIABLE = "IMAGETL_RUN_URL"


def run(
    source: str | None,
    options: Mapping[str, Any],
    *,
    name: str | None = None,
    verbose: bool = False,
) -> int:
    """Run the job for `source`; say how it went; return 0 if it succeeded, else 1.

    Args:
        source: name, URL or path of the bundle; None for the bundled sample.
        options: values of `RUN_OPTIONS` by name. None, or no value, leaves the default.
        name: the partition key; None for the bundle's name.
        verbose: log everything, and show tracebacks.
    """
    from imagetl_assets.cli.preloading import preload
    from imagetl_assets.names import InvalidName, check_partition_key

    started = time.monotonic()
    with open_source(source) as subject:
        key = subject.partition_key if name is None else name
        try:
            check_partition_key(key)
        except InvalidName as error:
            return _fail(str(error) if name is not None else f"{error}; name it with --name")
        starts_cluster = not (options.get("scheduler") or scheduler_address())
        config = run_config(options)
        url = _url_config(subject.url, starts_cluster=starts_cluster)
        set_value(config, "ops.raw_data_file.config.url", url)
        if not verbose:
            set_value(config, "loggers.console.config.log_level", "CRITICAL")
        if starts_cluster:
            preload()  # from here on, a change of the environment does not reach the workers
        return _run(key, config, verbose, started)


def _run(partition_key: str, config: dict[str, Any], verbose: bool, started: float) -> int:
    """Execute a run and say how it went; Dagster is imported from here on."""
    from imagetl_assets.cli.preloading import fork_workers
    from imagetl_assets.cli.progress import Progress
    from imagetl_assets.dagster_private import interrupts_wait

    progress = Progress(verbose=verbose)
    with interrupts_wait(), _instance() as instance, closing(progress):
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
    from imagetl_assets.dagster_private import PARTITION_TAG, job_of_module, run_events

    job = job_of_module("imagetl_assets.definitions", "defs", "image_etl")
    definition = job.get_definition()
    run = instance.create_run_for_job(
        definition,
        run_config=config,
        tags={**definition.run_tags, PARTITION_TAG: partition_key},
        job_code_origin=job.get_python_origin(),
    )
    return run_events(job, run, instance)


def _url_config(url: str, *, starts_cluster: bool) -> str | dict[str, str]:
    """Return the URL for the run config, or the variable that holds it if it has secrets.

    Run config is kept and shown. Workers of a cluster that is there already do not have the
    environment of this process, so they are given the URL.
    """
    if redact_url(url) == url or not starts_cluster:
        return url
    os.environ[URL_VARIABLE] = url
    return {"env": URL_VARIABLE}


@contextmanager
def _instance() -> Iterator[DagsterInstance]:
    """Yield the instance of DAGSTER_HOME; without, one kept in a folder of its own here."""
    from dagster import DagsterInstance

    from imagetl_assets.dagster_private import instance_in

    home = os.environ.get("DAGSTER_HOME")
    folder = Path(home or STATE_FOLDER).absolute()
    folder.mkdir(exist_ok=True)
    with _alone(folder):
        if home:
            instance = DagsterInstance.get()
        else:
            instance = instance_in(str(folder), config_folder=os.getcwd())
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
