"""The assets: raw_data_file, frames, frame_files, and a clip in each format."""

from imagetl_assets.assets.clips import clips
from imagetl_assets.assets.films import films
from imagetl_assets.assets.frames import frames_and_files
from imagetl_assets.assets.raw_data_file import raw_data_file

__all__ = ["clips", "films", "frames_and_files", "raw_data_file"]
