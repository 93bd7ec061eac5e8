"""Emulators of Google Cloud Storage and of Azure Blob Storage, as processes of their own.

The first is `gcp-storage-emulator` from PyPI; the second is Azurite, of which npm installs the
program `azurite-blob`. Both keep everything in memory.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from urllib.error import HTTPError
from urllib.request import urlopen

from testbed import NotHere
from testbed.object_store import ObjectStore
from testbed.ports import LOOPBACK, free_ports
from testbed.processes import BIN, started, wait_for

# Every Azurite has this account; its key is in Microsoft's documentation and protects nothing.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class GcsEmulator(ObjectStore):
    """A running emulator of Google Cloud Storage; it asks for no key."""

    scheme: ClassVar[str] = "gs"

    @property
    def settings(self) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.url}


@dataclass(frozen=True)
class AzureEmulator(ObjectStore):
    """A running emulator of Azure Blob Storage; `key` is the name of the account."""

    scheme: ClassVar[str] = "az"

    @property
    def settings(self) -> dict[str, str]:
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={self.key};AccountKey={self.secret};"
            f"BlobEndpoint={self.url}/{self.key};"
        )
        return {"AZURE_STORAGE_CONNECTION_STRING": connection}


@contextmanager
def gcs(folder: Path, port: int = 0) -> Iterator[ObjectStore]:
    """Run an emulator of Google Cloud Storage. Raises NotHere."""
    if absent := [name for name in ("gcsfs", "gcp_storage_emulator") if find_spec(name) is None]:
        raise NotHere(f"no Google Cloud Storage: not installed: {', '.join(absent)}")
    port = port or free_ports(1)[0]
    program = [str(BIN / "gcp-storage-emulator"), "start", "--in-memory", "--quiet"]
    url = f"http://{LOOPBACK}:{port}"
    log = folder / "gcs.log"
    with started([*program, "--host", LOOPBACK, "--port", str(port)], os.environ, log) as process:
        wait_for(lambda: _answers(url, process.poll() is None, log))
        yield GcsEmulator(url, "", "")


@contextmanager
def azure(folder: Path, port: int = 0) -> Iterator[ObjectStore]:
    """Run an emulator of Azure Blob Storage. Raises NotHere."""
    program = shutil.which("azurite-blob")
    absent = [
        name
        for name, found in (("adlfs", find_spec("adlfs")), ("azurite-blob", program))
        if not found
    ]
    if absent or not program:
        raise NotHere(f"no Azure Blob Storage: not installed: {', '.join(absent)}")
    port = port or free_ports(1)[0]
    url = f"http://{LOOPBACK}:{port}"
    options = ["--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    place = ["--blobHost", LOOPBACK, "--blobPort", str(port)]
    log = folder / "azurite.log"
    with started([program, *options, *place], os.environ, log) as process:
        wait_for(lambda: _answers(url, process.poll() is None, log))
        yield AzureEmulator(url, _ACCOUNT, _KEY)


KINDS: Mapping[str, Callable[[Path, int], AbstractContextManager[ObjectStore]]] = {
    "gcs": gcs,
    "azure": azure,
}


def new_bucket(store: ObjectStore) -> str:
    """Create a bucket of its own in a store that is reached; return its URL."""
    from fsspec import filesystem

    name = f"test-{uuid.uuid4()}"
    filesystem(store.scheme).mkdir(name)
    return f"{store.scheme}://{name}"


def _answers(url: str, runs: bool, log: Path) -> bool:
    assert runs, f"not started: see {log}"
    try:
        urlopen(url, timeout=5).close()
    except HTTPError:
        return True  # it does not know us, but it is there
    except OSError:
        return False
    return True
