"""The step `find_frames`: find the frames in the raw file, then start the mapped steps."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from dagster import (
    AssetExecutionContext,
    DynamicOut,
    DynamicOutput,
    Failure,
    MetadataValue,
    Nothing,
    Out,
    Output,
    TableRecord,
    op,
)

from imagetl_assets.assets.common import SHORT_RETRIES, joint_version
from imagetl_assets.assets.damage import (
    damaged_frame,
    damaged_metadata,
    log_damaged,
    no_frames,
)
from imagetl_assets.assets.each_file import for_each_file, remaining_keys
from imagetl_assets.assets.failures import overtaken_as_failure, raw_file_changed
from imagetl_assets.assets.frames_config import FramesConfig, Order
from imagetl_assets.images import bundle
from imagetl_assets.images.bundle import BundleKind, DamagedFrame, FrameSpan, Remarks
from imagetl_assets.images.bundles.animation import Animation
from imagetl_assets.images.bundles.video import Video, choose
from imagetl_assets.images.errors import BundleError
from imagetl_assets.images.frame_order import by_time
from imagetl_assets.images.time_limit import check_time
from imagetl_assets.images.window import Window
from imagetl_assets.mapped_steps import frames_per_step, mapping_keys, number_of_batches
from imagetl_assets.records import FrameIndex, RawFile
from imagetl_assets.storage import FileChanged, FileState, ImageStorage, publishing
from imagetl_assets.storage.partition_folder import PartitionFolder

_MOST_ROWS = 20


@op(
    name="find_frames",
    out={"index": Out(dict[str, FrameIndex]), "frame_batches": DynamicOut(Nothing)},
    retry_policy=SHORT_RETRIES,
    description="Finds the frames in the raw file.",
)
def index_frames(
    context: AssetExecutionContext,
    config: FramesConfig,
    storage: ImageStorage,
    raw: dict[str, RawFile],
) -> Iterator[Output[dict[str, FrameIndex]] | DynamicOutput[None]]:
    """Store where the frames are, then start the mapped steps."""

    def index_file(key: str) -> FrameIndex:
        started = time.monotonic()
        folder, remarks = storage.folder(key), Remarks()
        index = _index(config, folder, raw[key], remarks)
        log_damaged(context.log, key, index.damaged)
        for remark in remarks.texts():
            context.log.warning(f"{key}: {remark}")
        for text in remarks.left_out():
            context.log.info(f"{key}: left out: {text}")
        metadata = {
            "frames": len(index.frames),
            "bundle": index.kind,
            "formats": MetadataValue.json(Counter(span.format for span in index.frames)),
            **damaged_metadata(index.damaged),
            "mapped steps": number_of_batches(index),
            "processing seconds": round(time.monotonic() - started, 3),
        }
        metadata["first frames"] = _table(index.frames[:_MOST_ROWS])
        if left_out := remarks.left_out():
            metadata["left out"] = MetadataValue.json(left_out)
        if texts := remarks.texts():
            metadata["warnings"] = MetadataValue.json(texts)
        context.add_asset_metadata(metadata, "frames", key)
        with overtaken_as_failure(may_pass=True):
            return publishing.begin(folder, index, storage.turn())

    keys = remaining_keys(context, "raw_data_file")
    indexes = for_each_file(context, "frames", keys, index_file, SHORT_RETRIES)
    versions = [index.fingerprint for index in indexes.values()]
    yield Output(indexes, "index", data_version=joint_version(versions))
    for key in mapping_keys(indexes):
        yield DynamicOutput(None, mapping_key=key, output_name="frame_batches")


def _table(frames: Sequence[FrameSpan]) -> MetadataValue:
    """Return a table of frames, with their names if they have any."""
    named = any(span.name for span in frames)
    return MetadataValue.table(
        [
            TableRecord(
                {
                    "number": span.number,
                    **({"name": span.name} if named else {}),
                    "format": span.format,
                    "offset": span.offset,
                    "bytes": span.length,
                }
            )
            for span in frames
        ]
    )


def _index(
    config: FramesConfig, folder: PartitionFolder, raw: RawFile, remarks: Remarks
) -> FrameIndex:
    """Return where the frames are; note what is unusual about the bundle."""
    kind, pieces = _find(folder, raw, remarks, config.order)
    frames = _chosen(config, kind, tuple(p for p in pieces if isinstance(p, FrameSpan)))
    damaged = tuple(piece for piece in pieces if isinstance(piece, DamagedFrame))
    if damaged and not config.skip_damaged:
        raise damaged_frame(damaged, raw, remarks.texts())
    if not frames:
        raise no_frames(kind.name, raw, remarks)
    return FrameIndex(
        raw,
        frames,
        damaged,
        per_step=config.frames_per_step or frames_per_step(len(frames), sequential=kind.sequential),
        skip_damaged=config.skip_damaged,
        resize=config.new_size(),
        optimize=_optimizes(config, kind, frames),
        kind=kind.name,
        function=config.picture_function,
        caption=config.caption,
        dither=config.dither,
    )


def _optimizes(config: FramesConfig, kind: BundleKind, frames: tuple[FrameSpan, ...]) -> bool:
    """Tell whether differences are stored, too."""
    if config.optimize is not None:
        return config.optimize
    return kind.name == Animation.name and frames[0].format == "GIF"


def _chosen(
    config: FramesConfig, kind: BundleKind, frames: tuple[FrameSpan, ...]
) -> tuple[FrameSpan, ...]:
    """Return the frames that the config asks for. Raises Failure if it cannot be asked for."""
    if not config.chooses:
        return frames
    if kind.name != Video.name:
        raise Failure(
            "start, end and take_fps choose frames of a video, which this bundle is not",
            allow_retries=False,
        )
    chosen = choose(frames, start=config.start, end=config.end, fps=config.take_fps)
    if not chosen:
        raise Failure("the video has no frames between start and end", allow_retries=False)
    return tuple(chosen)


def _find(
    folder: PartitionFolder, raw: RawFile, remarks: Remarks, order: Order
) -> tuple[BundleKind, list[FrameSpan | DamagedFrame]]:
    """Return the kind of the bundle in the raw file, and all of its pieces."""
    kind = ""
    try:
        with folder.store.open(folder.path(raw.path), FileState(raw.size, raw.version)) as file:
            window = Window(file)
            found = bundle.kind_of(window)
            kind = found.name
            pieces = []
            for piece in bundle.pieces(found, window, remarks):
                check_time()
                pieces.append(piece)
            return found, by_time(pieces) if order is Order.time else pieces
    except (FileChanged, FileNotFoundError):
        raise raw_file_changed(folder, raw) from None
    except BundleError as error:
        raise Failure(f"{raw.path} is a {kind}, but {error}", allow_retries=False) from None
