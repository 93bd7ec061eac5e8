"""How long ticks are kept, by the instances that the project brings."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus

from testbed.processes import PROJECT


@pytest.mark.parametrize("file", ["dagster.yaml", "deploy/dagster.yaml"])
def test_ticks_are_not_kept_for_ever(file: str, tmp_path: Path) -> None:
    """As Dagster reads it; for skipped ticks of a sensor, by default it keeps 7 days."""
    retention = yaml.safe_load((PROJECT / file).read_text())["retention"]
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"retention": retention}))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        sensor = instance.get_tick_retention_settings(InstigatorType.SENSOR)
        assert sensor[TickStatus.SKIPPED] == 1
        assert all(0 < days <= 30 for days in sensor.values())
        schedule = instance.get_tick_retention_settings(InstigatorType.SCHEDULE)
        assert all(0 < days <= 90 for days in schedule.values())
