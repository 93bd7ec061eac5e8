"""Config schema of the executor: dagster-dask's, and what Dagster's other executors have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from dagster import (
    DagsterInvariantViolationError,
    Field,
    IntSource,
    Map,
    Noneable,
    Permissive,
    ScalarUnion,
    Selector,
    StringSource,
)

from imagetl_assets.dask_executor.clusters.kinds import KINDS
from imagetl_assets.dask_executor.clusters.wanted import WantedCluster
from imagetl_assets.dask_executor.dagster_internals.names import (
    RetryMode,
    StepDependencyConfig,
    get_step_dependency_config_field,
    get_tag_concurrency_limits_config,
)
from imagetl_assets.dask_executor.wire.tasks import Isolation


def _cluster_field() -> Field:
    kinds: dict[str, Field] = {
        "existing": Field(
            {"address": StringSource}, description="Connect to the scheduler at this address."
        )
    }
    for kind in KINDS:
        kinds[kind] = Field(
            Permissive(),
            is_required=False,
            description=f"Start a {kind} cluster for the run with these arguments, stop it after.",
        )
    kinds["class"] = Field(
        {
            "path": Field(StringSource, description="Such as dask_cloudprovider.aws.EC2Cluster."),
            "options": Field(Permissive(), is_required=False, default_value={}),
        },
        is_required=False,
        description="Start a cluster of the class at this path, with these options.",
    )
    return Field(
        Selector(kinds),
        default_value={"local": {}},
        description="Where the steps run. Default: a local cluster for each run.",
    )


def _retries_field() -> Field:
    return Field(
        Selector({mode.value: Field({}, is_required=False) for mode in RetryMode}),
        default_value={RetryMode.ENABLED.value: {}},
        description=(
            "Whether steps that ask for a retry get one (default: enabled). Deferred: the request "
            "is written into the event log, and the executor does not run the step again."
        ),
    )


CONFIG_SCHEMA: dict[str, Any] = {
    "cluster": _cluster_field(),
    "adapt": Field(
        Permissive({"minimum": Field(int, default_value=1), "maximum": Field(int)}),
        is_required=False,
        description=(
            "A cluster that is started for the run gets between `minimum` and `maximum` workers, "
            "as there is work for them. Further options are those of the cluster's method `adapt`."
        ),
    ),
    "retries": _retries_field(),
    "max_concurrent": Field(
        Noneable(int),
        default_value=None,
        description="At most this many steps run at a time. Default (or 0): one per Dask worker.",
    ),
    "tag_concurrency_limits": get_tag_concurrency_limits_config(),
    "step_dependency_config": get_step_dependency_config_field(),
    "max_worker_losses": Field(
        IntSource,
        default_value=2,
        description=(
            "How often a step is run again because the worker that ran it was lost. "
            "These runs do not count as retries of its RetryPolicy."
        ),
    ),
    "worker_timeout": Field(
        IntSource,
        default_value=60,
        description=(
            "Seconds to wait for a worker (or for the scheduler) before the run fails. The run "
            "waits ten times as long if the cluster says that a worker is starting."
        ),
    ),
    "worker_silence": Field(
        IntSource,
        default_value=90,
        description=(
            "Seconds without a heartbeat after which a worker counts as lost. Raise it if a single "
            "call into C takes longer without releasing Python's lock (GIL)."
        ),
    ),
    "isolate": Field(
        ScalarUnion(
            scalar_type=bool,
            non_scalar_schema={
                "python": Field(StringSource, is_required=False),
                "env": Field(Map(str, StringSource), is_required=False),
            },
        ),
        default_value=False,
        description=(
            "Run each step in a process of its own, which its worker starts: true, or the path of "
            "another Python (`python`) and further environment variables (`env`). A step's tag "
            "dagster-dask/isolate takes precedence."
        ),
    ),
    "performance_report": Field(
        bool,
        default_value=False,
        description=(
            "Store Dask's performance report of the run, a page of HTML, beside its compute logs. "
            "It needs the package bokeh where the scheduler runs."
        ),
    ),
    "same_environment": Field(
        [str],
        default_value=[],
        description=(
            "Environment variables that have to be the same in the run's process and in the "
            "workers. The run has a warning for each worker where they differ."
        ),
    ),
}


@dataclass(frozen=True)
class ExecutorConfig:
    """Validated executor config; field names and meanings as in `CONFIG_SCHEMA`.

    `isolation` is what `isolate` means.
    """

    cluster_kind: str = "local"
    cluster_options: Mapping[str, Any] = field(default_factory=dict)
    adapt: Mapping[str, Any] = field(default_factory=dict)
    retries: RetryMode = RetryMode.ENABLED
    max_concurrent: int | None = None
    tag_concurrency_limits: list[dict[str, Any]] = field(default_factory=list)
    step_dependency: StepDependencyConfig = field(default_factory=StepDependencyConfig.default)
    max_worker_losses: int = 2
    worker_timeout: float = 60
    worker_silence: float = 90
    isolation: Isolation | None = None
    performance_report: bool = False
    same_environment: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse numbers that a schema cannot."""
        least_values = {"max_concurrent": 0, "max_worker_losses": 0, "worker_timeout": 1}
        for name, least in {**least_values, "worker_silence": 1}.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise DagsterInvariantViolationError(
                    f"Config of the Dask executor: {name} is {value} and must be at least {least}."
                )
        if self.adapt and self.cluster_kind == "existing":
            raise DagsterInvariantViolationError(
                "Config of the Dask executor: adapt is for clusters that are started for the run. "
                "Who has started an existing cluster can have it adapt."
            )
        if self.adapt and not 0 <= self.adapt["minimum"] <= max(1, self.adapt["maximum"]):
            raise DagsterInvariantViolationError(
                "Config of the Dask executor: adapt needs a minimum that is at least 0 and at most "
                f"the maximum, not {self.adapt['minimum']} and {self.adapt['maximum']}."
            )
        kind = KINDS.get(self.cluster_kind)
        workers = self.adapt or self.cluster_options.get("n_workers")
        if kind and kind.starts_empty and not workers:
            raise DagsterInvariantViolationError(
                f"Config of the Dask executor: a cluster of kind {self.cluster_kind!r} starts "
                "without workers. Say how many with n_workers in its options, or have it adapt."
            )

    @property
    def cluster(self) -> WantedCluster:
        """The cluster that is asked for."""
        options, patience = self.cluster_options, self.worker_timeout
        return WantedCluster(self.cluster_kind, options, self.adapt, patience)

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> ExecutorConfig:
        """Build from what Dagster resolved against `CONFIG_SCHEMA`."""
        ((kind, options),) = config["cluster"].items()
        return ExecutorConfig(
            cluster_kind=kind,
            cluster_options=options or {},
            adapt=config.get("adapt") or {},
            retries=cast(RetryMode, RetryMode.from_config(config["retries"])),
            max_concurrent=config.get("max_concurrent"),
            tag_concurrency_limits=list(config.get("tag_concurrency_limits") or []),
            step_dependency=StepDependencyConfig.from_config(config.get("step_dependency_config")),
            max_worker_losses=config["max_worker_losses"],
            worker_timeout=config["worker_timeout"],
            worker_silence=config["worker_silence"],
            isolation=Isolation.from_value(config["isolate"]),
            performance_report=config["performance_report"],
            same_environment=tuple(config.get("same_environment") or ()),
        )
