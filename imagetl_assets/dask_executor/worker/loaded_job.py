"""A job whose definition is loaded: Dagster's own class for it keeps only the last one loaded."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from imagetl_assets.dask_executor.dagster_internals.names import IJob

if TYPE_CHECKING:
    from dagster import AssetCheckKey, AssetKey, JobDefinition, RepositoryDefinition

    from imagetl_assets.dask_executor.dagster_internals.names import ReconstructableJob


class LoadedJob(IJob):
    """A job with its definition.

    Attributes:
        code_version: a digest of the source files that it was loaded from, or None.
    """

    def __init__(
        self,
        source: ReconstructableJob,
        definition: JobDefinition,
        repository: RepositoryDefinition | None,
        code_version: str | None,
    ) -> None:
        self._source = source
        self._definition = definition
        self._repository = repository
        self.code_version = code_version

    def get_definition(self) -> JobDefinition:
        """Return the definition, with the run's selection applied."""
        return self._definition

    def get_repository_definition(self) -> RepositoryDefinition | None:
        """Return the repository that the job is from."""
        return self._repository

    def get_subset(
        self,
        *,
        op_selection: Iterable[str] | None = None,
        asset_selection: AbstractSet[AssetKey] | None = None,
        asset_check_selection: AbstractSet[AssetCheckKey] | None = None,
    ) -> IJob:
        """Return a subset of the job, loaded anew."""
        return self._source.get_subset(
            op_selection=op_selection,
            asset_selection=asset_selection,
            asset_check_selection=asset_check_selection,
        )

    @property
    def op_selection(self) -> AbstractSet[str] | None:
        """The ops that the run has selected."""
        return self._source.op_selection

    @property
    def asset_selection(self) -> AbstractSet[AssetKey] | None:
        """The assets that the run has selected."""
        return self._source.asset_selection

    @property
    def asset_check_selection(self) -> AbstractSet[AssetCheckKey] | None:
        """The asset checks that the run has selected."""
        return self._source.asset_check_selection
