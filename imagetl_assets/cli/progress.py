"""What `imagetl run` shows while a run goes on: a bar on a terminal, else plain lines."""

from __future__ import annotations

import sys
from typing import Any

from dagster import DagsterEvent, DagsterEventType

from imagetl_assets.dagster_private import SerializableErrorInfo

STORE_STEP = "store_frames["

_FOR_PEOPLE = {"Failure", "DagsterInvariantViolationError", "DaskClusterError"}


class Progress:
    """Follows the events of one run."""

    def __init__(self, *, verbose: bool) -> None:
        self.failure: str | None = None
        self.clip: dict[str, Any] = {}
        self.films: list[dict[str, Any]] = []
        self.verbose = verbose
        self._stored = self._total = 0
        self._bar: Any = None

    def see(self, event: DagsterEvent) -> None:
        """Take the next event."""
        kind = event.event_type
        if kind is DagsterEventType.ASSET_MATERIALIZATION:
            self._materialized(event)
        elif kind is DagsterEventType.STEP_OUTPUT and STORE_STEP in (event.step_key or ""):
            self._count(int(str(event.step_output_data.metadata["frames"].value)))
        elif kind is DagsterEventType.STEP_UP_FOR_RETRY:
            data = event.step_retry_data
            wait = f"again in {data.seconds_to_wait:g} s" if data.seconds_to_wait else "again"
            self._say(f"{event.step_key} will be tried {wait}: {self._reason(data.error)}")
        elif kind is DagsterEventType.STEP_FAILURE and self.failure is None:
            self.failure = f"{event.step_key} failed: {self._reason(event.step_failure_data.error)}"
        elif kind is DagsterEventType.PIPELINE_FAILURE and self.failure is None:
            self.failure = f"the run failed: {self._reason(event.job_failure_data.error)}"

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.close()

    def _materialized(self, event: DagsterEvent) -> None:
        asset = event.asset_key
        materialization = event.step_materialization_data.materialization
        metadata: dict[str, Any] = {k: v.value for k, v in materialization.metadata.items()}
        name = asset.to_python_identifier() if asset else ""
        if name == "raw_data_file":
            what = "download skipped," if metadata["skipped"] else "downloaded"
            self._say(f"{what} {metadata['bytes']:,} bytes")
            if caution := metadata.get("caution"):
                self._say(f"note: {caution}")
        elif name == "frames":
            self._total = metadata["frames"]
            self._say("1 frame found" if self._total == 1 else f"{self._total:,} frames found")
            if damaged := metadata["damaged frames"]:
                self._say(f"note: {damaged:,} damaged frames are left out")
            for warning in metadata.get("warnings", ()):
                self._say(f"note: {warning}")
            self._start_bar()
        elif name == "clip_gif":
            self.clip = metadata
        elif name.startswith("clip_"):
            self.films.append(metadata)

    def _count(self, frames: int) -> None:
        self._stored += frames
        if self._bar is not None:
            self._bar.update(frames)
        elif frames and (self._stored == self._total or self._stored % 10 < frames):
            self._say(f"{self._stored:,} of {self._total:,} frames stored")

    def _start_bar(self) -> None:
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self._total, unit=" frames", desc="stored", leave=False)

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr, flush=True)

    def _reason(self, error: SerializableErrorInfo | None) -> str:
        """Return the innermost message of an error; with `--verbose` all of it."""
        if error is None:
            return "no reason is known"
        if self.verbose:
            return error.to_string()
        while error.cause is not None:
            error = error.cause
        message = error.message.strip()
        # What is raised on purpose, to be read, is told without the name of its class.
        return message.partition(": ")[2] if error.cls_name in _FOR_PEOPLE else message
