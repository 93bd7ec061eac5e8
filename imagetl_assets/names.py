"""Names under the storage root: those that users may give, and those of the frames.

What users name must not leave the storage root.
"""

from __future__ import annotations

import unicodedata

RESERVED_FOLDER = ".imagetl"
FRAMES_FOLDER = "frames"

CLAIM = r"[a-z0-9_]+\.(\d{16}-[0-9a-f]{8})\.(\d{16})-[0-9a-f]{4}"
"""What the name of a claim looks like, see `storage.claims`. Its groups are turn and time."""

# File systems allow 255 bytes; the rest is for the suffix of temporary names.
_MAX_BYTES = 200


class InvalidName(ValueError):
    """A name that cannot be a file or folder under the storage root; the message says why."""


def check_partition_key(key: str) -> str:
    """Return `key` if it can be a folder directly under the storage root, else raise InvalidName.

    >>> check_partition_key("holiday pictures ☀.img")
    'holiday pictures ☀.img'
    """
    if not key:
        raise InvalidName("the partition key is empty: it must be a file name")
    if "/" in key:
        raise InvalidName(f"partition key {key!r} must be a file name, without '/'")
    _check_component(key, f"partition key {key!r}")
    if key.startswith(RESERVED_FOLDER):
        raise InvalidName(f"partition key {key!r} must not start with {RESERVED_FOLDER!r}")
    return key


def check_path(path: str) -> str:
    """Return `path` if it can name a file in a partition folder, else raise InvalidName.

    It must be relative, with '/' between its parts, and not lie where frames or records do.

    >>> check_path("raw/image-data.img")
    'raw/image-data.img'
    """
    what = f"path {path!r}"
    if path.startswith("/"):
        raise InvalidName(f"{what} must be relative to the partition folder")
    parts = path.split("/")
    for part in parts:
        _check_component(part, what)
    if parts[0] in (FRAMES_FOLDER, RESERVED_FOLDER):
        raise InvalidName(f"{what} must not lie in {parts[0]!r}, which imagetl uses itself")
    return path


def check_clip_name(path: str, format: str) -> str:
    """Return `path` if it can name a clip in this format, else raise InvalidName.

    >>> check_clip_name("holiday.gif", "gif")
    'holiday.gif'
    """
    if not check_path(path).lower().endswith(f".{format}"):
        raise InvalidName(f"path {path!r} must end in .{format}, as that is what the clip is")
    return path


def frame_name(number: int, count: int) -> str:
    """Return the name of a frame in a bundle of `count` pieces, zero-padded so that names sort.

    >>> frame_name(7, 120)
    'frame_007'
    """
    return f"frame_{number:0{max(2, len(str(count)))}d}"


def has_pattern(path: str) -> bool:
    """Return whether a path has signs that stand for others, as in `*.png`."""
    return any(sign in path for sign in "*?[")


def _check_component(part: str, what: str) -> None:
    if part in ("", ".", ".."):
        raise InvalidName(f"{what} must not be empty or have empty, '.' or '..' parts")
    if "\\" in part:
        raise InvalidName(f"{what} must not contain a backslash")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in part):
        raise InvalidName(f"{what} must not contain control characters")
    if len(part.encode()) > _MAX_BYTES:
        raise InvalidName(f"{what} is longer than {_MAX_BYTES} bytes")
