"""Runs of the job `image_etl` in this process, without a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, ExecuteInProcessResult, in_process_executor
from dagster._core.storage.tags import PARTITION_NAME_TAG


@dataclass
class Outcome:
    """How a run ended."""

    result: ExecuteInProcessResult

    @property
    def success(self) -> bool:
        return self.result.success

    @property
    def failure(self) -> str:
        """The description of the one step failure."""
        (event,) = self.result.get_step_failure_events()
        data = event.step_failure_data
        assert data.user_failure_data is not None, data.error
        return data.user_failure_data.description or ""

    @property
    def failed_step(self) -> str | None:
        (event,) = self.result.get_step_failure_events()
        return event.step_key

    def metadata(self, asset: str) -> dict[str, Any]:
        (event,) = self.result.asset_materializations_for_node(_NODES[asset])[-1:]
        return {name: value.value for name, value in event.metadata.items()}

    def names(self) -> list[str]:
        """Return the names of the first frames in the bundle, as the table in the UI has them."""
        table = self.metadata("frames")["first frames"]
        return [row.data.get("name", "") for row in table.records]


_NODES = {
    "raw_data_file": "raw_data_file",
    "frames": "frames.find_frames",
    "frame_files": "frames.collect_frames",
    "clip_gif": "clip_gif",
    "clip_webp": "clip_webp",
    "clip_mp4": "clip_mp4.join_mp4",
    "clip_webm": "clip_webm.join_webm",
}


@dataclass
class Pipeline:
    """Runs the job in this process, with storage in a folder of the test."""

    root: Path
    upstream: str
    instance: DagsterInstance
    storage: str = field(default="")

    def run(
        self,
        partition: str | None = None,
        *,
        raw: dict[str, Any] | None = None,
        frames: dict[str, Any] | None = None,
        clip: dict[str, Any] | None = None,
        **others: dict[str, Any],
    ) -> Outcome:
        """Run the job; the arguments are the config of its parts."""
        from imagetl_assets.definitions import define

        definitions = define(self.storage or str(self.root), self.upstream, in_process_executor)
        ops = {"raw_data_file": raw, "frames": frames, "clip_gif": clip, **others}
        config: dict[str, Any] = {
            "ops": {name: {"config": value} for name, value in ops.items() if value},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        }
        job = definitions.resolve_job_def("image_etl")
        tags = {PARTITION_NAME_TAG: partition} if partition else {}
        return Outcome(
            job.execute_in_process(
                run_config=config,
                instance=self.instance,
                tags={**job.run_tags, **tags},
                raise_on_error=False,
            )
        )

    def file(self, name: str, partition: str = "all-images.img") -> Path:
        return self.root / partition / name

    def frame_names(self, partition: str = "all-images.img") -> list[str]:
        return sorted(path.name for path in self.file("frames", partition).iterdir())
