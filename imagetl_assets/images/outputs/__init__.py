"""The formats that clips are made in: one file for each, and one line for it here."""

from imagetl_assets.images.outputs.film import FilmFormat
from imagetl_assets.images.outputs.gif import GIF
from imagetl_assets.images.outputs.mp4 import MP4
from imagetl_assets.images.outputs.output_format import OutputFormat
from imagetl_assets.images.outputs.webm import WEBM
from imagetl_assets.images.outputs.webp import WEBP

OUTPUTS: tuple[OutputFormat, ...] = (GIF,)
"""All formats that frame files are put together to. Each becomes an asset, such as `clip_gif`."""

FILMS: tuple[FilmFormat, ...] = (WEBP, MP4, WEBM)
"""All formats that are encoded from pictures. Each becomes an asset that has to be asked for."""
