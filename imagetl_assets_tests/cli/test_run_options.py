"""Each option of `imagetl run` sets a value of the run config, and each config field has one."""

from __future__ import annotations

import re

import click
import pytest
from dagster import Config, DagsterInvalidConfigError, validate_run_config

from imagetl_assets.assets.clips import CLIP_CONFIGS
from imagetl_assets.assets.film_config import FILM_CONFIGS
from imagetl_assets.assets.frames_config import FramesConfig
from imagetl_assets.assets.raw_data_file import RawDataFileConfig
from imagetl_assets.cli import main
from imagetl_assets.cli.run_config import add_run_options, in_terms_of_options, run_config
from imagetl_assets.cli.run_options import RUN_OPTIONS, RunOption
from imagetl_assets.definitions import defs

CONFIGS: dict[str, type[Config]] = {
    "raw_data_file": RawDataFileConfig,
    "frames": FramesConfig,
    "clip_gif": CLIP_CONFIGS["clip_gif"],
    **FILM_CONFIGS,
}
CLIPS = frozenset(("gif", "webp", "mp4", "webm"))
# Its URL is the argument, and the names of the other clips follow from their formats.
WITHOUT_OPTION = {
    "ops.raw_data_file.config.url",
    *(f"ops.{name}.config.filename" for name in FILM_CONFIGS),
}
VALUES = {
    "--path": "x.img",
    "--include": "*.jpg",
    "--connect-timeout": "3",
    "--read-timeout": "4",
    "--min-bytes-per-second": "5",
    "--max-bytes": "600",
    "--max-retry-after": "7",
    "--on-existing": "skip",
    "--on-damaged-frame": "skip",
    "--order": "time",
    "--start": "1.5",
    "--end": "9.5",
    "--take-fps": "12.5",
    "--resize": "50%",
    "--picture-function": "a.b:c",
    "--caption": "{number}",
    "--dither": "bayer",
    "--optimize": None,
    "--frames-per-step": "8",
    "--filename": "x.gif",
    "--duration": "50",
    "--fps": "25",
    "--realtime": "60",
    "--loop": "3",
    "--every": "2",
    "--quality": "75",
    "--lossless": None,
    "--crf": "22",
    "--codec": "av1",
    "--workers": "2",
    "--scheduler": "tcp://h:1",
}


def parsed(*arguments: str) -> dict[str, object]:
    command = add_run_options(click.Command("run", callback=lambda **values: values))
    values = command.main(list(arguments), standalone_mode=False)
    assert isinstance(values, dict)
    return values


def test_a_clip_may_play_once() -> None:
    config = run_config(parsed("--loop", "once"))
    assert config == {"ops": {"clip_gif": {"config": {"loop": -1}}}}


