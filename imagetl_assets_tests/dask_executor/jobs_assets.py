"""Assets with partitions, checks and versions, to be run by more than one executor."""

from collections.abc import Iterator, Sequence

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetSelection,
    AssetSpec,
    BackfillPolicy,
    DataVersion,
    Definitions,
    DynamicPartitionsDefinition,
    ExecutorDefinition,
    JobDefinition,
    MaterializeResult,
    StaticPartitionsDefinition,
    asset,
    asset_check,
    define_asset_job,
    multi_asset,
    multiprocess_executor,
)

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets_tests.dask_executor.jobs import mark

PARTITIONS = StaticPartitionsDefinition(["a", "b", "c", "d"])
FILES = DynamicPartitionsDefinition(name="files")

# Versions


@asset(code_version="1")
def raw() -> MaterializeResult[int]:
    return MaterializeResult(value=3, data_version=DataVersion("raw-3"))


@asset(code_version="2")
def doubled(raw: int) -> int:
    return 2 * raw


@multi_asset(
    specs=[
        AssetSpec("first", deps=["doubled"], code_version="3"),
        AssetSpec("second", deps=["first", "raw"], code_version="4"),
    ],
    can_subset=True,
)
def one_after_the_other(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
    """The second asset depends on what the same step has just told of the first."""
    if AssetKey("first") in context.selected_asset_keys:
        version = DataVersion(context.run.tags.get("version", ""))
        yield MaterializeResult(asset_key="first", data_version=version)
    if AssetKey("second") in context.selected_asset_keys:
        yield MaterializeResult(asset_key="second")


@asset(deps=["second", "doubled"], code_version="5")
def last() -> None: ...


VERSIONED: Sequence[str] = ["raw", "doubled", "first", "second", "last"]

# Partitions


@asset(partitions_def=PARTITIONS, backfill_policy=BackfillPolicy.single_run())
def letters(context: AssetExecutionContext) -> None:
    mark(context.op_execution_context, ",".join(context.partition_keys))


@asset(partitions_def=PARTITIONS, backfill_policy=BackfillPolicy.single_run(), deps=[letters])
def words(context: AssetExecutionContext) -> None:
    mark(
        context.op_execution_context,
        ",".join(sorted(context.asset_partition_keys_for_input("letters"))),
    )


@asset(partitions_def=FILES)
def file(context: AssetExecutionContext) -> str:
    return str(context.partition_key)


@asset(partitions_def=FILES)
def file_size(context: AssetExecutionContext, file: str) -> None:
    context.add_output_metadata({"size": len(file)})


# Checks


@asset
def checked() -> int:
    return 1


@asset_check(asset=checked, blocking=True)
def blocks(context: AssetCheckExecutionContext) -> AssetCheckResult:
    return AssetCheckResult(passed=context.run.tags["passed"] == "yes")


@asset_check(asset=checked)
def does_not_block() -> AssetCheckResult:
    return AssetCheckResult(passed=False, severity=AssetCheckSeverity.ERROR)


@asset
def gated(checked: int) -> int:
    return checked


@asset
def warned_about() -> int:
    return 1


@asset_check(asset=warned_about)
def fails_without_blocking() -> AssetCheckResult:
    return AssetCheckResult(passed=False, severity=AssetCheckSeverity.ERROR)


@asset
def not_gated(warned_about: int) -> int:
    return warned_about


def _job(executor: ExecutorDefinition, name: str, selection: AssetSelection) -> JobDefinition:
    definitions = Definitions(
        assets=[
            *(raw, doubled, one_after_the_other, last),
            *(letters, words, file, file_size),
            *(checked, gated, warned_about, not_gated),
        ],
        asset_checks=[blocks, does_not_block, fails_without_blocking],
        jobs=[define_asset_job(name, selection, executor_def=executor)],
    )
    return definitions.get_job_def(name)


VERSIONED_SELECTION = AssetSelection.assets(*VERSIONED)


def versions_job() -> JobDefinition:
    return _job(dask_executor, "versions_job", VERSIONED_SELECTION)


def versions_multiprocess_job() -> JobDefinition:
    return _job(multiprocess_executor, "versions_multiprocess_job", VERSIONED_SELECTION)


def letters_job() -> JobDefinition:
    return _job(dask_executor, "letters_job", AssetSelection.assets(letters, words))


def files_job() -> JobDefinition:
    return _job(dask_executor, "files_job", AssetSelection.assets(file, file_size))


def checks_job() -> JobDefinition:
    return _job(
        dask_executor,
        "checks_job",
        AssetSelection.assets(checked, gated, warned_about, not_gated),
    )
