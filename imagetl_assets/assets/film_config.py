"""The config of each clip in full colour."""

from enum import Enum
from typing import Any, ClassVar

from pydantic import Field

from imagetl_assets.assets.clip_config import ONCE, ShownConfig
from imagetl_assets.images.outputs.mp4 import MP4
from imagetl_assets.images.outputs.webm import WEBM
from imagetl_assets.images.outputs.webp import WEBP


class WebpConfig(ShownConfig):
    """How the WebP is called, how it plays, and how good it is."""

    extension: ClassVar[str] = "webp"
    shortest_ms: ClassVar[float] = 11

    filename: str = Field(default="clip.webp", description="Its name in the partition folder.")
    quality: float = Field(default=80, ge=0, le=100, description="The higher, the larger it is.")
    lossless: bool = Field(default=False, description="Keep all pixels as they are.")
    loop: int = Field(
        default=0,
        ge=ONCE,
        le=65_534,
        description="How often it is repeated: 0 is for ever; with -1, it plays once.",
    )

    def options(self) -> dict[str, Any]:
        """Return the options of `images.outputs.webp.write`."""
        loop = None if self.loop == ONCE else self.loop
        return {"quality": self.quality, "lossless": self.lossless, "loop": loop}


class VideoConfig(ShownConfig):
    """What can be said of each video; `crf` is added by its codec."""

    shortest_ms: ClassVar[float] = 1

    crf: float

    def options(self) -> dict[str, Any]:
        """Return the options of `images.outputs.video_encoding.write`."""
        return {"crf": self.crf}


class Mp4Config(VideoConfig):
    """How the MP4 is called, how it plays, and how good it is."""

    extension: ClassVar[str] = "mp4"

    filename: str = Field(default="clip.mp4", description="Its name in the partition folder.")
    crf: float = Field(
        default=20,
        ge=0,
        le=51,
        description="Quality of x264: 0 is lossless, 18 to 28 are usual; the lower, the larger.",
    )


class Codec(Enum):
    """What a WebM is encoded with."""

    vp9 = "vp9"
    av1 = "av1"


class WebmConfig(VideoConfig):
    """How the WebM is called, how it plays, and how good it is."""

    extension: ClassVar[str] = "webm"

    filename: str = Field(default="clip.webm", description="Its name in the partition folder.")
    crf: float = Field(
        default=31,
        ge=0,
        le=63,
        description="Quality of VP9 or AV1: 15 to 35 are usual; the lower, the larger.",
    )
    codec: Codec = Field(
        default=Codec.vp9,
        description="vp9: all browsers show it; av1: smaller, but only newer browsers show it.",
    )

    def options(self) -> dict[str, Any]:
        """Return the options of `images.outputs.video_encoding.write`."""
        return {**super().options(), "codec": self.codec.value}


FILM_CONFIGS: dict[str, type[ShownConfig]] = {
    WEBP.asset_name: WebpConfig,
    MP4.asset_name: Mp4Config,
    WEBM.asset_name: WebmConfig,
}
