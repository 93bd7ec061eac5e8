"""The second and third asset: the frames of the raw file, found and then stored one by one.

One graph makes both, as only ops can map over frames whose number is not known before the run:
`find_frames` stores the index and names a batch per mapped step, `store_frames` runs once for each
batch, `collect_frames` publishes what they have stored. Bytes never travel between the steps; they
all read and write the storage.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Backoff,
    Config,
    DynamicOut,
    DynamicOutput,
    Failure,
    GraphOut,
    In,
    MetadataValue,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    RetryPolicy,
    config_mapping,
    graph,
    op,
)
from pydantic import Field

from imagetl_assets.assets.batch import raw_changed, store_batch
from imagetl_assets.assets.common import (
    BACKFILL_POLICY,
    GROUP,
    KIND_PREFIX,
    OWNERS,
    UP_TO_DATE,
    for_each_file,
    joint_version,
)
from imagetl_assets.assets.handover import BatchName, Receiver, Sender
from imagetl_assets.images import bundle
from imagetl_assets.images.bundle import DamagedFrame, FrameSpan
from imagetl_assets.partitions import partition_keys, upstream_files
from imagetl_assets.records import (
    MAX_MAPPED_STEPS,
    FrameFiles,
    FrameIndex,
    RawFile,
    frames_per_step,
    mapped_steps,
)
from imagetl_assets.storage import FileChanged, FileState, ImageStorage
from imagetl_assets.storage.resource import PartitionFolder, store_errors_told


class OnDamagedFrame(Enum):
    """What to do if a piece of the bundle is no complete image."""

    fail = "fail"
    skip = "skip"


class FramesConfig(Config):
    """How frames are found and stored."""

    frames_per_step: int | None = Field(
        default=None,
        gt=0,
        description=(
            "Frames that a mapped step stores at most. "
            f"Default: one up to {MAX_MAPPED_STEPS} frames, above that about the root of their "
            f"number, in at most {MAX_MAPPED_STEPS} steps."
        ),
    )
    on_damaged_frame: OnDamagedFrame = Field(
        default=OnDamagedFrame.fail,
        description="fail: name the frame and fail; skip: leave it out and tell in the metadata.",
    )
    resize: str | None = Field(
        default=None,
        description=(
            "Store frames in another size: a width in pixels ('250') or a percentage ('50%'). "
            "Frames are decoded and converted for it, by the mapped steps."
        ),
    )
    optimize: bool = Field(
        default=False,
        description=(
            "Also store how each frame differs from the one before, for a smaller clip. Frames "
            "are decoded for it, by the mapped steps."
        ),
    )


@op(
    out={"index": Out(dict[str, FrameIndex]), "batches": DynamicOut(Nothing)},
    retry_policy=RetryPolicy(max_retries=2, delay=1, backoff=Backoff.EXPONENTIAL),
    description="Finds the frames in the raw file.",
)
def find_frames(
    context: AssetExecutionContext,
    config: FramesConfig,
    storage: ImageStorage,
    raw: dict[str, RawFile],
) -> Iterator[Output[dict[str, FrameIndex]] | DynamicOutput[None]]:
    """Store where the frames are, then start the mapped steps."""

    def find(key: str) -> FrameIndex:
        started = time.monotonic()
        index = _find(context, config, storage.folder(key), raw[key])
        context.add_asset_metadata(
            {
                "frames": len(index.frames),
                "formats": MetadataValue.json(Counter(span.format for span in index.frames)),
                "damaged": _shown(index.damaged),
                "mapped steps": len(index.batches()),
                "seconds": round(time.monotonic() - started, 3),
            },
            "frames",
            key,
        )
        return index

    indexes = for_each_file(partition_keys(context), find)
    versions = [index.fingerprint for index in indexes.values()]
    yield Output(indexes, "index", data_version=joint_version(versions))
    for key in mapped_steps(indexes):
        yield DynamicOutput(None, mapping_key=key, output_name="batches")


@op(
    ins={"batch": In(Nothing)},
    out=Out(Nothing),
    retry_policy=RetryPolicy(max_retries=2, delay=1, backoff=Backoff.EXPONENTIAL),
    description="Stores the frames of one batch as GIF files.",
)
def store_frames(
    context: OpExecutionContext, storage: ImageStorage, index: dict[str, FrameIndex]
) -> None:
    """Read the batch's bytes from the raw file, store each frame, tell what was stored."""
    mapping_key = context.get_mapping_key()
    assert mapping_key is not None  # this op is only used mapped
    steps = mapped_steps(index)
    if mapping_key not in steps:
        raise _overtaken()
    frames = size = 0
    sender = Sender()
    with store_errors_told():
        for key, batch_key in steps[mapping_key]:
            folder, its_index = storage.folder(key), index[key]
            batch = store_batch(folder, its_index, its_index.batches()[batch_key])
            for piece in batch.damaged:
                context.log.warning(
                    f"Frame {piece.number} at byte {piece.offset:,}: {piece.problem}"
                )
            sender.add(BatchName(key, its_index.fingerprint, batch_key), folder, batch)
            frames += len(batch.frames)
            size += sum(frame.size for frame in batch.frames)
    context.add_output_metadata({"frames": frames, "bytes": size})
    sender.send(context)


