"""`imagetl run`: one run of the job `image_etl`, from this process, followed to its end."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click

from imagetl_assets.cli.checked_settings import (
    check_clips,
    check_scheduler_address,
    check_videos,
)
from imagetl_assets.cli.interrupts import Interrupts, remembered, say_interrupted
from imagetl_assets.cli.run_config import in_terms_of_options, run_config, set_value
from imagetl_assets.cli.source import Source, open_source
from imagetl_assets.redact import redact_url
from imagetl_assets.settings import scheduler_address

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from imagetl_assets.cli.progress import Progress

URL_VARIABLE = "IMAGETL_RUN_URL"


@dataclass(frozen=True)
class Request:
    """What `imagetl run` is to do.

    Attributes:
        source: name, URL or path of the bundle; None for the bundled sample.
        options: values of `RUN_OPTIONS` by name. None, or no value, leaves the default.
        name: the partition key; None for the bundle's name.
        replace: whether results of another bundle that has the same name may be replaced.
        clips: names of the clips to make beside the GIF; None for those of `IMAGETL_CLIPS`.
        verbose: log everything, and show tracebacks.
    """

    source: str | None
    options: Mapping[str, Any]
    name: str | None = None
    replace: bool = False
    clips: str | None = None
    verbose: bool = False


def run(request: Request) -> int:
    """Run the job; say how it went; return the exit code, 0 if it succeeded.

    Raises:
        click.ClickException: it cannot be run.
    """
    from imagetl_assets.cli.preloading import preload

    started = time.monotonic()
    if request.clips is not None:
        os.environ["IMAGETL_CLIPS"] = request.clips
    check_clips()
    check_scheduler_address()
    config = run_config(request.options)
    starts_cluster = not (request.options.get("scheduler") or scheduler_address())
    if starts_cluster:
        check_videos()
    with open_source(request.source) as source:
        key = _partition_key(request, source)
        url = _url_config(source.url, starts_cluster=starts_cluster)
        set_value(config, "ops.raw_data_file.config.url", url)
        if not request.verbose:
            set_value(config, "loggers.console.config.log_level", "CRITICAL")
        if starts_cluster:
            preload()  # from here on, a change of the environment does not reach the workers
        if request.source and not (request.name is not None or request.replace):
            _refuse_to_replace(key, source.url)
        return _run(key, config, request.verbose, started)


def _partition_key(request: Request, source: Source) -> str:
    """Return the partition key of the run. Raises click.UsageError if it cannot be one."""
    from imagetl_assets.names import InvalidName, check_partition_key

    if request.name is None and not source.partition_key:
        raise click.UsageError(
            f"{redact_url(source.url)} names no file: give the URL of one, or a name by --name"
        )
    try:
        return check_partition_key(source.partition_key if request.name is None else request.name)
    except InvalidName as error:
        if request.name is not None:
            raise click.UsageError(f"--name: {error}") from None
        raise click.UsageError(f"{error}; give it another name by --name") from None


def _refuse_to_replace(key: str, url: str) -> None:
    """Raise click.ClickException if the results there are those of another bundle."""
    from imagetl_assets.records import RawFile, RecordError
    from imagetl_assets.settings import storage_root
    from imagetl_assets.storage import StoreError, open_store
    from imagetl_assets.storage.partition_folder import PartitionFolder
    from imagetl_assets.upstream import source_id

    stored: RawFile | None = None
    with suppress(RecordError, StoreError, OSError):  # the run will say what is wrong
        stored = PartitionFolder(open_store(storage_root()), key).load("raw_data_file", RawFile)
    if stored and stored.source_id != source_id(url) and stored.source != redact_url(url):
        raise click.ClickException(
            f"there are results of another {key}, from {stored.source}. Give this one a name of "
            "its own by --name, or replace them by --replace"
        )


def _run(partition_key: str, config: dict[str, Any], verbose: bool, started: float) -> int:
    """Execute a run and say how it went; Dagster is imported from here on."""
    from imagetl_assets.cli.instance import open_instance
    from imagetl_assets.cli.preloading import fork_workers
    from imagetl_assets.cli.progress import Progress

    progress = Progress(verbose=verbose)
    with remembered() as interrupts, open_instance() as instance, closing(progress):
        fork_workers()
        if not verbose:
            _silence_dask()
        _follow(instance, partition_key, config, progress, interrupts)
    if interrupts.number is not None:
        say_interrupted()
        return interrupts.exit_code
    if progress.failure or not progress.clip:
        return _fail(in_terms_of_options(progress.failure or "the run ended without a clip"))
    clip, seconds = progress.clip, time.monotonic() - started
    frames = "1 frame" if clip["frames"] == 1 else f"{clip['frames']:,} frames"
    print(f"{frames}, {clip['bytes']:,} bytes, in {seconds:.1f} s")
    for made in (clip, *progress.films):
        print(f"clip: {_shown(made['stored at'])}")
    return 0


def _follow(
    instance: DagsterInstance,
    partition_key: str,
    config: dict[str, Any],
    progress: Progress,
    interrupts: Interrupts,
) -> None:
    """Create a run and execute it; show its events. However that ends, the run is over then."""
    from imagetl_assets import dagster_private as private

    job = private.job_of_module("imagetl_assets.definitions", "defs", "image_etl")
    definition = job.get_definition()
    with private.interrupts_wait():
        if interrupts.number is not None:
            return
        run = instance.create_run_for_job(
            definition,
            run_config=config,
            tags={**definition.run_tags, private.PARTITION_TAG: partition_key},
            job_code_origin=job.get_python_origin(),
        )
        try:
            for event in private.run_events(job, run, instance):
                progress.see(event)
        except private.INTERRUPTS:
            pass
        except Exception as error:
            if progress.verbose:
                raise
            progress.failure = progress.failure or f"{type(error).__name__}: {error}"
        finally:
            _end(instance, run)


def _end(instance: DagsterInstance, run: DagsterRun) -> None:
    """Mark the run as canceled if nothing else has ended it."""
    now = instance.get_run_by_id(run.run_id)
    if now is not None and not now.is_finished:
        instance.report_run_canceled(now, "interrupted")


def _url_config(url: str, *, starts_cluster: bool) -> str | dict[str, str]:
    """Return the URL for the run config, or the variable that holds it if it has secrets.

    Run config is kept and shown. Workers of a cluster that is there already do not have the
    environment of this process, so they are given the URL.
    """
    if redact_url(url) == url or not starts_cluster:
        return url
    os.environ[URL_VARIABLE] = url
    return {"env": URL_VARIABLE}


def _silence_dask() -> None:
    import distributed  # noqa: F401  # it sets the levels of its loggers when it is imported

    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def _shown(uri: str) -> str:
    """Return a local path for a file's URI, any other URI as it is."""
    return unquote(urlsplit(uri).path) if uri.startswith("file://") else uri


def _fail(problem: str) -> int:
    print(f"imagetl: {problem}", file=sys.stderr)
    return 1
