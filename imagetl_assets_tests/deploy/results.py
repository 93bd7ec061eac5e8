"""What runs have stored in a bucket, against what a run on this machine stores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from testbed.pipeline import Pipeline


def client(settings: Mapping[str, str]) -> Any:
    """Return a file system for the store that the settings lead to."""
    from s3fs import S3FileSystem

    return S3FileSystem(
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        key=settings["AWS_ACCESS_KEY_ID"],
        secret=settings["AWS_SECRET_ACCESS_KEY"],
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def stored(store: Any, root: str, partition: str) -> dict[str, bytes]:
    """Return the files of a partition below `root`, by path, without the records."""
    folder = f"{root.removeprefix('s3://')}/{partition}"
    paths = {path.removeprefix(f"{folder}/"): path for path in store.find(folder)}
    return {
        name: store.cat_file(path)
        for name, path in paths.items()
        if not name.startswith(".imagetl/")
    }


def stored_locally(folder: Path, partition: str, bundle: bytes) -> dict[str, bytes]:
    """Run a bundle in this process, with folders for upstream and storage; return the same."""
    (folder / "upstream").mkdir(parents=True, exist_ok=True)
    (folder / "upstream" / partition).write_bytes(bundle)
    with DagsterInstance.ephemeral() as instance:
        pipeline = Pipeline(folder / "storage", str(folder / "upstream"), instance)
        assert pipeline.run(partition).success
    root = folder / "storage" / partition
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] != ".imagetl"
    }
