"""The file that a clip is written to."""

import hashlib
from typing import BinaryIO

from dagster import Failure

from imagetl_assets.records import FrameFiles


def check_filename(filename: str, files: FrameFiles) -> None:
    """Raise Failure if a clip has the name of the raw file."""
    if filename == files.raw.path:
        raise Failure(
            f"filename {filename!r} is the raw file's: choose another", allow_retries=False
        )


class HashingWriter:
    """Passes on what is written; hashes and counts it.

    Attributes:
        digest: of all that was written.
        size: in bytes.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | memoryview) -> int:
        """Write the data; return how many bytes it has."""
        self.digest.update(data)
        self._out.write(data)
        self.size += len(data)
        return len(data)
