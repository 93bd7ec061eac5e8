"""The private names of Dagster that this package uses as they are.

Dagster documents how to write an executor only in part: its own executors use these names, too. If
one of them has moved in a new version of Dagster, this is the file to correct. They are imported
from here, and from nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

# How a plan is driven from the run's process.
from dagster._core.definitions.job_base import IJob
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable, create_execution_plan

# How the steps of a plan are run on a worker.
from dagster._core.execution.compute_logs import create_compute_log_file_key, redirect_to_file
from dagster._core.execution.context.system import (
    PlanExecutionContext,
    PlanOrchestrationContext,
    StepExecutionContext,
)
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.handle import ResolvedFromDynamicStepHandle
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.plan.step import ExecutionStep, IExecutionStep
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import (
    StepDependencyConfig,
    get_step_dependency_config_field,
)
from dagster._core.execution.tags import get_tag_concurrency_limits_config

# How the process of a run is watched.
from dagster._core.launcher import DefaultRunLauncher, WorkerStatus
from dagster._core.launcher.base import CheckRunHealthResult

# Where compute logs are kept.
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import deserialize_value, serialize_value
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster_shared.error import SerializableErrorInfo

if TYPE_CHECKING:
    from dagster._core.code_pointer import CodePointer
    from dagster._core.definitions.reconstruct import ReconstructableJob
    from dagster._core.definitions.repository_definition import RepositoryLoadData
    from dagster._core.events.log import EventLogEntry
    from dagster._core.execution.plan.state import PastExecutionState
    from dagster._core.instance.ref import InstanceRef
    from dagster._core.storage.event_log.base import AssetRecord, EventLogStorage

# Tags of steps. Dagster documents the tags, but does not export their names.
PRIORITY_TAG = "dagster/priority"
GLOBAL_CONCURRENCY_TAG = "dagster/concurrency_key"

__all__ = [
    "GLOBAL_CONCURRENCY_TAG",
    "PRIORITY_TAG",
    "ActiveExecution",
    "AssetRecord",
    "CapturedLogContext",
    "CheckRunHealthResult",
    "CodePointer",
    "ComputeIOType",
    "DagsterExecutionInterruptedError",
    "DefaultRunLauncher",
    "EngineEventData",
    "EventLogEntry",
    "EventLogStorage",
    "ExecuteRunWithPlanIterable",
    "ExecutionPlan",
    "ExecutionStep",
    "IExecutionStep",
    "IJob",
    "InstanceConcurrencyContext",
    "InstanceRef",
    "KnownExecutionState",
    "LocalComputeLogManager",
    "PastExecutionState",
    "PlanExecutionContext",
    "PlanExecutionContextManager",
    "PlanOrchestrationContext",
    "ReconstructableJob",
    "RepositoryLoadData",
    "ResolvedFromDynamicStepHandle",
    "RetryMode",
    "SerializableErrorInfo",
    "StepDependencyConfig",
    "StepExecutionContext",
    "StepFailureData",
    "StepOutputHandle",
    "WorkerStatus",
    "create_compute_log_file_key",
    "create_execution_plan",
    "deserialize_value",
    "get_step_dependency_config_field",
    "get_tag_concurrency_limits_config",
    "redirect_to_file",
    "serializable_error_info_from_exc_info",
    "serialize_value",
]
