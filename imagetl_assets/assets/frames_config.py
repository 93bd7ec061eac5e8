"""The config of `frames`: how frames are found and stored."""

from enum import Enum

from pydantic import Field, ValidationInfo, field_validator

from imagetl_assets.assets.checked_config import CheckedConfig
from imagetl_assets.images.dither import Dither
from imagetl_assets.images.edit import FrameInfo, caption_text, check_function_name
from imagetl_assets.images.new_size import NewSize, new_size
from imagetl_assets.mapped_steps import MAX_MAPPED_STEPS


class OnDamagedFrame(Enum):
    """What to do if a piece of the bundle is no complete image."""

    fail = "fail"
    skip = "skip"


class Order(Enum):
    """The order of frames: that of the bundle, or of the times when its images were written."""

    bundle = "bundle"
    time = "time"


class FramesConfig(CheckedConfig):
    """How frames are found and stored."""

    frames_per_step: int | None = Field(
        default=None,
        gt=0,
        description=(
            "How many frames a mapped step stores, at most. Default: one if there are up to "
            f"{MAX_MAPPED_STEPS} frames; else about the square root of their number, or more, so "
            f"that there are at most {MAX_MAPPED_STEPS} mapped steps."
        ),
    )
    on_damaged_frame: OnDamagedFrame = Field(
        default=OnDamagedFrame.fail,
        description=(
            "If a frame is damaged: fail, and name the frame; or skip it, and count it in the "
            "metadata."
        ),
    )
    order: Order = Field(
        default=Order.bundle,
        description=(
            "bundle: as in the bundle, which is the natural order of names in an archive or a "
            "folder; time: in the order in which the files in it were written."
        ),
    )
    start: float = Field(
        default=0, ge=0, description="Of a video: take frames from this second on."
    )
    end: float | None = Field(
        default=None, gt=0, description="Of a video: take frames up to this second."
    )
    take_fps: float | None = Field(
        default=None, gt=0, description="Of a video: take at most this many frames of each second."
    )
    resize: str | None = Field(
        default=None,
        description=(
            "Store frames in another size: a width in pixels ('250'), a percentage ('50%'), or a "
            "box ('320x240': as large as it allows; '320x240 crop'; '320x240 pad'). "
            "The mapped steps decode and convert the frames for this."
        ),
    )
    picture_function: str | None = Field(
        default=None,
        description=(
            "A Python function that changes each picture before it is stored, by its module and "
            "name, such as my_package.pictures:grey. It has to be installed on the workers."
        ),
    )
    caption: str | None = Field(
        default=None,
        description=(
            "A text in the lower left corner of each frame; it may have {number}, {name} and "
            "{time:%Y-%m-%d %H:%M}."
        ),
    )
    dither: Dither = Field(
        default=Dither.none,
        description=(
            "How to show colours that are not among the 255 of a frame. none: the nearest colour; "
            "bayer: a regular pattern of two colours; floyd_steinberg: fine dots."
        ),
    )
    optimize: bool | None = Field(
        default=None,
        description=(
            "Also store how each frame differs from the one before, which makes the clip smaller. "
            "The mapped steps decode the frames for this. Default: only if the bundle is one "
            "animated GIF, as its images are often such differences themselves."
        ),
    )

    @property
    def chooses(self) -> bool:
        """Whether only some frames of a video are taken."""
        return bool(self.start) or self.end is not None or self.take_fps is not None

    @property
    def skip_damaged(self) -> bool:
        """Whether damaged frames are left out."""
        return self.on_damaged_frame is OnDamagedFrame.skip

    @field_validator("end")
    @classmethod
    def _is_after_start(cls, end: float | None, info: ValidationInfo) -> float | None:
        start = info.data.get("start", 0)
        if end is not None and end <= start:
            raise ValueError(f"has to be after start, which is {start:g}")
        return end

    @field_validator("resize")
    @classmethod
    def _is_size(cls, text: str | None) -> str | None:
        if text is not None:
            new_size(text)
        return text

    @field_validator("caption")
    @classmethod
    def _is_caption(cls, template: str | None) -> str | None:
        if template is not None:
            caption_text(template, FrameInfo(time=0))
        return template

    @field_validator("picture_function")
    @classmethod
    def _is_function_name(cls, name: str | None) -> str | None:
        return None if name is None else check_function_name(name)

    def new_size(self) -> NewSize | None:
        """Return the size that `resize` asks for."""
        return None if self.resize is None else new_size(self.resize)
