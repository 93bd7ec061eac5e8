"""Archives of small images, and what is found in them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from imagetl_assets.images.bundle import (
    DamagedFrame,
    FrameImage,
    FrameSpan,
    Remarks,
    find_frames,
    images,
    kind_of,
)
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.new_size import NewSize
from imagetl_assets.images.window import Window


class InMemory:
    """A bundle that is in memory, as mapped steps read one."""

    def __init__(self, data: bytes, resize: NewSize | None = None) -> None:
        self._data = data
        self.resize = resize

    def read(self, spans: Sequence[tuple[int, int]]) -> Iterator[bytes]:
        for offset, length in spans:
            yield self._data[offset : offset + length]

    def open(self) -> BinaryIO:
        return io.BytesIO(self._data)


def found(data: bytes, remarks: Remarks | None = None) -> dict[str, bytes | str]:
    """The bytes of each frame by its name, or what is wrong with it."""
    result: dict[str, bytes | str] = {}
    pieces = list(find_frames(io.BytesIO(data), remarks=remarks))
    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    for piece in pieces:
        if isinstance(piece, DamagedFrame):
            result[piece.name] = piece.problem
            continue
        image = image_of(data, piece)
        result[piece.name] = image.problem if isinstance(image, ImageError) else bytes_of(image)
        if isinstance(image, FrameImage) and image.offset is not None:
            assert data[image.offset :].startswith(bytes_of(image))
    return result


def bytes_of(image: FrameImage) -> bytes:
    assert isinstance(image.data, bytes)
    return image.data


def kind_name(data: bytes) -> str:
    return kind_of(Window(io.BytesIO(data))).name


def image_of(data: bytes, span: FrameSpan) -> FrameImage | ImageError:
    (image,) = images(kind_name(data), InMemory(data), [span])
    return image


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files: Mapping[str, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return out.getvalue()
