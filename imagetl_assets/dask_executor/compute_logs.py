"""Capture of what the steps of a batch print, without helper processes.

While it captures, Dagster mirrors the output to the terminal with four processes (two `tail`, and
two Python processes that watch them). For a batch of short steps that costs more than the steps.
Here the output goes to the file alone, and is copied to the worker's own output afterwards.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import IO
from unittest.mock import patch

from dagster import DagsterEvent
from dagster._core.events import EngineEventData
from dagster._core.execution.compute_logs import create_compute_log_file_key, redirect_to_file
from dagster._core.execution.context.system import PlanExecutionContext
from dagster._core.storage import local_compute_log_manager
from dagster._utils import ensure_file
from dagster._utils.error import serializable_error_info_from_exc_info


@contextmanager
def captured_output(
    job_context: PlanExecutionContext,
) -> Iterator[Callable[[Sequence[str]], DagsterEvent]]:
    """Capture the process's output, as Dagster's inner_plan_execution_iterator does it.

    The context is a function that reports of which steps the output is.
    """
    manager = job_context.instance.compute_log_manager
    log_key = manager.build_log_key_for_run(job_context.run_id, create_compute_log_file_key())
    with ExitStack() as stack:
        try:
            # The local manager, which those for buckets use too, calls this when it begins.
            with patch.object(local_compute_log_manager, "mirror_stream_to_file", _to_file):
                context = stack.enter_context(manager.capture_logs(log_key))
        except Exception:
            problem = _problem(job_context, "setting up")
            yield lambda step_keys: problem
        else:
            yield lambda step_keys: DagsterEvent.capture_logs(
                job_context, step_keys, log_key, context
            )
        try:
            stack.close()
        except Exception:
            _problem(job_context, "cleaning up")


@contextmanager
def _to_file(stream: IO[str], path: str) -> Iterator[None]:
    ensure_file(path)
    with redirect_to_file(stream, path):
        yield
    with suppress(OSError, ValueError), open(path, "rb") as file:
        while block := file.read(1024 * 1024):
            os.write(stream.fileno(), block)


def _problem(job_context: PlanExecutionContext, doing: str) -> DagsterEvent:
    error = serializable_error_info_from_exc_info(sys.exc_info())
    return DagsterEvent.engine_event(
        job_context, f"Exception while {doing} compute log capture", EngineEventData(error=error)
    )
