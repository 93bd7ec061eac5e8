"""`imagetl pack`: the bundle has the images of the folder, byte for byte and in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagetl_assets.cli import main
from imagetl_assets_tests.images.bundles import contents
from testbed.bundles import tiny_frame


def folder(path: Path) -> Path:
    (path / "photos" / "b").mkdir(parents=True)
    for number in (1, 2, 10):
        (path / "photos" / f"{number}.gif").write_bytes(tiny_frame(number))
    (path / "photos" / "b" / "3.png").write_bytes(tiny_frame(3, format="PNG"))
    (path / "photos" / "notes.txt").write_bytes(b"text")
    return path / "photos"


def test_it_has_the_images_in_natural_order(tmp_path: Path) -> None:
    output = tmp_path / "x.img"
    assert main(["pack", str(folder(tmp_path)), "-o", str(output)]) == 0
    expected = [tiny_frame(1), tiny_frame(2), tiny_frame(10), tiny_frame(3, format="PNG")]
    assert contents(output.read_bytes()) == expected
    assert main(["pack", str(tmp_path / "photos"), "-o", str(output), "--include", "1*"]) == 0
    assert contents(output.read_bytes()) == [tiny_frame(1), tiny_frame(10)]


def test_what_cannot_be_done_is_told_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = folder(tmp_path)
    for source, output, problem in (
        (str(tmp_path / "gone"), "x.img", "gone does not exist"),
        (f"{photos}/*.jpg", "x.img", "there are no images in"),
        (str(photos), "no/x.img", "cannot write"),
        (str(photos / "1.gif"), "x.img", "1.gif is a file, not a folder of images"),
        ("http://127.0.0.1:1/", "x.img", "imagetl run takes what a web server lists"),
    ):
        assert main(["pack", source, "-o", str(tmp_path / output)]) == 1
        assert problem in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
