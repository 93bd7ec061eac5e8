"""A host dies with the process of a run: nobody is left who could tell."""

from __future__ import annotations

from pathlib import Path

import yaml
from dagster import DagsterEventType, DagsterRunStatus

from imagetl_assets.dask_executor.run_launcher import WatchedRunLauncher
from imagetl_assets_tests.end_to_end.faults.deployment import daemon, deployment
from testbed.bundles import real_bundle
from testbed.processes import PROJECT, wait_for


class ImpatientRunLauncher(WatchedRunLauncher):
    """How long a run may really be silent is tested with a clock of its own."""

    silent_seconds = 12  # between two signs of life there are 10


SETTINGS = {
    "run_launcher": {"module": __name__, "class": ImpatientRunLauncher.__name__},
    "run_monitoring": {"enabled": True, "poll_interval_seconds": 2},
}
HERE = {"PYTHONPATH": str(PROJECT)}  # where the launcher is


def test_a_run_whose_process_is_gone_is_marked_as_failed(tmp_path: Path) -> None:
    """Long before its time limit."""
    with deployment(tmp_path, SETTINGS) as there:
        there.shell.add_file("all-images.img", real_bundle())
        config = tmp_path / "run.yaml"
        config.write_text(yaml.safe_dump({}))
        run = there.start_run(config, **HERE)
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
        with daemon(there.shell, **HERE):
            wait_for(has_failed, 120)
        logs = there.instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE)
        assert "has given no sign of life" in str(logs[-1].dagster_event)
