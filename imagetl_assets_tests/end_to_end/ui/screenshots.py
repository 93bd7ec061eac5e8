"""Make the documentation's pictures: `python -m imagetl_assets_tests.end_to_end.ui.screenshots`."""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from imagetl_assets.images import transcode
from imagetl_assets.images.bundle import find_frames
from imagetl_assets.sample import ROUND, sample_bytes, write_sample
from imagetl_assets_tests.end_to_end.ui.browser import browser
from testbed.imagetl_dev import running
from testbed.processes import PROJECT

FOLDER = PROJECT / "docs" / "images"
NAME = "waves.img"
_SETTLE_SECONDS = 3
_COLOURS = 160


def main() -> None:
    """Start everything, let the sensor run one file, take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    _save_animation()
    folder = Path(tempfile.gettempdir(), "imagetl")  # its name is to be seen
    folder.mkdir()
    try:
        _take_pictures(folder)
    finally:
        shutil.rmtree(folder)


def _take_pictures(folder: Path) -> None:
    with running(folder) as dev:
        dev.drop(NAME, sample_bytes(27))
        with browser(dev.dagster) as ui:
            ui.open_run_of(NAME)
            ui.expect_status("Success")
            _show_timeline(ui.page)
            _save(ui.page, "run")
            ui.open_graph()
            _save(ui.page, "graph", height=580)
            ui.open_preview(NAME)
            _save(ui.page, "clip", height=680)


def _save_animation() -> None:
    """Save a small clip, as a run would make it."""
    out = io.BytesIO()
    write_sample(out, ROUND, width=180, height=120)
    frames = [out.getvalue()[s.offset : s.offset + s.length] for s in find_frames(out)]
    clip = transcode.join(frames[::3], duration_ms=120)
    (FOLDER / "waves.gif").write_bytes(clip)


def _show_timeline(page: Page) -> None:
    """Make room for the steps: pull down the bar that the log begins with."""
    page.reload()
    log = page.get_by_role("button", name="Events").bounding_box()
    assert log is not None
    bar = log["y"] - 14
    page.mouse.move(700, bar)
    page.mouse.down()
    page.mouse.move(700, 780, steps=5)
    page.mouse.up()


def _save(page: Page, name: str, height: int = 800) -> None:
    """Save the upper part of the page with few colours, so that the file is small."""
    time.sleep(_SETTLE_SECONDS)
    part = page.screenshot(clip={"x": 0, "y": 0, "width": 1280, "height": height})
    with Image.open(io.BytesIO(part)) as shot:
        few = shot.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        few.save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
