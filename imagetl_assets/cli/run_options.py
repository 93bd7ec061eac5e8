"""The options of `imagetl run`: what each is called, and what of the run config it sets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from imagetl_assets.cli.option_types import (
    Repetitions,
    Text,
    check_caption,
    check_clip_name,
    check_function_name,
    check_path,
    check_scheduler,
    check_size,
)
from imagetl_assets.settings import wanted_films

_RAW, _FRAMES, _CLIP = "ops.raw_data_file.config", "ops.frames.config", "ops.clip_gif.config"
_CLUSTER = "execution.config.cluster"


@dataclass(frozen=True)
class RunOption:
    """An option of `imagetl run` that sets one value of the run config.

    Attributes:
        flag: on the command line.
        sets: which value of the run config, as its path in there.
        help: what it is, in a few words.
        type: checks the text of the command line, and turns it into the value.
        metavar: what stands for the value in the help.
        default: what applies without it, for the help.
        is_flag: whether it takes no value.
        one_of: the options with the same text here exclude each other.
        of_all_clips: whether it counts for the clips in full colour, too.
    """

    flag: str
    sets: str
    help: str
    type: click.ParamType[Any] | type = str
    metavar: str | None = None
    default: str | None = None
    is_flag: bool = False
    one_of: str | None = None
    of_all_clips: bool = False

    @property
    def name(self) -> str:
        """The name of the parsed value."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def field(self) -> str:
        """What the run config calls it."""
        return self.sets.rpartition(".")[2]


_FROM_0 = click.FloatRange(min=0)
_SECONDS = click.FloatRange(min=0, min_open=True)

RUN_OPTIONS = (
    RunOption(
        "--on-existing",
        f"{_RAW}.on_existing",
        "what to do if the bundle has been downloaded before",
        click.Choice(["revalidate", "skip", "redownload"]),
        default="revalidate",
    ),
    RunOption(
        "--path", f"{_RAW}.path", "name of the raw file", Text(check_path), "NAME", "image-data.img"
    ),
    RunOption(
        "--include",
        f"{_RAW}.include",
        "of a folder, take files like this only: '*.jpg'",
        metavar="PATTERN",
    ),
    RunOption(
        "--connect-timeout",
        f"{_RAW}.connect_timeout",
        "seconds to wait for a connection",
        _SECONDS,
        "SECONDS",
        "10",
    ),
    RunOption(
        "--read-timeout",
        f"{_RAW}.read_timeout",
        "seconds to wait for data",
        _SECONDS,
        "SECONDS",
        "60",
    ),
    RunOption(
        "--min-bytes-per-second",
        f"{_RAW}.min_bytes_per_second",
        "give up a download that is slower",
        click.FloatRange(min=0),
        "BYTES",
        "1000",
    ),
    RunOption(
        "--max-bytes",
        f"{_RAW}.max_bytes",
        "refuse larger files",
        click.IntRange(min=1),
        "BYTES",
        "107374182400",
    ),
    RunOption(
        "--max-retry-after",
        f"{_RAW}.max_retry_after",
        "seconds to wait, at most, if a busy server asks for it",
        click.FloatRange(min=0),
        "SECONDS",
        "900",
    ),
    RunOption(
        "--on-damaged-frame",
        f"{_FRAMES}.on_damaged_frame",
        "fail, or leave such frames out",
        click.Choice(["fail", "skip"]),
        default="fail",
    ),
    RunOption(
        "--order",
        f"{_FRAMES}.order",
        "of frames: as in the bundle, or as its images were written",
        click.Choice(["bundle", "time"]),
        default="bundle",
    ),
    RunOption(
        "--start", f"{_FRAMES}.start", "of a video: from this second on", _FROM_0, "SECONDS", "0"
    ),
    RunOption("--end", f"{_FRAMES}.end", "of a video: up to there", _SECONDS, "SECONDS"),
    RunOption(
        "--take-fps", f"{_FRAMES}.take_fps", "of a video: so many frames a second", _SECONDS, "N"
    ),
    RunOption(
        "--resize",
        f"{_FRAMES}.resize",
        "store frames in another size: a width in pixels, a percentage, or a box",
        Text(check_size),
        "250|50%|320x240|'320x240 crop'|'320x240 pad'",
    ),
    RunOption(
        "--picture-function",
        f"{_FRAMES}.picture_function",
        "a function that each picture is given to",
        Text(check_function_name),
        "MODULE:NAME",
    ),
    RunOption(
        "--caption",
        f"{_FRAMES}.caption",
        "of each frame, such as '{number} {name} {time:%H:%M}'",
        Text(check_caption),
        "TEXT",
    ),
    RunOption(
        "--dither",
        f"{_FRAMES}.dither",
        "how colours are shown that are not among the 255 of a frame",
        click.Choice(["none", "bayer", "floyd_steinberg"]),
        default="none",
    ),
    RunOption(
        "--optimize",
        f"{_FRAMES}.optimize",
        "also store how frames differ, for a smaller clip",
        bool,
        is_flag=True,
    ),
    RunOption(
        "--frames-per-step",
        f"{_FRAMES}.frames_per_step",
        "how many frames a mapped step stores",
        click.IntRange(min=1),
        "N",
    ),
    RunOption(
        "--filename",
        f"{_CLIP}.filename",
        "name of the clip",
        Text(check_clip_name),
        "NAME",
        "clip.gif",
    ),
    RunOption(
        "--duration",
        f"{_CLIP}.frame_duration_ms",
        "how long each frame is shown, in milliseconds (default: its own time, or 100)",
        click.FloatRange(20, 655_350),
        "MS",
        one_of="speed",
        of_all_clips=True,
    ),
    RunOption(
        "--fps",
        f"{_CLIP}.fps",
        "frames a second",
        click.FloatRange(0.002, 50),
        "N",
        one_of="speed",
        of_all_clips=True,
    ),
    RunOption(
        "--realtime",
        f"{_CLIP}.realtime",
        "by the times of frames, so many times faster",
        _SECONDS,
        "N",
        one_of="speed",
        of_all_clips=True,
    ),
    RunOption(
        "--loop",
        f"{_CLIP}.loop",
        "repetitions; 0 is for ever",
        Repetitions(0, 65_535),
        "N|once",
        "0",
    ),
    RunOption(
        "--every",
        f"{_CLIP}.every",
        "take every n-th frame only",
        click.IntRange(min=1),
        "N",
        "1",
        of_all_clips=True,
    ),
    RunOption(
        "--workers",
        f"{_CLUSTER}.local.n_workers",
        "workers of the local cluster",
        click.IntRange(min=1),
        "N",
        one_of="cluster",
    ),
    RunOption(
        "--scheduler",
        f"{_CLUSTER}.existing.address",
        "use this Dask cluster",
        Text(check_scheduler),
        "ADDRESS",
        one_of="cluster",
    ),
)


