"""The options of `imagetl run`: what each is called, and what of the run config it sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from imagetl_assets.cli.option_types import (
    Number,
    Repetitions,
    Text,
    Whole,
    check_caption,
    check_clip_name,
    check_function_name,
    check_path,
    check_scheduler,
    check_size,
)

_RAW, _FRAMES, _CLIP = "ops.raw_data_file.config", "ops.frames.config", "ops.clip_{}.config"
_CLUSTER = "execution.config.cluster"
_ALL = ("gif", "webp", "mp4", "webm")


@dataclass(frozen=True)
class RunOption:
    """An option of `imagetl run` that sets a value of the run config.

    Attributes:
        flag: on the command line.
        sets: which value of the run config, as its path in there; `{}` stands for a clip's format.
        help: what it is, in a few words.
        type: checks the text of the command line, and turns it into the value.
        metavar: what stands for the value in the help.
        default: what applies without it, for the help.
        is_flag: whether it takes no value.
        one_of: the options with the same text here exclude each other.
        clips: the formats of the clips that have such a value, if it is one of clips.
    """

    flag: str
    sets: str
    help: str
    type: click.ParamType[Any] | type = str
    metavar: str | None = None
    default: str | None = None
    is_flag: bool = False
    one_of: str | None = None
    clips: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the parsed value."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def field(self) -> str:
        """What the run config calls it."""
        return self.sets.rpartition(".")[2]

    def paths(self, clips: frozenset[str]) -> Iterator[str]:
        """Yield the paths of all values of the run config that it sets, if these clips are made."""
        if not self.clips:
            yield self.sets
        for clip in self.clips:
            if clip in clips:
                yield self.sets.format(clip)


_FROM_0 = Number(min=0)
_ABOVE_0 = Number(min=0, min_open=True)
_COUNT = Whole(min=1)

RUN_OPTIONS = (
    RunOption(
        "--on-existing",
        f"{_RAW}.on_existing",
        "What to do if the bundle has been downloaded before.",
        click.Choice(["revalidate", "skip", "redownload"]),
        default="revalidate",
    ),
    RunOption(
        "--path",
        f"{_RAW}.path",
        "Name of the stored bundle.",
        Text(check_path),
        "NAME",
        "image-data.img",
    ),
    RunOption(
        "--include",
        f"{_RAW}.include",
        "Of a folder, take only the files whose names are like this: '*.jpg'.",
        metavar="PATTERN",
    ),
    RunOption(
        "--connect-timeout",
        f"{_RAW}.connect_timeout",
        "Seconds to wait for a connection.",
        _ABOVE_0,
        "SECONDS",
        "10",
    ),
    RunOption(
        "--read-timeout",
        f"{_RAW}.read_timeout",
        "Seconds to wait for data.",
        _ABOVE_0,
        "SECONDS",
        "60",
    ),
    RunOption(
        "--min-bytes-per-second",
        f"{_RAW}.min_bytes_per_second",
        "Give up a download that is slower.",
        _FROM_0,
        "BYTES",
        "1000",
    ),
    RunOption(
        "--max-bytes",
        f"{_RAW}.max_bytes",
        "Refuse a larger bundle.",
        _COUNT,
        "BYTES",
        "107374182400",
    ),
    RunOption(
        "--max-retry-after",
        f"{_RAW}.max_retry_after",
        "Seconds to wait at most if a busy server asks to come back later.",
        _FROM_0,
        "SECONDS",
        "900",
    ),
    RunOption(
        "--on-damaged-frame",
        f"{_FRAMES}.on_damaged_frame",
        "Fail if a frame is damaged, or leave it out.",
        click.Choice(["fail", "skip"]),
        default="fail",
    ),
    RunOption(
        "--order",
        f"{_FRAMES}.order",
        "Order of the frames: as in the bundle, or by the time when each image was written.",
        click.Choice(["bundle", "time"]),
        default="bundle",
    ),
    RunOption(
        "--start",
        f"{_FRAMES}.start",
        "Of a video: take frames from this second on.",
        _FROM_0,
        "SECONDS",
        "0",
    ),
    RunOption(
        "--end", f"{_FRAMES}.end", "Of a video: take frames up to this second.", _ABOVE_0, "SECONDS"
    ),
    RunOption(
        "--take-fps",
        f"{_FRAMES}.take_fps",
        "Of a video: take this many frames of each second.",
        _ABOVE_0,
        "N",
    ),
    RunOption(
        "--resize",
        f"{_FRAMES}.resize",
        "Store frames in another size: a width in pixels, a percentage, or a box.",
        Text(check_size),
        "250|50%|320x240|'320x240 crop'|'320x240 pad'",
    ),
    RunOption(
        "--picture-function",
        f"{_FRAMES}.picture_function",
        "A Python function that changes each picture before it is stored.",
        Text(check_function_name),
        "MODULE:NAME",
    ),
    RunOption(
        "--caption",
        f"{_FRAMES}.caption",
        "Text on each frame, such as '{number} {name} {time:%H:%M}'.",
        Text(check_caption),
        "TEXT",
    ),
    RunOption(
        "--dither",
        f"{_FRAMES}.dither",
        "How to show colours that are not among the 255 of a frame.",
        click.Choice(["none", "bayer", "floyd_steinberg"]),
        default="none",
    ),
    RunOption(
        "--optimize",
        f"{_FRAMES}.optimize",
        "Also store how frames differ, which makes the clip smaller.",
        bool,
        is_flag=True,
    ),
    RunOption(
        "--frames-per-step",
        f"{_FRAMES}.frames_per_step",
        "How many frames a mapped step stores.",
        _COUNT,
        "N",
    ),
    RunOption(
        "--filename",
        f"{_CLIP.format('gif')}.filename",
        "Name of the GIF.",
        Text(check_clip_name),
        "NAME",
        "clip.gif",
    ),
    RunOption(
        "--duration",
        f"{_CLIP}.frame_duration_ms",
        "How long each frame is shown, in milliseconds (default: its own time, or 100).",
        Number(20, 655_350),
        "MS",
        one_of="speed",
        clips=_ALL,
    ),
    RunOption(
        "--fps",
        f"{_CLIP}.fps",
        "Frames that are shown in a second.",
        Number(0.002, 50),
        "N",
        one_of="speed",
        clips=_ALL,
    ),
    RunOption(
        "--realtime",
        f"{_CLIP}.realtime",
        "Show frames by the times when they were taken, N times faster.",
        _ABOVE_0,
        "N",
        one_of="speed",
        clips=_ALL,
    ),
    RunOption(
        "--loop",
        f"{_CLIP}.loop",
        "How often the clip is repeated; 0 is for ever. With 'once', it plays once.",
        Repetitions(0, 65_535),
        "N|once",
        "0",
        clips=("gif", "webp"),
    ),
    RunOption(
        "--every", f"{_CLIP}.every", "Take every N-th frame only.", _COUNT, "N", "1", clips=_ALL
    ),
    RunOption(
        "--quality",
        f"{_CLIP}.quality",
        "Quality of the WebP.",
        Number(0, 100),
        "N",
        "80",
        clips=("webp",),
    ),
    RunOption(
        "--lossless",
        f"{_CLIP}.lossless",
        "Keep all pixels as they are in the WebP.",
        bool,
        is_flag=True,
        clips=("webp",),
    ),
    RunOption(
        "--crf",
        f"{_CLIP}.crf",
        "Quality of the MP4 (0 to 51, default: 20) and the WebM (0 to 63, 31); 0 is the best.",
        Number(0, 63),
        "N",
        clips=("mp4", "webm"),
    ),
    RunOption(
        "--codec",
        f"{_CLIP}.codec",
        "What the WebM is encoded with.",
        click.Choice(["vp9", "av1"]),
        default="vp9",
        clips=("webm",),
    ),
    RunOption(
        "--workers",
        f"{_CLUSTER}.local.n_workers",
        "Workers of the local cluster.",
        _COUNT,
        "N",
        one_of="cluster",
    ),
    RunOption(
        "--scheduler",
        f"{_CLUSTER}.existing.address",
        "Use this Dask cluster.",
        Text(check_scheduler),
        "ADDRESS",
        one_of="cluster",
    ),
)
