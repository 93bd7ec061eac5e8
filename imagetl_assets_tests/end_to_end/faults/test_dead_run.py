"""A host dies with the process of a run: nobody is left who could tell."""

from __future__ import annotations

from pathlib import Path

import yaml
from dagster import DagsterEventType, DagsterRunStatus

from imagetl_assets_tests.end_to_end.faults.deployment import daemon, deployment
from testbed.bundles import real_bundle
from testbed.processes import wait_for

SETTINGS = {
    "run_launcher": {
        "module": "imagetl_assets.dask_executor.run_launcher",
        "class": "WatchedRunLauncher",
    },
    "run_monitoring": {"enabled": True, "poll_interval_seconds": 5},
}


def test_a_run_whose_process_is_gone_is_marked_as_failed(tmp_path: Path) -> None:
    """Within two minutes, and long before its time limit."""
    with deployment(tmp_path, SETTINGS) as there:
        there.shell.add_file("all-images.img", real_bundle())
        config = tmp_path / "run.yaml"
        config.write_text(yaml.safe_dump({}))
        run = there.start_run(config)
        wait_for(there.instance.get_runs_count, 120)
        wait_for(lambda: there.latest_run.status is DagsterRunStatus.STARTED, 120)
        wait_for(lambda: len(there.steps_done()) > 0, 120)
        run_id = there.latest_run.run_id  # the sensor will start another one
        run.kill()
        run.wait()

        def has_failed() -> bool:
            known = there.instance.get_run_by_id(run_id)
            return known is not None and known.status is DagsterRunStatus.FAILURE

        assert not has_failed()
        with daemon(there.shell):
            wait_for(has_failed, 120)
        logs = there.instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE)
        assert "has given no sign of life" in str(logs[-1].dagster_event)
