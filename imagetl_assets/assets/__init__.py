"""The four assets: raw_data_file, frames, frame_files, clip_gif."""

from imagetl_assets.assets.clip_gif import clip_gif
from imagetl_assets.assets.frames import frames_and_files
from imagetl_assets.assets.raw_data_file import raw_data_file

__all__ = ["clip_gif", "frames_and_files", "raw_data_file"]
