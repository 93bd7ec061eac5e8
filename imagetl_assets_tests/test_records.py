"""Records survive the way through JSON, and nothing else is taken for one."""

from __future__ import annotations

import json
import pickle

import pytest

from imagetl_assets.images import gif
from imagetl_assets.images.bundle import DamagedFrame, FrameSpan
from imagetl_assets.mapped_steps import frame_batches
from imagetl_assets.records import (
    Clip,
    FrameFiles,
    FrameIndex,
    RawFile,
    Record,
    RecordError,
    StoredFrame,
    StoredFrameBatch,
)
from testbed.bundles import tiny_frame

RAW = RawFile("a.img", 10, "00", "10-1", "https://h/ü.img", "ff", None, "Mon, 01 Jan")
FRAMES = (
    StoredFrame(5, 9, "aa", gif.parse(tiny_frame(1))),
    StoredFrame(None, 1, "b", gif.parse(tiny_frame(2))),
)
RECORDS: list[Record] = [
    RAW,
    FrameIndex(RAW, (FrameSpan(0, 4, 5, "GIF"),), (DamagedFrame(1, 9, 2, "cut"),), 1),
    StoredFrameBatch(FRAMES),
    FrameFiles(RAW, ("frame_00.gif", "frame_01.gif"), FRAMES),
    Clip("clip.gif", 3, "cc", 2, 8, 6),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_there_and_back(record: Record) -> None:
    assert type(record).from_json(record.to_json()) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
@pytest.mark.parametrize(
    "data", [b"", b"null", b"{}", b"[1]", pickle.dumps(1), b'{"record": "Clip", "format": 99}']
)
def test_anything_else_is_refused(record: Record, data: bytes) -> None:
    with pytest.raises(RecordError):
        type(record).from_json(data)


@pytest.mark.parametrize("name", ["../victim", "/etc/x", "a/../../x", "frames/x", ".imagetl/x", ""])
@pytest.mark.parametrize(
    ("record", "field"),
    [(RAW, "path"), (RECORDS[-1], "path"), (RECORDS[1], "claim"), (RECORDS[3], "names")],
    ids=["raw file", "clip", "index", "frame files"],
)
def test_a_planted_path_makes_a_record_unreadable(record: Record, field: str, name: str) -> None:
    """Whoever can write to the storage cannot make a run write, read or delete elsewhere."""
    planted = json.loads(record.to_json())
    planted[field] = [name] * 2 if field == "names" else name
    if (field, name) == ("claim", ""):
        return  # a record that was stored under no claim
    with pytest.raises(RecordError):
        type(record).from_json(json.dumps(planted).encode())


def test_the_fingerprint_is_about_the_names_and_bytes_of_the_frame_files_only() -> None:
    index = FrameIndex(RAW, (FrameSpan(0, 4, 5, "GIF"),), (), 1)
    same = FrameIndex(RAW, (FrameSpan(0, 4, 5, "GIF"),), (), 9, True, skip_damaged=True)
    others = [
        FrameIndex(RAW, (FrameSpan(0, 4, 6, "GIF"),), (), 1),
        FrameIndex(RAW, (FrameSpan(3, 4, 5, "GIF"),), (), 1),
        FrameIndex(RAW, (FrameSpan(0, 4, 5, "GIF"),), (DamagedFrame(1, 9, 2, "cut"),), 1),
        FrameIndex(RAW, (FrameSpan(0, 4, 5, "GIF"),), (), 1, resize=5),
    ]
    assert index.fingerprint == same.fingerprint
    assert index.fingerprint not in {other.fingerprint for other in others}


def test_frames_are_named_by_their_numbers() -> None:
    frames = tuple(FrameSpan(number, number * 10, 5, "GIF") for number in (1, 2, 100))
    index = FrameIndex(RAW, frames, (DamagedFrame(0, 0, 5, "cut"),) * 98, 2)
    assert index.file_names() == ["frame_001.gif", "frame_002.gif", "frame_100.gif"]
    assert list(frame_batches(index)) == ["frames_001_001", "frames_002_100"]
    left_out = [DamagedFrame(2, 20, 5, "cut")]
    assert index.file_names(left_out) == ["frame_001.gif", "frame_100.gif"]
