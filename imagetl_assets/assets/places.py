"""Where a result is, for people: in the metadata of its asset."""

from __future__ import annotations

from urllib.parse import quote

from dagster import MetadataValue

from imagetl_assets.settings import files_url
from imagetl_assets.storage.partition_folder import PartitionFolder


def stored_at(folder: PartitionFolder, name: str) -> dict[str, MetadataValue]:
    """Return where a file of a partition folder is stored."""
    return {"stored at": MetadataValue.path(folder.uri(name))}


def stored_and_linked(folder: PartitionFolder, name: str) -> dict[str, MetadataValue]:
    """Return where a file is stored, and a link that a browser can follow, if there is one."""
    base = files_url()
    link = MetadataValue.url(f"{base}/{quote(folder.path(name))}") if base else None
    return {**({"open": link} if link else {}), **stored_at(folder, name)}
