"""What a file is that is no bundle of images, for people who wonder why it cannot be read."""

from __future__ import annotations

READABLE = (
    "What can be read: folders of images; ZIP and TAR archives of images; videos; animated GIF, "
    "PNG, WebP and AVIF, and TIFF; GIF, PNG, JPEG, BMP, WebP, TIFF, AVIF, HEIF, JPEG 2000 or "
    "JPEG XL images with four newlines between them"
)

_HTML = (b"<!doctype html", b"<html", b"<head", b"<body")
_GIT_LFS = b"version https://git-lfs"
_SOME = 256


def what_it_is(head: bytes) -> str:
    """Return what a file is by its first bytes (a few hundred), as a sentence without its end."""
    start = head.lstrip()
    if not start:
        return "it is empty" if not head else "it starts with nothing but newlines and spaces"
    text = start.lower()
    if text.startswith(_HTML):
        return "it starts like an HTML page (the URL of one that lists files ends with a slash)"
    if text.startswith(b"<"):
        return "it starts like XML"
    if text.startswith((b"{", b"[")):
        return "it starts like JSON"
    if text.startswith(_GIT_LFS):
        return "it is a pointer of Git LFS, which stands for a file that is kept elsewhere"
    return _known_type(head) or _unknown(start)


def _known_type(head: bytes) -> str | None:
    """Return what puremagic knows the file as, if it does."""
    import puremagic

    if not head.strip(b"\0"):
        return None
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return None
    if not matches:
        return None
    # Of types that are as likely, that of a picture or a video says most to people.
    best = max(matches, key=lambda one: (one.confidence, one.mime_type.startswith("image/")))
    type = f" ({best.mime_type})" if best.mime_type else ""
    return f"it seems to be: {best.name}{type}"


def _unknown(start: bytes) -> str:
    beginning = start[:8].hex(" ")
    some = start[:_SOME]
    if some.isascii() and " ".join(some.decode().split()).isprintable():
        return f"it starts like a text ({beginning})"
    return f"its first bytes are those of no known format ({beginning})"