@op(
    ins={"stored": In(Nothing)},
    out=Out(dict[str, FrameFiles]),
    retry_policy=RetryPolicy(max_retries=2, delay=1, backoff=Backoff.EXPONENTIAL),
    description="Publishes the stored frames once all of them are there.",
)
def collect_frames(
    context: AssetExecutionContext, storage: ImageStorage, index: dict[str, FrameIndex]
) -> Output[dict[str, FrameFiles]]:
    """Put the frames in their place, remove what an earlier run left there beyond them."""
    receiver = Receiver(context.instance, context.run)

    def collect(key: str) -> FrameFiles:
        folder = storage.folder(key)
        files = _collect(key, folder, index[key], receiver)
        context.add_asset_metadata(
            {
                "frames": len(files.frames),
                "bytes": sum(frame.size for frame in files.frames),
                "converted": sum(frame.offset is None for frame in files.frames),
                "damaged": _shown(files.damaged),
                "stored at": MetadataValue.url(folder.uri("frames")),
            },
            "frame_files",
            key,
        )
        return files

    collected = for_each_file(partition_keys(context), collect)
    return Output(collected, data_version=joint_version([_digest(f) for f in collected.values()]))


def _digest(files: FrameFiles) -> str:
    return hashlib.sha256("".join(frame.sha256 for frame in files.frames).encode()).hexdigest()


def _find(
    context: AssetExecutionContext, config: FramesConfig, folder: PartitionFolder, raw: RawFile
) -> FrameIndex:
    """Return where the frames are, and where they are to be stored."""
    frames, damaged = _scan(folder, raw)
    for piece in damaged:
        context.log.warning(f"Frame {piece.number} at byte {piece.offset:,}: {piece.problem}")
    if damaged and config.on_damaged_frame is OnDamagedFrame.fail:
        first = damaged[0]
        raise Failure(
            f"frame {first.number} at byte {first.offset:,} of {raw.path} is damaged: "
            f"{first.problem}. To leave such frames out, set on_damaged_frame to skip",
            metadata={"frame": first.number, "offset": first.offset, "damaged": len(damaged)},
            allow_retries=False,
        )
    if not frames:
        raise Failure(f"there are no frames in {raw.path}", allow_retries=False)
    per_step = config.frames_per_step or frames_per_step(len(frames))
    index = FrameIndex(
        raw,
        frames,
        damaged,
        per_step,
        folder="",
        skip_damaged=config.on_damaged_frame is OnDamagedFrame.skip,
        resize=_size(config.resize),
        optimize=config.optimize,
    )
    where, former = folder.begin_frames(index.owner)
    return replace(index, folder=where, former=former)


def _scan(
    folder: PartitionFolder, raw: RawFile
) -> tuple[tuple[FrameSpan, ...], tuple[DamagedFrame, ...]]:
    """Return the whole and the damaged frames of the raw file."""
    try:
        with folder.store.open(folder.path(raw.path), FileState(raw.size, raw.version)) as file:
            pieces = list(bundle.find_frames(file))
    except (FileChanged, FileNotFoundError):
        raise raw_changed(folder, raw) from None
    frames = tuple(piece for piece in pieces if isinstance(piece, FrameSpan))
    damaged = tuple(piece for piece in pieces if isinstance(piece, DamagedFrame))
    return frames, damaged


