"""The place that upstream files come from, as a Dagster resource."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

from dagster import ConfigurableResource
from pydantic import Field


class UpstreamFiles(ConfigurableResource):  # type: ignore[type-arg]
    """Where upstream files are, unless a run's config says otherwise.

    Example:
        >>> UpstreamFiles(base="https://example.org/images?key=1").url("a b.img")
        'https://example.org/images/a%20b.img?key=1'
    """

    base: str = Field(description="A folder, or an http(s) or fsspec URL of one.")

    def url(self, name: str) -> str:
        """Return the URL or path of the file called `name`."""
        parts = urlsplit(self.base)
        if parts.scheme not in ("http", "https"):
            return f"{self.base.rstrip('/')}/{name}"
        path = f"{parts.path.rstrip('/')}/{quote(name)}"
        return urlunsplit(parts._replace(path=path))
