"""The mapped step `store_frames`: store the frames of its frame batches as GIF files."""

from dagster import In, Nothing, OpExecutionContext, Out, op

from imagetl_assets.assets.common import SHORT_RETRIES
from imagetl_assets.assets.damage import MOST_TOLD, log_damaged
from imagetl_assets.assets.each_file import try_each_file
from imagetl_assets.assets.failures import overtaken, overtaken_as_failure
from imagetl_assets.assets.frame_batch import store_frame_batch
from imagetl_assets.assets.step_reports import FrameBatchName, StepReport
from imagetl_assets.mapped_steps import batches_of_step, number_of_steps
from imagetl_assets.records import FrameIndex, StoredFrameBatch
from imagetl_assets.storage import ImageStorage, publishing
from imagetl_assets.storage.base import WriteConflict


@op(
    ins={"frame_batch": In(Nothing)},
    out=Out(Nothing),
    retry_policy=SHORT_RETRIES,
    description="Stores the frames of one frame batch as GIF files.",
)
def store_frames(
    context: OpExecutionContext, storage: ImageStorage, index: dict[str, FrameIndex]
) -> None:
    """Read the bytes of the frames from the raw file, store each frame, tell what was stored."""
    mapping_key = context.get_mapping_key()
    assert mapping_key is not None  # this op is only used mapped
    parts = batches_of_step(index, mapping_key)
    if not parts:
        raise overtaken()  # the index is that of another run
    report = StepReport()
    told = max(1, MOST_TOLD // number_of_steps(index))  # of damaged frames, by each step

    def store(key: str) -> list[StoredFrameBatch]:
        batches = []
        folder, its_index = storage.folder(key), index[key]
        with overtaken_as_failure():
            publishing.check_turn(its_index, storage.turn())
        for batch_key, positions in parts[key].items():
            name = FrameBatchName(key, its_index.claim, batch_key)
            try:
                batch = store_frame_batch(folder, its_index, positions)
                report.add(name, folder, batch)
            except WriteConflict:
                raise overtaken() from None
            log_damaged(context.log, key, batch.damaged, told)
            batches.append(batch)
        return batches

    keys = list(parts)
    # In a run over several files, those that fail are left out by the step that collects.
    stored = try_each_file(context, "frame_files", keys, store, SHORT_RETRIES)
    frames = [frame for batches in stored.values() for batch in batches for frame in batch.frames]
    size = sum(frame.size for frame in frames)
    context.add_output_metadata({"frames": len(frames), "bytes": size})
    report.send(context)
