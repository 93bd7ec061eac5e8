"""What users can say of how frames are found and stored."""

from enum import Enum

from dagster import Config, Failure
from pydantic import Field

from imagetl_assets.mapped_steps import MAX_MAPPED_STEPS


class OnDamagedFrame(Enum):
    """What to do if a piece of the bundle is no complete image."""

    fail = "fail"
    skip = "skip"


class FramesConfig(Config):
    """How frames are found and stored."""

    frames_per_step: int | None = Field(
        default=None,
        gt=0,
        description=(
            "Frames that a mapped step stores at most. "
            f"Default: one up to {MAX_MAPPED_STEPS} frames, above that about the root of their "
            f"number, in at most {MAX_MAPPED_STEPS} steps."
        ),
    )
    on_damaged_frame: OnDamagedFrame = Field(
        default=OnDamagedFrame.fail,
        description="fail: name the frame and fail; skip: leave it out and tell in the metadata.",
    )
    resize: str | None = Field(
        default=None,
        description=(
            "Store frames in another size: a width in pixels ('250') or a percentage ('50%'). "
            "Frames are decoded and converted for it, by the mapped steps."
        ),
    )
    optimize: bool = Field(
        default=False,
        description=(
            "Also store how each frame differs from the one before, for a smaller clip. Frames "
            "are decoded for it, by the mapped steps."
        ),
    )

    @property
    def skip_damaged(self) -> bool:
        """Whether damaged frames are left out."""
        return self.on_damaged_frame is OnDamagedFrame.skip

    def new_size(self) -> int | float | None:
        """Return the width in pixels (int), or the factor (float), that `resize` asks for.

        Raises:
            Failure: it is neither.
        """
        if self.resize is None:
            return None
        number = self.resize.removesuffix("%")
        if not (number.isascii() and number.isdecimal() and int(number)):
            raise Failure(
                "resize must be a width in pixels such as '250', or a percentage such as '50%', "
                f"not {self.resize!r}",
                allow_retries=False,
            )
        return int(number) / 100 if self.resize.endswith("%") else int(number)
