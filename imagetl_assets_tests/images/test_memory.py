"""A picture within the limits takes no more memory than `limits.MAX_PIXELS` says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imagetl_assets_tests.images import measured_picture

pytestmark = pytest.mark.skipif(
    not measured_picture.STATUS.exists(), reason="the system does not tell the peak of a process"
)


@pytest.mark.parametrize(
    ("mode", "kind", "resize", "most"),
    [
        ("RGBA", "PNG", [], 950_000_000),
        ("LA", "PNG", [], 950_000_000),
        ("RGBA", "PNG", ["1.0"], 1_200_000_000),
        ("RGB", "JPEG", [], 950_000_000),
        ("I;16", "PNG", [], 950_000_000),
    ],
)
def test_the_largest_picture(
    tmp_path: Path, mode: str, kind: str, resize: list[str], most: int
) -> None:
    module = measured_picture.__name__
    command = [sys.executable, "-m", module, mode, kind, str(tmp_path / "picture"), *resize]
    subprocess.run(command, check=True)  # writes it
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 64_000_000 < int(done.stdout) < most