def _size(text: str | None) -> int | float | None:
    """Return the width in pixels, or the factor, that a resize config asks for."""
    if text is None:
        return None
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdecimal() and int(number)):
        raise Failure(
            "resize must be a width in pixels such as '250', or a percentage such as '50%', "
            f"not {text!r}",
            allow_retries=False,
        )
    return int(number) / 100 if text.endswith("%") else int(number)


def _shown(damaged: Sequence[DamagedFrame]) -> MetadataValue:
    return MetadataValue.json([[d.number, d.offset, d.problem] for d in damaged])


def _collect(
    key: str, folder: PartitionFolder, index: FrameIndex, receiver: Receiver
) -> FrameFiles:
    """Publish the frames and return the record of all of them."""
    newest = folder.load("frames", FrameIndex)
    if newest is None or newest.fingerprint != index.fingerprint:
        raise _overtaken()
    try:
        batches, left_behind = receiver.batches(key, folder, index)
        damaged = [piece for batch in batches for piece in batch.damaged]
        names = index.file_names(left_out=damaged)
        if not names:
            raise Failure(
                f"all frames of {index.raw.path} are damaged, the first one: {damaged[0].problem}",
                allow_retries=False,
            )
        folder.publish_frames(index.owner, index.former, index.folder, names)
    except FileNotFoundError:
        done = folder.load("frame_files", FrameFiles)
        if done and done.fingerprint == index.fingerprint:
            return done  # this step is run again: its worker was lost after the work was done
        raise _overtaken() from None
    files = FrameFiles(
        raw=index.raw,
        fingerprint=index.fingerprint,
        names=tuple(names),
        frames=tuple(frame for batch in batches for frame in batch.frames),
        damaged=tuple(sorted([*index.damaged, *damaged], key=lambda piece: piece.number)),
    )
    left_behind = left_behind or index.folder != folder.frames
    if left_behind:
        # The IO manager would do it, but what was left behind can only go once this is stored.
        folder.save("frame_files", files)
    folder.end_frames(index.owner, index.former, left_behind=left_behind)
    return files


def _overtaken() -> Failure:
    return Failure(
        "frames of this run are gone: a newer run of the same file has taken its place, or "
        "the storage was changed. Materialize frames again if this one is wanted",
        allow_retries=False,
    )


@config_mapping
def _frames_config(config: FramesConfig) -> dict[str, Any]:
    """Let users give the config as that of `frames`, without knowing the ops inside."""
    return {"find_frames": {"config": config.model_dump(mode="json")}}


@graph(
    config=_frames_config,
    out={
        "frames": GraphOut("Where the frames are."),
        "frame_files": GraphOut("The stored frames."),
    },
)
def frames(raw_data_file: dict[str, RawFile]) -> dict[str, Any]:
    """Find the frames, store each of them, publish them."""
    index, batches = find_frames(raw_data_file)
    stored = batches.map(lambda batch: store_frames(batch=batch, index=index))
    return {"frames": index, "frame_files": collect_frames(index=index, stored=stored.collect())}


frames_and_files = AssetsDefinition.from_graph(
    frames,
    internal_asset_deps={
        "frames": {AssetKey("raw_data_file")},
        "frame_files": {AssetKey("frames")},
    },
    partitions_def=upstream_files,
    group_name=GROUP,
    descriptions_by_output_name={
        "frames": "Where each frame is in the raw file: offset, length and format.",
        "frame_files": "Each frame as a GIF file of its own.",
    },
    backfill_policy=BACKFILL_POLICY,
    automation_conditions_by_output_name={"frames": UP_TO_DATE, "frame_files": UP_TO_DATE},
    owners_by_output_name={"frames": OWNERS, "frame_files": OWNERS},
    tags_by_output_name={
        "frames": {f"{KIND_PREFIX}json": ""},
        "frame_files": {f"{KIND_PREFIX}gif": "", f"{KIND_PREFIX}dask": ""},
    },
)