@pytest.mark.parametrize("option", RUN_OPTIONS, ids=lambda option: str(option.flag))
def test_an_option_is_part_of_the_run_config(
    option: RunOption, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGETL_CLIPS", "webp,mp4,webm")
    text = VALUES[option.flag]
    config = run_config(parsed(option.flag, *([text] if text else [])))
    paths = list(option.paths(CLIPS))
    for path in paths:
        value: object = config
        for name in path.split("."):
            assert isinstance(value, dict)
            value = value[name]
        assert str(value).removesuffix(".0") == (text or "True")
    ops = config.get("ops", {})
    for film in FILM_CONFIGS.keys() & ops.keys():
        FILM_CONFIGS[film](**ops.pop(film)["config"])
    validate_run_config(defs.resolve_job_def("image_etl"), config)


def test_each_field_of_the_config_has_an_option() -> None:
    fields = {
        f"ops.{op}.config.{name}" for op, kind in CONFIGS.items() for name in kind.model_fields
    }
    ours = {path for option in RUN_OPTIONS for path in option.paths(CLIPS) if path[:4] == "ops."}
    assert fields - ours == WITHOUT_OPTION
    assert not ours - fields


@pytest.mark.parametrize("option", RUN_OPTIONS, ids=lambda option: str(option.flag))
def test_the_help_tells_the_default(option: RunOption) -> None:
    if not option.sets.startswith("ops.") or option.is_flag or option.flag == "--crf":
        return  # each format has a crf of its own
    for path in option.paths(CLIPS):
        _, op, _, name = path.split(".")
        default = CONFIGS[op].model_fields[name].default
        default = getattr(default, "value", default)
        assert option.default == (None if default is None else str(default).removesuffix(".0"))


def test_a_value_that_the_job_does_not_have_is_noticed() -> None:
    """What the first test leans on."""
    with pytest.raises(DagsterInvalidConfigError):
        validate_run_config(
            defs.resolve_job_def("image_etl"), {"ops": {"clip_gif": {"config": {"lop": 1}}}}
        )


def test_what_is_not_given_is_left_to_the_defaults() -> None:
    assert run_config(parsed()) == {}
    assert run_config({}) == {}


IMPOSSIBLE = [
    "run --workers 0",
    "run --workers -3",
    "run --duration -5",
    "run --duration 1e9",
    "run --loop -1",
    "run --loop x",
    "run --fps 0",
    "run --fps abc",
    "run --fps nan",
    "run --take-fps inf",
    "run --max-bytes 1GB",
    "run --start 5 --end 2",
    "run --clips avi",
    "run --crf 20",
    "run --clips webm,mp4 --crf 52",
    "run --clips webp --codec av1",
    "run --every 0",
    "run --scheduler nonsense",
    "run --filename clip.mp4",
    "run --filename ../clip.gif",
    "run --path frames/x",
    "run --resize 100000",
    "run --resize wide",
    "run --on-damaged-frame maybe",
    "run --max-bytes 0",
    "run --workers 2 --scheduler tcp://h:1",
    "run --fps 2 --duration 3",
    "run --name a/b",
    "run --picture-function nonsense",
    "run --picture-function a:",
    "run --picture-function os:remove",
    "sample -o x.img -n -3",
    "sample -o x.img --width 0",
    "sample -n 2 -o .",
    "sample -o x.img --width 65535 --height 65535",
    "dev --workers 0",
    "dev --port http",
    "dev --port 99999",
]


@pytest.mark.parametrize("line", IMPOSSIBLE)
def test_an_impossible_option_is_told_in_one_line_that_names_it(
    line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("imagetl: ")
    assert err.count("\n") == 1
    options = re.findall(r"(?<!\S)--?[a-z-]+", line.replace("-o x", ""))
    assert any(option in err for option in options)
    assert len(err) < 200
    assert "range" not in err  # a word of the library; the message tells what the option takes


def test_a_video_that_cannot_be_made_here_is_told_before_the_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGETL_CLIPS", "")
    monkeypatch.setattr("imagetl_assets.images.outputs.film.find_spec", lambda name: None)
    assert main(["run", "--clips", "mp4,webp,webm"]) == 1
    told = "imagetl: mp4 and webm cannot be made here, because PyAV is not installed: pip install"
    assert capfd.readouterr().err.startswith(told)


def test_a_message_tells_what_a_number_has_to_be(capfd: pytest.CaptureFixture[str]) -> None:
    for line, told in (
        ("run --fps abc", "'abc' is not a number from 0.002 to 50"),
        ("run --every x", "'x' is not a whole number of 1 or more"),
        ("run --end 0", "'0' is not a number above 0"),
        ("dev --port 70000", "'70000' is not a whole number from 0 to 65,535"),
    ):
        assert main(line.split()) == 2
        assert told in capfd.readouterr().err


def test_without_a_command_the_commands_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capfd.readouterr().err.startswith("Usage: imagetl [OPTIONS] COMMAND")


def test_version_help_and_completion(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"imagetl, version [0-9.]+\n", capfd.readouterr().out)
    assert main(["run", "--help"]) == 0
    assert "default: clip.gif" in capfd.readouterr().out


def test_messages_name_the_option_instead_of_the_field() -> None:
    told = in_terms_of_options("it asks to wait 9 s, but `max_retry_after` is 5 s")
    assert told == "it asks to wait 9 s, but --max-retry-after is 5 s"


def test_how_a_clip_plays_counts_for_all_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGETL_CLIPS", "mp4 webp")
    ops = run_config(parsed("--every", "7", "--fps", "12.5", "--loop", "3"))["ops"]
    assert ops["clip_gif"]["config"] == {"every": 7, "fps": 12.5, "loop": 3}
    assert ops["clip_mp4"]["config"] == {"every": 7, "fps": 12.5}
    assert ops["clip_webp"]["config"] == {"every": 7, "fps": 12.5, "loop": 3}
    assert "clip_webm" not in ops
