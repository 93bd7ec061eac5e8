"""`python -m` this with a mode and a format: print by how many bytes a conversion lets it grow.

The picture has as many pixels as are allowed. If it is RGBA, it has a profile, too.
"""

from __future__ import annotations

import io
import re
import sys
from math import isqrt
from pathlib import Path

from PIL import Image

from imagetl_assets.images.decoding.limits import MAX_PIXELS
from imagetl_assets.images.edit import Edit
from imagetl_assets.images.gif import check_pixels
from imagetl_assets.images.transcode import to_gif
from imagetl_assets_tests.images.profiles import rgb_profile

STATUS = Path("/proc/self/status")


def peak() -> int:
    """Return the most memory that this process has had so far, in bytes."""
    match = re.search(r"^VmHWM:\s+(\d+) kB$", STATUS.read_text(), re.M)
    assert match is not None
    return int(match[1]) * 1024


def encoded(mode: str, kind: str, side: int) -> bytes:
    out, profile = io.BytesIO(), rgb_profile(power=1.8) if mode == "RGBA" else None
    image = Image.linear_gradient("L").resize((side, side)).convert(mode)
    image.save(out, kind, icc_profile=profile)
    return out.getvalue()


def main() -> None:
    """Convert a picture that another process has written; a small one before, for all imports."""
    mode, kind, path, *resize = sys.argv[1:]
    if not Path(path).exists():
        Path(path).write_bytes(encoded(mode, kind, isqrt(MAX_PIXELS)))
        return
    data = Path(path).read_bytes()
    factor = float(resize[0]) if resize else None
    to_gif(encoded(mode, kind, 9), edit=Edit(factor))
    before = peak()
    check_pixels(to_gif(data, edit=Edit(factor)))
    print(peak() - before)


if __name__ == "__main__":
    main()
