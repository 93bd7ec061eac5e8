"""The options of `imagetl run`: what each is called, and what of the run config it sets."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RunOption:
    """An option of `imagetl run` that sets one value of the run config.

    Attributes:
        flag: on the command line.
        sets: which value of the run config, as its path in there.
        help: what it is, in a few words.
        type: turns the text of the command line into the value.
        metavar: what stands for the value in the help.
        choices: the values that there are, if there are only some.
        one_of: the options with the same text here exclude each other.
    """

    flag: str
    sets: str
    help: str
    type: Callable[[str], Any] = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    one_of: str | None = None

    @property
    def name(self) -> str:
        """The name of the parsed value."""
        return self.flag.lstrip("-").replace("-", "_")


def _above_zero(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text!r}")
    return int(text)


RUN_OPTIONS = (
    RunOption("--path", "ops.raw_data_file.config.path", "name of the stored raw file"),
    RunOption(
        "--include",
        "ops.raw_data_file.config.include",
        "of a folder, take files like this only: '*.jpg'",
        metavar="PATTERN",
    ),
    RunOption("--filename", "ops.clip_gif.config.filename", "name of the clip"),
    RunOption(
        "--duration",
        "ops.clip_gif.config.frame_duration_ms",
        "how long each frame is shown",
        float,
        "MS",
    ),
    RunOption("--loop", "ops.clip_gif.config.loop", "repetitions; 0 is for ever", int, "N"),
    RunOption(
        "--on-existing",
        "ops.raw_data_file.config.on_existing",
        "what to do if the bundle has been downloaded before",
        choices=("revalidate", "skip", "redownload"),
    ),
    RunOption(
        "--workers",
        "execution.config.cluster.local.n_workers",
        "workers of the local cluster",
        _above_zero,
        "N",
        one_of="cluster",
    ),
    RunOption(
        "--scheduler",
        "execution.config.cluster.existing.address",
        "use this Dask cluster",
        metavar="ADDRESS",
        one_of="cluster",
    ),
)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add all of them to a parser. Those that are not given are None."""
    groups: dict[str, argparse._MutuallyExclusiveGroup] = {}
    for option in RUN_OPTIONS:
        place: Any = parser
        if option.one_of:
            if option.one_of not in groups:
                groups[option.one_of] = parser.add_mutually_exclusive_group()
            place = groups[option.one_of]
        place.add_argument(
            option.flag,
            help=option.help,
            type=option.type,
            metavar=option.metavar,
            choices=option.choices,
        )


def run_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run config that these values of options make, without those that are None."""
    config: dict[str, Any] = {}
    for option in RUN_OPTIONS:
        if (value := values.get(option.name)) is not None:
            set_value(config, option.sets, value)
    return config


def set_value(config: dict[str, Any], path: str, value: Any) -> None:
    """Set a value in nested dicts, by its path such as `ops.clip_gif.config.loop`."""
    *parents, last = path.split(".")
    for name in parents:
        config = config.setdefault(name, {})
    config[last] = value
