"""A sensor as the daemon evaluates it, tick after tick."""

from __future__ import annotations

import tempfile

from dagster import (
    DagsterInstance,
    DagsterRun,
    RunsFilter,
    SensorDefinition,
    build_sensor_context,
    in_process_executor,
)
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG

from imagetl_assets.definitions import define
from imagetl_assets.settings import AutomationSettings


class Ticker:
    """Evaluates a sensor, which remembers nothing but its cursor."""

    def __init__(
        self, instance: DagsterInstance, upstream: str, limit: int = 25, files: int = 1
    ) -> None:
        self.instance = instance
        self.settings = AutomationSettings(runs_per_tick=limit, files_per_run=files)
        self.upstream = upstream
        self.storage = tempfile.mkdtemp()
        self.cursor: str | None = None

    @property
    def sensor(self) -> SensorDefinition:
        defs = define(self.storage, self.upstream, in_process_executor, self.settings)
        return defs.resolve_sensor_def("new_upstream_files")

    def tick(self) -> SensorExecutionData:
        """Do what the daemon does with one evaluation, but for starting runs."""
        defs = define(self.storage, self.upstream, in_process_executor, self.settings)
        context = build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=defs.get_repository_def(),
        )
        data = defs.resolve_sensor_def("new_upstream_files").evaluate_tick(context)
        for request in data.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(
                request.partitions_def_name, list(request.partition_keys)
            )
        self.cursor = data.cursor
        return data

    def run_keys(self) -> list[str]:
        """Return the keys of the runs that a tick requests."""
        requests = self.tick().run_requests or []
        return [request.run_key or "" for request in requests]

    def started(self) -> list[str]:
        """Create the runs that a tick requests, as the daemon does; return the keys of new ones."""
        started = []
        for request in self.tick().run_requests or []:
            key = request.run_key or ""
            tags = {**request.tags, RUN_KEY_TAG: key, SENSOR_NAME_TAG: self.sensor.name}
            if not self.instance.get_runs(RunsFilter(tags={RUN_KEY_TAG: key})):
                defs = define(self.storage, self.upstream, in_process_executor)
                job = defs.resolve_job_def(request.job_name or "")
                run = DagsterRun(job_name=job.name, tags={**job.run_tags, **tags})
                self.instance.add_run(run)
                started.append(key)
        return started

    def started_in(self, ticks: int) -> list[str]:
        return [key for _ in range(ticks) for key in self.started()]
