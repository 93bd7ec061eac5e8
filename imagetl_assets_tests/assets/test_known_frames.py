"""What was converted once is not converted again, unless something about it has changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagetl_assets.assets import frame_batch, known_frames
from imagetl_assets.images import version
from imagetl_assets.images.transcode import to_gif
from testbed.bundles import tiny_frame
from testbed.pipeline import Pipeline


class Counter:
    """Counts the pictures that are converted or checked."""

    def __init__(self, convert: Callable[..., bytes]) -> None:
        self._convert = convert
        self.count = 0

    def __call__(self, data: Any, **options: Any) -> bytes:
        self.count += 1
        return self._convert(data, **options)


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that tells how many pictures were converted since it was last asked."""
    counter = Counter(to_gif)
    monkeypatch.setattr(frame_batch, "to_gif", counter)

    def since() -> int:
        count, counter.count = counter.count, 0
        return count

    return since


@pytest.fixture
def folder(tmp_path: Path, pipeline: Pipeline, converted: Callable[[], int]) -> Path:
    """Return a folder of three pictures that was run once."""
    pipeline.upstream = str(tmp_path / "upstream")
    day = tmp_path / "upstream" / "day"
    day.mkdir(parents=True)
    (day / "0.gif").write_bytes(tiny_frame(0))
    for number in (1, 2):
        (day / f"{number}.png").write_bytes(tiny_frame(number, format="PNG"))
    assert pipeline.run("day").success
    assert converted() == 3
    return day


def frames(pipeline: Pipeline) -> list[bytes]:
    return [p.read_bytes() for p in sorted(pipeline.file("frames", "day").iterdir())]


def test_only_what_is_new_in_a_folder_is_converted(
    pipeline: Pipeline, folder: Path, converted: Callable[[], int]
) -> None:
    before = frames(pipeline)
    (folder / "1b.png").write_bytes(tiny_frame(9, format="PNG"))  # the others get other numbers
    assert pipeline.run("day").metadata("clip_gif")["frames"] == 4
    assert converted() == 1
    after = frames(pipeline)
    assert [after[0], after[1], after[3]] == before


def test_nothing_is_converted_if_nothing_has_changed(
    pipeline: Pipeline, folder: Path, converted: Callable[[], int]
) -> None:
    before = frames(pipeline)
    outcome = pipeline.run("day")
    assert outcome.metadata("frame_files")["converted"] == 2
    assert converted() == 0
    assert frames(pipeline) == before


def test_a_stored_frame_that_was_altered_or_lost_is_made_anew(
    pipeline: Pipeline, folder: Path, converted: Callable[[], int]
) -> None:
    before = frames(pipeline)
    pipeline.file("frames/frame_01.gif", "day").write_bytes(before[2])
    pipeline.file("frames/frame_02.gif", "day").unlink()
    assert pipeline.run("day").success
    assert converted() == 2
    assert frames(pipeline) == before


def test_another_size_or_caption_makes_other_frames(
    pipeline: Pipeline, folder: Path, converted: Callable[[], int]
) -> None:
    for config, count in [
        ({"resize": "50%"}, 3),
        ({"resize": "50%"}, 0),
        ({"caption": "{number}"}, 3),
        ({"caption": "{number}"}, 0),
        ({"caption": "{name}"}, 3),
        ({}, 3),
    ]:
        assert pipeline.run("day", frames=config).success
        assert converted() == count, config


def test_a_caption_with_the_number_is_written_anew_if_numbers_change(
    pipeline: Pipeline, folder: Path, converted: Callable[[], int]
) -> None:
    config = {"caption": "{number}"}
    assert pipeline.run("day", frames=config).success
    converted()
    (folder / "1.png").unlink()
    assert pipeline.run("day", frames=config).success
    assert converted() == 1  # the last one has become number 1


def test_what_a_function_has_made_is_not_known_again(
    pipeline: Pipeline, folder: Path, converted: Callable[[], int]
) -> None:
    config = {"picture_function": f"{__name__}:as_it_is"}
    for _ in range(2):
        assert pipeline.run("day", frames=config).success
        assert converted() == 3


def as_it_is(picture: Image.Image, _: object) -> Image.Image:
    """A picture function that a user might have."""
    return picture


def test_differences_are_made_of_frames_that_are_known(
    pipeline: Pipeline, folder: Path, converted: Callable[[], int]
) -> None:
    assert pipeline.run("day", frames={"optimize": True}).success
    first = pipeline.file("clip.gif", "day").read_bytes()
    assert converted() == 0
    assert pipeline.run("day", frames={"optimize": True}).success
    assert pipeline.file("clip.gif", "day").read_bytes() == first


def test_frames_that_other_code_or_another_decoder_has_made_are_converted(
    pipeline: Pipeline,
    folder: Path,
    converted: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(known_frames, "version", lambda: "of another day")
    for count in (3, 0):
        assert pipeline.run("day").success
        assert converted() == count


def test_any_change_of_the_package_or_of_a_decoder_is_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "images"
    shutil.copytree(Path(version.__file__).parent, package)
    monkeypatch.setattr(version, "__file__", str(package / "version.py"))
    found = set()
    for name in ("palette.py", "decoding/colours.py", "gif/pixels.py"):
        with (package / name).open("a") as file:
            file.write("# changed")
        version.version.cache_clear()
        found.add(version.version())
    monkeypatch.setattr(metadata, "version", lambda name: "99")
    version.version.cache_clear()
    found.add(version.version())
    monkeypatch.undo()
    version.version.cache_clear()
    assert len(found | {version.version()}) == 5
