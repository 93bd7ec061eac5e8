"""The options of `imagetl run`: what each is called, and what of the run config it sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

_RAW, _FRAMES, _CLIP = "ops.raw_data_file.config", "ops.frames.config", "ops.clip_gif.config"
_CLUSTER = "execution.config.cluster"


class Text(click.ParamType[str]):
    """A text that a function checks; it returns the text, or raises ValueError, which says why."""

    name = "text"

    def __init__(self, check: Callable[[str], object]) -> None:
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text."""
        try:
            self._check(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


class Repetitions(click.IntRange):
    """How often a clip is repeated: a number, or `once`, which is -1 in the run config."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        return -1 if value == "once" else super().convert(value, param, ctx)


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
    """

    flag: str
    sets: str
    help: str
    type: click.ParamType[Any] | type = str
    metavar: str | None = None
    default: str | None = None
    is_flag: bool = False
    one_of: str | None = None

    @property
    def name(self) -> str:
        """The name of the parsed value."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def field(self) -> str:
        """What the run config calls it."""
        return self.sets.rpartition(".")[2]


def _path(text: str) -> object:
    from imagetl_assets.names import check_path

    return check_path(text)


def _clip_name(text: str) -> object:
    from imagetl_assets.names import check_clip_name

    return check_clip_name(text, "gif")


def _size(text: str) -> object:
    from imagetl_assets.images.new_size import new_size

    return new_size(text)


def _scheduler(text: str) -> object:
    if not re.fullmatch(r"([a-z]+://)?[^\s/:]+:[0-9]+|\w+://\[[0-9a-f:]+\]:[0-9]+", text):
        raise ValueError(f"{text!r} is not an address such as tcp://host:8786")
    return text


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
        "--path", f"{_RAW}.path", "name of the raw file", Text(_path), "NAME", "image-data.img"
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
        "--resize",
        f"{_FRAMES}.resize",
        "store frames in another size: a width in pixels, or a percentage",
        Text(_size),
        "250|50%",
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
        "--filename", f"{_CLIP}.filename", "name of the clip", Text(_clip_name), "NAME", "clip.gif"
    ),
    RunOption(
        "--duration",
        f"{_CLIP}.frame_duration_ms",
        "how long each frame is shown, in milliseconds (default: its own time, or 100)",
        click.FloatRange(0, 655_350),
        "MS",
        one_of="speed",
    ),
    RunOption(
        "--fps",
        f"{_CLIP}.fps",
        "frames a second",
        click.FloatRange(min=0, min_open=True),
        "N",
        one_of="speed",
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
        "--every", f"{_CLIP}.every", "take every n-th frame only", click.IntRange(min=1), "N", "1"
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
        Text(_scheduler),
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
