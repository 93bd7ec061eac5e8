"""The clip as an animated GIF."""

from imagetl_assets.images import gif
from imagetl_assets.images.outputs.output_format import OutputFormat

GIF = OutputFormat(
    name="gif",
    description="The animation of all frames. Their image data are copied, not encoded again.",
    write=gif.assemble,
    takes_differences=True,
)
