"""The mapped step `store_frames`: store the frames of its frame batches as GIF files."""

from dagster import Backoff, In, Nothing, OpExecutionContext, Out, RetryPolicy, op

from imagetl_assets.assets.failures import overtaken, shown
from imagetl_assets.assets.frame_batch import store_frame_batch
from imagetl_assets.assets.step_reports import FrameBatchName, StepReport
from imagetl_assets.mapped_steps import frame_batches, mapped_steps
from imagetl_assets.records import FrameIndex
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.resource import store_errors_as_failures


@op(
    ins={"frame_batch": In(Nothing)},
    out=Out(Nothing),
    retry_policy=RetryPolicy(max_retries=2, delay=1, backoff=Backoff.EXPONENTIAL),
    description="Stores the frames of one frame batch as GIF files.",
)
def store_frames(
    context: OpExecutionContext, storage: ImageStorage, index: dict[str, FrameIndex]
) -> None:
    """Read the bytes of the frames from the raw file, store each frame, tell what was stored."""
    mapping_key = context.get_mapping_key()
    assert mapping_key is not None  # this op is only used mapped
    steps = mapped_steps(index)
    if mapping_key not in steps:
        raise overtaken()
    frames = size = 0
    report = StepReport()
    with store_errors_as_failures():
        for key, batch_key in steps[mapping_key]:
            folder, its_index = storage.folder(key), index[key]
            batch = store_frame_batch(folder, its_index, frame_batches(its_index)[batch_key])
            for piece in batch.damaged:
                context.log.warning(shown(piece))
            report.add(FrameBatchName(key, its_index.fingerprint, batch_key), folder, batch)
            frames += len(batch.frames)
            size += sum(frame.size for frame in batch.frames)
    context.add_output_metadata({"frames": frames, "bytes": size})
    report.send(context)
