"""The formats that clips are made in: one file for each, and one line for it in `OUTPUTS`."""

from imagetl_assets.images.outputs.gif import GIF
from imagetl_assets.images.outputs.output_format import OutputFormat

OUTPUTS: tuple[OutputFormat, ...] = (GIF,)
"""All formats. Each of them becomes an asset, such as `clip_gif`."""
