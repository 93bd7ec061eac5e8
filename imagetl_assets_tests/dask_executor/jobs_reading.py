"""Steps that read from the event log what they have just done."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    AssetRecordsFilter,
    AssetSelection,
    DagsterEventType,
    Definitions,
    EventRecordsFilter,
    ExecutorDefinition,
    JobDefinition,
    OpExecutionContext,
    Output,
    StaticPartitionsDefinition,
    asset,
    define_asset_job,
    in_process_executor,
    job,
    op,
)

from imagetl_assets.dask_executor import dask_executor

SHELF = AssetKey("shelf")
LETTERS = StaticPartitionsDefinition(["a", "b"])


@op
def finds_the_state_storage() -> str:
    """Tells which storage the state of definitions is kept in, as a step finds it."""
    from dagster._core.storage.defs_state.base import DefsStateStorage

    return type(DefsStateStorage.get()).__name__


@job(executor_def=dask_executor)
def state_job() -> None:
    finds_the_state_storage()


@op
def reads_what_it_did(context: OpExecutionContext) -> dict[str, bool]:
    """Tells for each way to read whether it finds what this step has done before."""
    instance, run_id = context.instance, context.run_id
    context.log.info("a line of this step")
    context.log_event(AssetMaterialization(SHELF, partition="a", tags={"kind": "new"}))
    context.log_event(AssetObservation(SHELF, partition="a"))
    found: dict[str, bool] = {}
    latest = instance.get_latest_materialization_event(SHELF)
    found["get_latest_materialization_event"] = bool(latest and latest.run_id == run_id)
    context.log_event(AssetMaterialization(SHELF, partition="b"))
    found["get_materialized_partitions"] = "b" in instance.get_materialized_partitions(SHELF)
    context.log_event(AssetMaterialization(SHELF, partition="c"))
    records = instance.fetch_materializations(
        AssetRecordsFilter(asset_key=SHELF, asset_partitions=["c"]), limit=1
    ).records
    found["fetch_materializations"] = [one.run_id for one in records] == [run_id]
    context.log_event(AssetObservation(SHELF, partition="d"))
    observed = instance.fetch_observations(SHELF, limit=1).records
    found["fetch_observations"] = [one.partition_key for one in observed] == ["d"]
    context.log_event(AssetMaterialization(SHELF, partition="e"))
    (record,) = instance.get_asset_records([SHELF])
    last = record.asset_entry.last_materialization
    found["get_asset_records"] = bool(last and last.asset_materialization.partition == "e")  # type: ignore[union-attr]
    context.log_event(AssetMaterialization(AssetKey("another")))
    found["has_asset_key"] = instance.has_asset_key(AssetKey("another"))
    context.log_event(AssetMaterialization(AssetKey("a_third")))
    found["all_asset_keys"] = AssetKey("a_third") in instance.all_asset_keys()
    context.log_event(AssetMaterialization(SHELF, partition="f"))
    events = instance.get_event_records(
        EventRecordsFilter(DagsterEventType.ASSET_MATERIALIZATION, asset_key=SHELF), limit=1
    )
    found["get_event_records"] = [one.partition_key for one in events] == ["f"]
    context.log.info("the last line of this step")
    lines = [entry.user_message for entry in instance.all_logs(run_id)]
    found["all_logs"] = "the last line of this step" in lines
    return found


@job(executor_def=dask_executor)
def reading_job() -> None:
    reads_what_it_did()


CHECK = AssetCheckSpec("is_good", asset="checked_letter")


@asset(partitions_def=LETTERS, check_specs=[CHECK])
def checked_letter(context: AssetExecutionContext) -> Iterator[Output[str] | AssetCheckResult]:
    """Its check is about the materialization that the same step has made."""
    yield Output(context.partition_key)
    yield AssetCheckResult(passed=True)


@asset(check_specs=[AssetCheckSpec("is_good", asset="checked_whole")])
def checked_whole() -> Iterator[Output[int] | AssetCheckResult]:
    yield Output(1)
    yield AssetCheckResult(passed=True)


def _checks_job(executor: ExecutorDefinition) -> JobDefinition:
    selection = AssetSelection.assets(checked_letter)
    definitions = Definitions(
        assets=[checked_letter],
        jobs=[define_asset_job("letters", selection, executor_def=executor)],
    )
    return definitions.resolve_job_def("letters")


def letters_on_dask() -> JobDefinition:
    return _checks_job(dask_executor)


def letters_in_process() -> JobDefinition:
    return _checks_job(in_process_executor)


def whole_on_dask() -> JobDefinition:
    definitions = Definitions(
        assets=[checked_whole],
        jobs=[define_asset_job("whole", AssetSelection.all(), executor_def=dask_executor)],
    )
    return definitions.resolve_job_def("whole")
