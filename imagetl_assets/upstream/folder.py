"""Which images there are in a folder, under the prefix of a bucket, or where a pattern leads.

A folder is meant with all folders in it. In a pattern, `*` and `?` stand for anything but a slash,
and `**` for any number of folders. Hidden files and folders are left out, and so are files whose
names say that they are no images, unless a pattern names them. What imagetl has stored itself
(folders with a folder `.imagetl`) is left out, unless a pattern is given: the storage may lie in
the folder of the images.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from imagetl_assets.images.bundles.members import EXTENSIONS, extension, natural_order
from imagetl_assets.names import RESERVED_FOLDER, has_pattern
from imagetl_assets.storage import open_store
from imagetl_assets.storage.file_version import file_state, version_of
from imagetl_assets.upstream.files import with_filesystem
from imagetl_assets.upstream.urls import is_local, local_path, scheme_of

_SHOWN = 3

ReadMany = Callable[[Sequence[str]], Iterator[bytes]]
"""Reads files of a folder by their names."""


@dataclass(frozen=True)
class ImageFile:
    """An image in a folder.

    Attributes:
        name: its path in the folder, with '/' between its parts.
        size: in bytes.
        version: changes whenever the file does; None if nothing but its size is told.
        time: when it was written, in seconds since 1970; 0 if that is not told.
    """

    name: str
    size: int
    version: str | None
    time: float = 0


@dataclass(frozen=True)
class Folder:
    """The images of a folder at one moment.

    Attributes:
        root: the URL or path of the folder.
        images: in the natural order of their names.
        others: names of files that are no images.
    """

    root: str
    images: tuple[ImageFile, ...]
    others: Sequence[str] = field(default=())

    @property
    def version(self) -> str | None:
        """What changes whenever an image comes, goes or changes; None if that is not known."""
        if any(image.version is None for image in self.images):
            return None
        return _digest((image.name, image.size, image.version) for image in self.images)

    @property
    def size_version(self) -> str:
        """As `version`, but by the sizes of the images only."""
        return _digest((image.name, image.size) for image in self.images)


@dataclass(frozen=True)
class Place:
    """Where images are.

    Attributes:
        root: the URL or path of the folder.
        pattern: of their paths in there; None for all images.
        include: another pattern, of which `*` stands for slashes, too; None for all images.
    """

    root: str
    pattern: str | None = None
    include: str | None = None

    def look(self) -> Folder:
        """List the images. Raises what the file system raises."""
        parts = self.pattern.split("/") if self.pattern else None
        depth = len(parts) if parts and "**" not in parts else None
        files: Iterable[ImageFile]
        if is_local(self.root):
            files = _local_files(local_path(self.root), depth, results=parts is not None)
        else:
            files = with_filesystem(self.root, lambda fs, path: _remote_files(fs, path, depth))
            if parts is None:
                files = _without_results(files)
        images: list[ImageFile] = []
        others: list[ImageFile] = []
        for file in files:
            names = file.name.split("/")
            if any(name.startswith(".") for name in names):
                continue
            if parts and not _matches(names, parts):
                continue
            (images if self._is_image(file.name) else others).append(file)
        images.sort(key=lambda image: natural_order(image.name))
        return Folder(self.root, tuple(images), sorted(file.name for file in others))

    def reader(self) -> ReadMany:
        """Return what reads files of the folder. Raises what the file system raises."""
        return open_store(self.root, follow_links=True).read_many

    def _is_image(self, name: str) -> bool:
        if self.include is not None:
            return fnmatchcase(name, self.include)
        return self.pattern is not None or extension(name) in {*EXTENSIONS, ""}


def find_place(url: str, include: str | None) -> Place | None:
    """Return where the images are that a URL or path stands for; None if it seems to be a file's.

    Only on this machine it can be told without asking which of both it is.
    """
    if scheme_of(url) in ("http", "https"):
        return None
    if is_local(url):
        path = os.path.abspath(local_path(url))
        if os.path.isdir(path):
            return Place(path, include=include)
        if os.path.lexists(path) or not has_pattern(path):
            return None
        return Place(*_divided(path), include)
    if url.endswith("/"):
        return Place(url.rstrip("/"), include=include)
    return None


def place_unless_a_file(url: str, include: str | None) -> Place:
    """Return where the images are that a URL stands for if no file has it as its name."""
    return Place(*_divided(url), include) if "*" in url else Place(url, include=include)


def no_images(folder: Folder, shown: str) -> str:
    """Return what to tell if there are no images in a folder."""
    if not folder.others:
        return f"there are no images in {shown}"
    if len(folder.others) == 1:
        return f"there are no images in {shown}, but another file, {folder.others[0]}"
    some = ", ".join(folder.others[:_SHOWN])
    return f"there are no images in {shown}, but {len(folder.others):,} other files, such as {some}"


def folder_names(root: str) -> list[str]:
    """Return the names of the folders in a folder. Raises what the file system raises."""
    if is_local(root):
        with os.scandir(local_path(root)) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())

    def names(fs: Any, path: str) -> list[str]:
        entries = fs.ls(path, detail=True)
        found = [one["name"] for one in entries if one["type"] == "directory"]
        return sorted(name.rstrip("/").rpartition("/")[2] for name in found)

    return with_filesystem(root, names)


def _digest(told: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(told)).encode()).hexdigest()


def _divided(url: str) -> tuple[str, str]:
    """Return the folder that a pattern begins with, and the rest of the pattern."""
    parts = url.split("/")
    first = next(i for i, part in enumerate(parts) if has_pattern(part))
    return "/".join(parts[:first]) or "/", "/".join(parts[first:])


def _matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_matches(names[i:], pattern[1:]) for i in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _matches(names[1:], pattern[1:])


def _local_files(
    path: str, depth: int | None, prefix: str = "", *, results: bool
) -> Iterator[ImageFile]:
    """Yield the files of a folder. Links to files are followed, links to folders are not.

    Args:
        path: of the folder.
        depth: how deep its folders are looked into; None without a limit.
        prefix: of the names.
        results: whether folders with results of imagetl count, too.
    """
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                is_wanted = results or not os.path.isdir(f"{entry.path}/{RESERVED_FOLDER}")
                if is_wanted and (depth is None or depth > 1):
                    deeper = None if depth is None else depth - 1
                    inner = f"{prefix}{entry.name}/"
                    yield from _local_files(entry.path, deeper, inner, results=results)
            elif entry.is_file():
                status = entry.stat()
                version = f"{status.st_size}-{status.st_mtime_ns}"
                yield ImageFile(prefix + entry.name, status.st_size, version, status.st_mtime)


def _remote_files(fs: Any, path: str, depth: int | None) -> list[ImageFile]:
    """Return the files below a path of any other file system."""
    found: Mapping[str, dict[str, Any]] = fs.find(path, maxdepth=depth, detail=True)
    start = fs._strip_protocol(path).rstrip("/") + "/"
    return [
        ImageFile(
            name.removeprefix(start) if name.startswith(start) else name.rpartition("/")[2],
            int(info["size"]),
            None if version_of(info) is None else file_state(info).version,
            _time(info),
        )
        for name, info in found.items()
        if info["type"] == "file" and not name.endswith("/")
    ]


def _without_results(files: Iterable[ImageFile]) -> list[ImageFile]:
    """Return the files that do not lie beside a folder of imagetl's own."""
    files, mark = list(files), f"/{RESERVED_FOLDER}/"
    results = {file.name.partition(mark)[0] + "/" for file in files if mark in file.name}
    return [file for file in files if not _has_start(file.name, results)]


def _has_start(name: str, folders: Collection[str]) -> bool:
    """Return whether a name begins with one of the folders, all of which end with a slash."""
    return any(name[: i + 1] in folders for i, sign in enumerate(name) if sign == "/")


def _time(info: Mapping[str, Any]) -> float:
    for name in ("LastModified", "last_modified", "mtime", "modified", "updated", "created"):
        value = info.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return 0
