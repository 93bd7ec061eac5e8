"""Frames that an earlier run has stored, so that the same image need not be converted again.

A folder of pictures that grows gives a new raw file with each run, of which nearly all images are
those of before. Converting and checking an image costs a hundred times what reading the stored
frame costs.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from imagetl_assets.images.edit import FrameInfo
from imagetl_assets.images.version import version
from imagetl_assets.keep_one import KeepOne
from imagetl_assets.records import FrameFiles, FrameIndex, StoredFrame, decoded
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import FILES


class KnownFrame(NamedTuple):
    """A frame as it is stored, and what the record tells of it."""

    data: bytes
    stored: StoredFrame


def source_of(sha256: str, index: FrameIndex, info: FrameInfo) -> str | None:
    """Return a hash of all that makes a frame: the image, what is done to it, and by which code.

    The image is given by its `sha256`, in hex.

    None if frames are not to be known again: nobody sees a change inside of a user's function.
    """
    if index.function:
        return None
    told = info if index.edit.uses_info else None
    made_of = [sha256, index.edit, index.dither, told, version()]
    return hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()[:32]


class KnownFrames:
    """The published frames of a partition, by what they were made from."""

    def __init__(self, folder: PartitionFolder, files: FrameFiles | None) -> None:
        self._folder = folder
        self._frames = {
            frame.source: (name, frame)
            for name, frame in (zip(files.names, files.frames, strict=True) if files else ())
            if frame.source is not None
        }

    def find(self, source: str | None, image: bytes) -> KnownFrame | None:
        """Return the frame that was made from an image, if it is still there as it was stored."""
        if source is None or source not in self._frames:
            return None
        name, stored = self._frames[source]
        if stored.offset is not None:  # it has the bytes of the image
            return KnownFrame(image, stored)
        try:
            data = self._folder.store.read(f"{self._folder.frames}/{name}")
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).hexdigest() != stored.sha256:
            return None
        return KnownFrame(data, stored)


_kept: KeepOne[KnownFrames] = KeepOne()


def known_frames(folder: PartitionFolder, index: FrameIndex) -> KnownFrames:
    """Return the published frames of a partition, whose record this process reads only once.

    A newer run may replace them meanwhile: what is found is checked by its sha256.
    """
    if index.in_place or index.function:  # there are none yet, or none is to be known again
        return KnownFrames(folder, None)
    return _kept.get(
        (folder.store.root, folder.frames, index.claim),
        lambda: KnownFrames(folder, decoded(FrameFiles, folder.read_record(FILES))),
    )
