"""Dask's performance report of a run: a page of HTML that is kept beside the run's compute logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import MetadataValue

from imagetl_assets.dask_executor.clusters.errors import DaskClusterError
from imagetl_assets.dask_executor.dagster_internals.names import (
    ComputeIOType,
    LocalComputeLogManager,
)

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance

    from imagetl_assets.dask_executor.run.state import RunState

REPORT = "dask-performance-report"


def store_report(state: RunState) -> Iterator[DagsterEvent]:
    """Store what Dask reports of the run; yield an event that links it, or says why there is none.

    A run does not fail for want of a report.
    """
    try:
        metadata = _stored(state.context.instance, state.context.run_id, state.cluster.report())
    except DaskClusterError as reason:
        yield state.engine_event(f"There is no performance report: {reason}")
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        yield state.engine_event(f"The performance report could not be stored: {what}")
    else:
        yield state.engine_event("Dask's performance report of this run is stored", metadata)


def _stored(instance: DagsterInstance, run_id: str, html: str) -> Mapping[str, Any]:
    """Store the report; return metadata that say where it is."""
    manager = instance.compute_log_manager
    if isinstance(manager, LocalComputeLogManager):
        key = manager.build_log_key_for_run(run_id, REPORT)
        file = Path(manager.get_captured_local_path(key, "html"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(html, encoding="utf-8")
        # The address is relative to that of the UI, as those of compute logs are.
        url = "/".join(["/logs", *key, "html"])
        return {"file": MetadataValue.path(file), "performance_report": MetadataValue.url(url)}
    # Others take a stream that is named as if a step had printed it.
    key = manager.build_log_key_for_run(run_id, f"{REPORT}.html")
    with manager.open_log_stream(key, ComputeIOType.STDOUT) as stream:
        if stream is None:
            raise DaskClusterError(f"{type(manager).__name__} keeps nothing")
        text: Any = stream  # Dagster opens it for text, but types it as one of bytes.
        text.write(html)
    found = manager.get_log_metadata(key)
    metadata: dict[str, Any] = {}
    if found.stdout_location:
        metadata["file"] = MetadataValue.path(found.stdout_location)
    if found.stdout_download_url:
        metadata["performance_report"] = MetadataValue.url(found.stdout_download_url)
    return metadata
