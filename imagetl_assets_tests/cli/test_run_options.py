"""Each option of `imagetl run` sets a value of the run config that the job has."""

from __future__ import annotations

import argparse

import pytest
from dagster import DagsterInvalidConfigError, validate_run_config

from imagetl_assets.assets.download import OnExisting
from imagetl_assets.cli.run_options import RUN_OPTIONS, RunOption, add_run_options, run_config
from imagetl_assets.definitions import defs

VALUES = {
    "--path": "x.img",
    "--include": "*.jpg",
    "--filename": "x.gif",
    "--duration": "50",
    "--loop": "3",
    "--on-existing": "skip",
    "--workers": "2",
    "--scheduler": "tcp://h:1",
}


def parsed(*arguments: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    return vars(parser.parse_args(arguments))


@pytest.mark.parametrize("option", RUN_OPTIONS, ids=lambda option: str(option.flag))
def test_an_option_is_part_of_the_run_config(option: RunOption) -> None:
    job = defs.resolve_job_def("image_etl")
    config = run_config(parsed(option.flag, VALUES[option.flag]))
    validate_run_config(job, config)
    value: object = config
    for name in option.sets.split("."):
        assert isinstance(value, dict)
        value = value[name]
    assert str(value).removesuffix(".0") == VALUES[option.flag]


def test_a_value_that_the_job_does_not_have_is_noticed() -> None:
    """What the test above leans on."""
    with pytest.raises(DagsterInvalidConfigError):
        validate_run_config(
            defs.resolve_job_def("image_etl"), {"ops": {"clip_gif": {"config": {"lop": 1}}}}
        )


def test_what_is_not_given_is_left_to_the_defaults() -> None:
    assert run_config(parsed()) == {}
    assert run_config({}) == {}


def test_the_choices_are_those_of_the_asset() -> None:
    (option,) = (option for option in RUN_OPTIONS if option.flag == "--on-existing")
    assert option.choices == tuple(value.value for value in OnExisting)


@pytest.mark.parametrize(
    "arguments", [("--workers", "0"), ("--workers", "-1"), ("--workers", "2", "--scheduler", "x")]
)
def test_impossible_options_are_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed(*arguments)
    assert "--workers" in capsys.readouterr().err
