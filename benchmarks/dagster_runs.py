"""A contender: the project's job on one of the executors.

    python -m benchmarks.dagster_runs EXECUTOR WORKERS

In each turn it is given the URL of a bundle; or a number of bundles, which one run is to process:
`bundle-0.img` and so on, in `IMAGETL_UPSTREAM`; or `steps` and a number of trivial mapped steps. Or
a JSON object: the `assets` that are to be made, and the config of their `ops`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dagster import AssetKey, DagsterInstance, execute_job
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from distributed import LocalCluster

from benchmarks.peers.turns import Run, set_aside, take_turns
from imagetl_assets.names import RESERVED_FOLDER
from imagetl_assets.settings import storage_root
from imagetl_assets.storage import open_store
from imagetl_assets.storage.local import LocalStore

DEFINITIONS = {
    "dask": ("imagetl_assets.definitions", "defs"),
    "multiprocess": ("benchmarks.dagster_jobs", "multiprocess"),
    "in_process": ("benchmarks.dagster_jobs", "in_process"),
}
STEPS_TURN = "steps"
ASSETS = frozenset(map(AssetKey, ("raw_data_file", "frames", "frame_files", "clip_gif")))


@contextmanager
def prepared(executor: str, workers: int) -> Iterator[Run]:
    """Load the definitions and start the cluster; yield the function that runs the job."""
    repository = ReconstructableRepository.for_module(*DEFINITIONS[executor])
    one_file = repository.get_reconstructable_job("image_etl")
    one_file.get_definition()
    # A backfill runs this job. `image_etl` itself is always about one partition.
    all_assets = repository.get_reconstructable_job("__ASSET_JOB")
    several = all_assets.get_subset(asset_selection=ASSETS, asset_check_selection=frozenset())
    mapped = ReconstructableJob.for_module("benchmarks.step_jobs", "mapped_ours")
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    with ExitStack() as stack:
        home = Path("dagster_home")
        home.mkdir()
        overrides = {"telemetry": {"enabled": False}}
        instance = stack.enter_context(DagsterInstance.local_temp(str(home), overrides=overrides))
        if executor == "dask":
            cluster = stack.enter_context(LocalCluster(n_workers=workers, threads_per_worker=1))
            address = cluster.scheduler_address
            config["execution"] = {"config": {"cluster": {"existing": {"address": address}}}}

        def execute(job: ReconstructableJob, tags: Mapping[str, str], **ops: Any) -> None:
            run_config = {**config, "ops": ops}
            # The result is not entered: that would start the resources again, to read outputs with.
            result = execute_job(job, instance, run_config=run_config, tags=tags)
            assert result.success

        def run(what: str) -> None:
            file = {PARTITION_NAME_TAG: "bundle.img"}
            if what.startswith("{"):
                asked = json.loads(what)
                job = all_assets.get_subset(
                    asset_selection=frozenset(map(AssetKey, asked["assets"])),
                    asset_check_selection=frozenset(),
                )
                execute(job, file, **asked["ops"])
            elif what.isdecimal():
                names = [f"bundle-{number}.img" for number in range(int(what))]
                instance.add_dynamic_partitions("upstream_files", names)
                first, last = ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG
                execute(several, {first: names[0], last: names[-1]})
            elif what.startswith(STEPS_TURN):
                count = int(what.removeprefix(STEPS_TURN))
                execute(mapped, {}, numbers={"config": {"count": count}})
            else:
                config_of_file = {"config": {"url": what}}
                execute(one_file, file, raw_data_file=config_of_file)

        yield run


def clear_storage() -> None:
    """Remove the results of the last run, so that the next one downloads the bundle again."""
    store = open_store(storage_root())
    partitions = [name for name in store.list_folders("") if name != RESERVED_FOLDER]
    if isinstance(store, LocalStore):
        set_aside(Path(store.root, name) for name in partitions)
    else:
        for name in partitions:
            store.delete_folder(name)


if __name__ == "__main__":
    take_turns(partial(prepared, sys.argv.pop(1), int(sys.argv.pop(1))), clear_storage)
