"""What people are told of damaged frames, in logs, metadata and failures.

A file that is no bundle at all can have thousands of damaged pieces. The first `MOST_TOLD` of them
are told one by one, the others as a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from dagster import Failure, MetadataValue

from imagetl_assets.images.bundle import DamagedFrame, Remarks
from imagetl_assets.records import RawFile

MOST_TOLD = 20


class Log(Protocol):
    """The part of a Dagster log that is used."""

    def warning(self, msg: object, /) -> None:
        """Log a warning."""


def log_damaged(log: Log, key: str, damaged: Sequence[DamagedFrame], most: int = MOST_TOLD) -> None:
    """Log the damaged frames of a partition that are left out, `most` of them one by one."""
    for frame in damaged[:most]:
        log.warning(f"{key}: {described(frame)}")
    if len(damaged) > most:
        log.warning(f"{key}: {len(damaged) - most:,} more frames are damaged")


def damaged_metadata(damaged: Sequence[DamagedFrame]) -> Mapping[str, MetadataValue]:
    """Return how many frames are damaged, and number, offset and problem of the first ones."""
    if not damaged:
        return {"damaged frames": MetadataValue.int(0)}
    first = [[frame.number, frame.offset, frame.named_problem] for frame in damaged[:MOST_TOLD]]
    return {
        "damaged": MetadataValue.json(first),
        "damaged frames": MetadataValue.int(len(damaged)),
    }


def damaged_frame(
    damaged: Sequence[DamagedFrame], raw: RawFile, remarks: Sequence[str] = ()
) -> Failure:
    """Return what to raise because frames are damaged.

    Args:
        damaged: the frames; the first one is described.
        raw: the raw file that they are in.
        remarks: what else is unusual about the bundle.
    """
    first = damaged[0]
    more = f", and {len(damaged) - 1:,} more are damaged" if len(damaged) > 1 else ""
    seen = f" What else is unusual: {'; '.join(remarks)}." if remarks else ""
    return Failure(
        f"frame {first.number} at byte {first.offset:,} of {raw.path} is damaged: "
        f"{first.named_problem}"
        f"{more}.{seen} To leave such frames out, set on_damaged_frame to skip",
        metadata={"frame": first.number, "offset": first.offset, "damaged": len(damaged)},
        allow_retries=False,
    )


def described(frame: DamagedFrame) -> str:
    """Return what is wrong with a frame, and where it is."""
    return f"frame {frame.number} at byte {frame.offset:,}: {frame.named_problem}"


def no_frames(kind: str, raw: RawFile, remarks: Remarks) -> Failure:
    """Return what to raise because a bundle has no frames at all."""
    left_out = remarks.left_out()
    seen = f", a {kind}: it has {'; '.join(left_out)}" if left_out else ""
    return Failure(f"there are no frames in {raw.path}{seen}", allow_retries=False)
