"""The images of a folder as one upstream file: a plain TAR, which is made while it is downloaded.

So all that follows works on a folder as on any other TAR. The version of each image is kept beside
it, in a header field of its own (`IMAGETL.version`, in the way of POSIX.1-2001). If the folder has
changed since the last download, images that have not are taken from the TAR that is stored.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, Protocol

from imagetl_assets.images.bundles.limited import limited_reads
from imagetl_assets.images.bundles.members import MOST_IMAGE_BYTES
from imagetl_assets.redact import redact_url
from imagetl_assets.storage.base import in_blocks
from imagetl_assets.upstream.base import Known, Limits, UpstreamFile, check_size, grouped
from imagetl_assets.upstream.errors import PermanentError, TransientError
from imagetl_assets.upstream.files import errors_explained
from imagetl_assets.upstream.folder import Folder, ImageFile, ReadMany, no_images

_VERSION = "IMAGETL.version"
_BLOCK = 512
_CHANGED = "was changed while it was being read"
_MOST_HEADER = 1024 * 1024

Earlier = Callable[[], "BinaryIO | None"]
"""Opens the TAR that was stored at the last download of the same folder, if there is one."""


class ImagePlace(Protocol):
    """Where images are."""

    @property
    def root(self) -> str:
        """The URL or path of the folder."""

    def look(self) -> Folder:
        """List the images."""

    def reader(self) -> ReadMany:
        """Return what reads images by their names."""


class _Held(NamedTuple):
    """Where an image is in the TAR that is stored."""

    offset: int
    size: int
    version: str


@contextmanager
def open_folder(
    place: ImagePlace, known: Known, limits: Limits, earlier: Earlier
) -> Iterator[UpstreamFile | None]:
    """Open the images of a folder as a TAR, or yield None if they are still the known ones.

    Raises:
        UpstreamError: see there.
    """
    shown = redact_url(place.root)
    with errors_explained(shown):
        folder = place.look()
    if not folder.images:
        raise PermanentError(no_images(folder, shown))
    if large := [image.name for image in folder.images if image.size > MOST_IMAGE_BYTES]:
        raise PermanentError(
            f"{shown}/{large[0]} has more than {MOST_IMAGE_BYTES:,} bytes, which no image may have"
        )
    if folder.version is not None and folder.version == known.etag:
        yield None
        return
    total = sum(image.size for image in folder.images)
    check_size(total, limits, shown)
    facts: dict[str, Any] = {"images": len(folder.images), "images kept from before": 0}
    if folder.others:
        facts["other files"] = len(folder.others)
    with errors_explained(shown):
        read_many, file = place.reader(), earlier()
    with closing(file) if file else _nothing():
        held = _held(file) if file else {}
        blocks = _Blocks(folder, read_many, held, file, facts).read(shown, place)
        yield UpstreamFile(grouped(blocks), None, folder.version, None, facts=facts)


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


@dataclass(frozen=True)
class _Blocks:
    """The TAR, block by block."""

    folder: Folder
    read_many: ReadMany
    held: Mapping[str, _Held]
    file: BinaryIO | None
    facts: dict[str, Any]

    def read(self, shown: str, place: ImagePlace) -> Iterator[bytes]:
        """Yield all blocks; then make sure that no image was changed meanwhile."""
        for group in in_blocks(self.folder.images, lambda image: image.size):
            with errors_explained(shown):
                contents = self._contents(group)
            for image in group:
                data = contents.pop(image.name)
                if len(data) != image.size:
                    raise TransientError(f"{shown}/{image.name} {_CHANGED}")
                yield _header(image)
                yield data
                yield bytes(-len(data) % _BLOCK)
        yield bytes(2 * _BLOCK)
        with errors_explained(shown):
            now = {image.name: image for image in place.look().images}
        for image in self.folder.images:
            if now.get(image.name) != image:
                raise TransientError(f"{shown}/{image.name} {_CHANGED}")

    def _contents(self, group: Sequence[ImageFile]) -> dict[str, bytes]:
        """Return the bytes of some images by name, from what is held or from upstream."""
        contents: dict[str, bytes] = {}
        for image in group:
            held = self.held.get(image.name)
            if self.file and held and (held.size, held.version) == (image.size, image.version):
                self.file.seek(held.offset)
                contents[image.name] = self.file.read(held.size)
        self.facts["images kept from before"] += len(contents)
        names = [image.name for image in group if image.name not in contents]
        contents.update(zip(names, self.read_many(names), strict=True))
        return contents


def _header(image: ImageFile) -> bytes:
    header = tarfile.TarInfo(image.name)
    header.size, header.mtime = image.size, image.time
    if image.version is not None:
        header.pax_headers = {_VERSION: image.version}
    return header.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")


def _held(file: BinaryIO) -> dict[str, _Held]:
    """Return which images are in a stored TAR, by name; none if it is another file."""
    held: dict[str, _Held] = {}
    try:
        with tarfile.open(fileobj=limited_reads(file, _MOST_HEADER), mode="r:") as archive:
            while (header := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # else it keeps all of them
                if version := header.pax_headers.get(_VERSION):
                    held[header.name] = _Held(header.offset_data, header.size, version)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError):
        return {}
    return held
