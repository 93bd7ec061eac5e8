"""Config of assets that says in one line what is wrong with it."""

from __future__ import annotations

from typing import Any

from dagster import Config, Failure
from pydantic import ConfigDict, ValidationError


class CheckedConfig(Config):
    """Config whose fields have limits. Raises Failure if a value is not one that can be."""

    model_config = ConfigDict(allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise Failure(_in_words(error), allow_retries=False) from None


def _in_words(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, problem['loc']))} is {problem['input']!r}, but {_rule(problem)}"
        for problem in error.errors()
    )


def _rule(problem: Any) -> str:
    text = str(problem["msg"]).removeprefix("Value error, ")
    return text.replace("Input should", "should", 1)
