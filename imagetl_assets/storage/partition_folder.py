"""The layout of a partition folder: where its results and its records are.

<partition key>/image-data.img                      the raw file
<partition key>/frames/frame_00.gif ...             the frame files
<partition key>/clip.gif                            the clip
<partition key>/.imagetl/<asset>.json               the record of each asset
<partition key>/.imagetl/deltas/<claim>/...         differences between frames, if asked for
<partition key>/.imagetl/work/<claim>/...           what is being made, see `claims`
"""

from __future__ import annotations

from typing import TypeVar

from imagetl_assets.names import FRAMES_FOLDER, RESERVED_FOLDER, check_partition_key
from imagetl_assets.records import Record
from imagetl_assets.storage.base import Store

R = TypeVar("R", bound=Record)


class PartitionFolder:
    """The files of one partition. All paths are relative to the storage root.

    Attributes:
        store: which holds the folder.
        frames: path of the frames folder.
        deltas: path of the folder that has a folder of differences for each claim.
        work: path of the folder that has a folder for each claim.
    """

    def __init__(self, store: Store, partition_key: str) -> None:
        self.store = store
        self._key = check_partition_key(partition_key)
        self.frames = self.path(FRAMES_FOLDER)
        self.deltas = self.path(f"{RESERVED_FOLDER}/deltas")
        self.work = self.path(f"{RESERVED_FOLDER}/work")

    def path(self, name: str) -> str:
        """Return the path of a file that has this name in the partition folder."""
        return f"{self._key}/{name}"

    def uri(self, name: str) -> str:
        """Return the URI of a file that has this name in the partition folder."""
        return self.store.uri(self.path(name))

    def claim_folder(self, claim: str) -> str:
        """Return the path of the folder in which things are made under a claim."""
        return f"{self.work}/{claim}"

    def load(self, name: str, kind: type[R]) -> R | None:
        """Return the record of this name, or None. Raises RecordError if it cannot be read."""
        data = self.read_record(name)
        return None if data is None else kind.from_json(data)

    def read_record(self, name: str) -> bytes | None:
        """Return the stored form of the record of this name, or None if there is none."""
        try:
            return self.store.read(self.record_path(name))
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        """Return whether there is a record of this name."""
        return self.store.state(self.record_path(name)) is not None

    def record_path(self, name: str) -> str:
        """Return the path of the record of this name, which is that of an asset."""
        return self.path(f"{RESERVED_FOLDER}/{name}.json")
