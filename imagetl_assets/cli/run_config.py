"""From the options of `imagetl run` to the run config, and back in messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from imagetl_assets.cli.run_options import RUN_OPTIONS
from imagetl_assets.settings import wanted_films

_MOST_CRF_OF_MP4 = 51
"""A WebM has up to 63."""


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
        click.UsageError: two that exclude each other are given, one of a clip that is not made, an
            end before the start, or a quality that one of the clips cannot have.
    """
    config: dict[str, Any] = {}
    given: dict[str, str] = {}
    clips = wanted_films() | {"gif"}
    for option in RUN_OPTIONS:
        if (value := values.get(option.name)) is not None:
            group = option.one_of or option.flag
            if (other := given.setdefault(group, option.flag)) != option.flag:
                raise click.UsageError(f"{other} and {option.flag} exclude each other")
            paths = list(option.paths(clips))
            if not paths:
                some = " or ".join(option.clips)
                raise click.UsageError(f"{option.flag} needs a clip to be made: --clips {some}")
            for path in paths:
                set_value(config, path, value)
    _check_together(values, clips)
    return config


def _check_together(values: Mapping[str, Any], clips: frozenset[str]) -> None:
    start, end = values.get("start") or 0, values.get("end")
    if end is not None and end <= start:
        raise click.UsageError(f"--end {end:g} has to be after --start {start:g}")
    crf = values.get("crf") or 0
    if "mp4" in clips and crf > _MOST_CRF_OF_MP4:
        raise click.UsageError(f"--crf {crf:g} is too much for an MP4: at most {_MOST_CRF_OF_MP4}")


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
