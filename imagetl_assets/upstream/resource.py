"""The place that upstream files come from, as a Dagster resource."""

from __future__ import annotations

from dagster import ConfigurableResource
from pydantic import Field

from imagetl_assets.upstream.urls import file_url, is_local


class UpstreamFiles(ConfigurableResource):  # type: ignore[type-arg]
    """Where upstream files are, unless a run's config says otherwise.

    Example:
        >>> UpstreamFiles(base="s3://bucket/images").url("a.img")
        's3://bucket/images/a.img'
    """

    base: str = Field(description="A folder, or an http(s) or fsspec URL of one.")
    refuse_private: bool = Field(
        default=False,
        description="Refuse http(s) URLs, and redirects, that lead to private addresses.",
    )

    @property
    def is_local(self) -> bool:
        """Whether the base is a folder on this machine."""
        return is_local(self.base)

    def url(self, name: str) -> str:
        """Return the URL or path of the file called `name`."""
        return file_url(self.base, name)
