"""The second and third asset: the frames of the raw file, found and then stored one by one.

One graph makes both, as only ops can map over frames whose number is not known before the run:
`find_frames` stores the index and starts the mapped steps. Each of them runs `store_frames` for its
frame batches. `collect_frames` publishes what they have stored. Bytes never travel between the
steps: they all read and write the storage.
"""

from enum import Enum
from typing import Any

from dagster import AssetKey, AssetsDefinition, GraphOut, config_mapping, graph

from imagetl_assets.assets.collect_frames import collect_frames
from imagetl_assets.assets.common import BACKFILL_POLICY, GROUP, KIND_PREFIX
from imagetl_assets.assets.frames_config import FramesConfig
from imagetl_assets.assets.index_frames import index_frames
from imagetl_assets.assets.store_frames import store_frames
from imagetl_assets.assets.up_to_date import UP_TO_DATE
from imagetl_assets.partitions import upstream_files
from imagetl_assets.records import RawFile


@config_mapping(config_schema=FramesConfig.to_config_schema().as_field())
def _frames_config(values: dict[str, Any]) -> dict[str, Any]:
    """Let users give the config as that of `frames`, without knowing the ops inside.

    What is wrong with it, the first step says: an error here would be told with a traceback.
    """
    plain = {k: v.value if isinstance(v, Enum) else v for k, v in values.items()}
    return {"find_frames": {"config": plain}}


@graph(
    config=_frames_config,
    out={
        "frames": GraphOut("Where the frames are."),
        "frame_files": GraphOut("The stored frames."),
    },
)
def frames(raw_data_file: dict[str, RawFile]) -> dict[str, Any]:
    """Find the frames, store each of them, publish them."""
    index, batches = index_frames(raw_data_file)
    stored = batches.map(lambda batch: store_frames(frame_batch=batch, index=index))
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
    tags_by_output_name={
        "frames": {f"{KIND_PREFIX}json": ""},
        "frame_files": {f"{KIND_PREFIX}gif": "", f"{KIND_PREFIX}dask": ""},
    },
)