def add_run_options(command: click.Command) -> click.Command:
    """Add all of them to a command. Those that are not given are None."""
    for option in RUN_OPTIONS:
        text = f"{option.help}  [default: {option.default}]" if option.default else option.help
        command.params.append(
            click.Option(
                [option.flag],
                help=text,
                type=option.type,
                metavar=option.metavar,
                is_flag=option.is_flag,
                default=None,
            )
        )
    return command


def run_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run config that these values of options make, without those that are None.

    Raises:
        click.UsageError: two that exclude each other are given.
    """
    config: dict[str, Any] = {}
    given: dict[str, str] = {}
    for option in RUN_OPTIONS:
        if (value := values.get(option.name)) is not None:
            group = option.one_of or option.flag
            if (other := given.setdefault(group, option.flag)) != option.flag:
                raise click.UsageError(f"{other} and {option.flag} exclude each other")
            set_value(config, option.sets, value)
            for film in wanted_films() if option.of_all_clips else ():
                set_value(config, f"ops.clip_{film}.config.{option.field}", value)
    return config


def in_terms_of_options(text: str) -> str:
    """Return a message with the options instead of the names in the run config.

    >>> in_terms_of_options("To leave such frames out, set on_damaged_frame to skip")
    'To leave such frames out, use --on-damaged-frame skip'
    """
    for option in RUN_OPTIONS:
        text = re.sub(rf"\bset {option.field} to (\w+)", rf"use {option.flag} \1", text)
        text = text.replace(f"`{option.field}` in the config of raw_data_file", option.flag)
        text = text.replace(f"`{option.field}`", option.flag)
    return text


def set_value(config: dict[str, Any], path: str, value: Any) -> None:
    """Set a value in nested dicts, by its path such as `ops.clip_gif.config.loop`."""
    *parents, last = path.split(".")
    for name in parents:
        config = config.setdefault(name, {})
    config[last] = value
