"""Looks at the config of all assets of a run before its first step does anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import Config, Failure

from imagetl_assets.assets.clips import CLIP_CONFIGS
from imagetl_assets.assets.film_config import FILM_CONFIGS
from imagetl_assets.assets.frames_config import FramesConfig

_CONFIGS: Mapping[str, type[Config]] = {
    "frames": FramesConfig,
    **CLIP_CONFIGS,
    **FILM_CONFIGS,
}


def check_run_config(run_config: Mapping[str, Any]) -> None:
    """Raise Failure, which names the asset and the field, if a later step could not use its config.

    Args:
        run_config: of the run. Values that come from variables are left to their own steps.
    """
    for asset, kind in _CONFIGS.items():
        given = run_config.get("ops", {}).get(asset, {}).get("config", {})
        values = {name: value for name, value in given.items() if not isinstance(value, Mapping)}
        try:
            kind(**values)
        except Failure as failure:
            raise Failure(
                f"run config of {asset}: {failure.description}", allow_retries=False
            ) from None
