"""From an upstream file to the stored raw file and its record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, BinaryIO

from msgspec.structs import replace

from imagetl_assets.images.bundle import looks_like_bundle
from imagetl_assets.records import RawFile, decoded
from imagetl_assets.redact import redact_url
from imagetl_assets.storage import FileState, Store, StoreError
from imagetl_assets.storage.claims import Claim, claimed
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.upstream import (
    Known,
    Limits,
    PermanentError,
    UpstreamFile,
    open_upstream,
    source_id,
)
from imagetl_assets.upstream.compressed import unpacked

ASSET = "raw_data_file"

# How much is stored before somebody looks whether there still is room for more.
_ROOM_BYTES = 64 * 1024 * 1024


class OnExisting(Enum):
    """What to do if the file has been downloaded before."""

    revalidate = "revalidate"
    skip = "skip"
    redownload = "redownload"


@dataclass(frozen=True)
class Obtained:
    """What has become of a download.

    Attributes:
        raw: the record of the stored file.
        skipped: whether it was there already.
        caution: what people should know of it, or None.
        compression: the name of that of the upstream file, which is stored unpacked, or None.
        facts: see `UpstreamFile`.
    """

    raw: RawFile
    skipped: bool = False
    caution: str | None = None
    compression: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Download:
    """What to download, under which name to keep it in a partition's folder, and how.

    `include` is a pattern of the names of images, if a folder is downloaded.
    """

    url: str
    path: str
    on_existing: OnExisting
    limits: Limits
    refuse_private: bool
    include: str | None = None

    def obtain(self, folder: PartitionFolder, turn: str) -> Obtained:
        """Store the file and its record, unless the file that is there will do.

        Args:
            folder: of the partition.
            turn: of the run, see `claims.turn_of_run`.

        Raises:
            UpstreamError: it cannot be had.
            StoreError: it cannot be stored.
            Overtaken: a newer run is at it, or has done it.
        """
        with claimed(folder, ASSET, turn) as claim:
            before = decoded(RawFile, claim.before)
            stored = before if before and self._is_stored(folder, before) else None
            if self.on_existing is OnExisting.skip and (found := stored or self._adopted(folder)):
                if found is not before:
                    claim.save(replace(found, claim=claim.name))
                return Obtained(found, skipped=True, caution=self._other_source(stored))
            known = Known()
            if stored and self._may_be_current(stored):
                known = Known(stored.etag, stored.last_modified, stored.served_from)
            with open_upstream(
                self.url,
                known,
                self.limits,
                refuse_private=self.refuse_private,
                include=self.include,
                earlier=lambda: self._earlier(folder, stored),
            ) as file:
                if file is None:
                    assert stored is not None  # only a known file can be unchanged
                    return Obtained(stored, skipped=True)
                raw, compression = self._stored(file, claim)
        replaced = before if before and before.sha256 != raw.sha256 else None
        cautions = [file.caution, self._other_source(replaced)]
        caution = "; ".join(filter(None, cautions)) or None
        return Obtained(raw, caution=caution, compression=compression, facts=file.facts)

    def _stored(self, file: UpstreamFile, claim: Claim) -> tuple[RawFile, str | None]:
        """Store an upstream file and its record; return the record, and how it was compressed."""
        folder, shown = claim.folder, redact_url(self.url)
        blocks, compression = unpacked(file.blocks, self.limits, shown)
        with claim.create(self.path) as out:
            _check_room(folder.store, file.size or 0)
            size, sha256 = _copy(blocks, out, folder.store, shown)
        raw = RawFile(
            path=self.path,
            size=size,
            sha256=sha256,
            version=_state(folder, self.path).version,
            source=redact_url(self.url),
            source_id=source_id(self.url),
            etag=file.etag,
            last_modified=file.last_modified,
            served_from=file.served_from,
            claim=claim.name,
        )
        claim.save(raw)
        return raw, compression

    def _earlier(self, folder: PartitionFolder, stored: RawFile | None) -> BinaryIO | None:
        """Open the file that was stored before, if it is from the same source."""
        if stored is None or not self._may_be_current(stored):
            return None
        return folder.store.open(folder.path(stored.path), FileState(stored.size, stored.version))

    def _other_source(self, raw: RawFile | None) -> str | None:
        """Return what to tell if a raw file came from another URL than this one."""
        if raw is None or raw.source_id == source_id(self.url):
            return None
        return (
            f"the file that was stored before came from another URL, {raw.source}. To keep the "
            "results of both, use another partition key for one of them (imagetl run: --name)"
        )

    def _may_be_current(self, stored: RawFile) -> bool:
        same_source = stored.source_id == source_id(self.url)
        return same_source and self.on_existing is OnExisting.revalidate

    def _is_stored(self, folder: PartitionFolder, record: RawFile) -> bool:
        """Tell whether the file is there, and still is the one that its record describes."""
        if record.path != self.path:
            return False
        state = folder.store.state(folder.path(self.path))
        return state is not None and state.version == record.version

    def _adopted(self, folder: PartitionFolder) -> RawFile | None:
        """Return a record of a stored file that has none, because a user has put it there."""
        key = folder.path(self.path)
        state = folder.store.state(key)
        if state is None:
            return None
        digest = hashlib.sha256()
        with folder.store.open(key, state) as file:
            for block in _blocks(file):
                digest.update(block)
        uri = folder.uri(self.path)
        return RawFile(
            self.path, state.size, digest.hexdigest(), state.version, uri, source_id(uri)
        )


def _copy(blocks: Iterator[bytes], out: BinaryIO, store: Store, shown: str) -> tuple[int, str]:
    """Stream the blocks of a file to `out`; return their size and sha256.

    Raises:
        UpstreamError: it cannot be read to its end, is too large, or no bundle of images.
        StoreError: it would fill the disk.
    """
    digest = hashlib.sha256()
    size = 0
    room_until = _ROOM_BYTES
    for block in blocks:
        if not size and (problem := looks_like_bundle(block)):
            raise PermanentError(f"{shown} is not a bundle of images: {problem}")
        size += len(block)
        if size > room_until:
            _check_room(store, 0)
            room_until = size + _ROOM_BYTES
        digest.update(block)
        out.write(block)
    if not size:
        raise PermanentError(f"{shown} is not a bundle of images: it is empty")
    return size, digest.hexdigest()


def _check_room(store: Store, needed: int) -> None:
    """Raise StoreError if there is no room for so many bytes more, or for any at all."""
    room = store.room()
    if room is not None and room < max(needed, 1):
        raise StoreError(
            f"{store.root}: the disk has no room for it; make room and run it again",
            may_pass=False,
        )


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(1024 * 1024):
        yield block


def _state(folder: PartitionFolder, path: str) -> FileState:
    state = folder.store.state(folder.path(path))
    if state is None:
        raise StoreError(f"{folder.uri(path)} vanished while it was being stored")
    return state
