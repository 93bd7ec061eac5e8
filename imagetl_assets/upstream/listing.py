"""Which files there are upstream, and what tells their versions apart."""

from __future__ import annotations

import os
import random
import stat
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from imagetl_assets.redact import redact_url
from imagetl_assets.storage.file_version import file_state, version_of
from imagetl_assets.storage.filesystem import S3_SCHEMES, is_chain, typing_error
from imagetl_assets.upstream.base import Limits
from imagetl_assets.upstream.errors import PermanentError, UpstreamError
from imagetl_assets.upstream.files import errors_explained, with_filesystem
from imagetl_assets.upstream.folder import Place, folder_names
from imagetl_assets.upstream.urls import file_url, is_local, local_path, scheme_of

# A tick of a sensor ends after 60 s whatever it is doing.
_ASK_SECONDS = 30
_ASK_THREADS = 16
_ASK_LIMITS = Limits(connect=5, read=10)


@dataclass(frozen=True)
class Listing:
    """The files of an upstream at one moment.

    Attributes:
        found: a fingerprint of each file that is there, by name. It changes with the file.
        unknown: why nothing is known of a file at this moment, by name.
        unusable: why no run could find a file, by name.
        sizes_only: names of the files of which nothing but the size is told.
    """

    found: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    sizes_only: set[str] = field(default_factory=set)


def list_upstream(
    base: str,
    pattern: str,
    known: Collection[str],
    former: Mapping[str, str] | None = None,
    *,
    refuse_private: bool = False,
) -> Listing:
    """List the files of a folder or bucket prefix; of an http(s) base, those of the `known` names.

    Args:
        base: as in `UpstreamFiles`.
        pattern: what a file's name has to match, such as ``*.img``. Hidden files never do. With a
            slash at its end, such as ``*/``, it is about folders with images.
        known: names of files to ask for where there is no listing.
        former: fingerprints of an earlier listing, by name.
        refuse_private: see `UpstreamFiles`.

    Raises:
        UpstreamError: the upstream does not answer, or is not there.
    """
    if problem := typing_error(base):
        raise PermanentError(problem)
    if scheme_of(base) in ("http", "https"):
        return _asked_for(base, sorted(known), former or {}, refuse_private=refuse_private)

    def wanted(name: str) -> bool:
        return fnmatchcase(name, pattern.rstrip("/")) and not name.startswith(".")

    with errors_explained(redact_url(base)):
        if pattern.endswith("/"):
            return _folders(base, wanted)
        if is_local(base):
            return _folder(local_path(base), wanted)
        return with_filesystem(base, lambda fs, path: _entries(fs, path, base, wanted))


def _folders(base: str, wanted: Callable[[str], bool]) -> Listing:
    """List the folders in a folder, or below a prefix, that have images."""
    listing = Listing()
    for name in filter(wanted, folder_names(base)):
        folder = Place(file_url(base, name)).look()
        if folder.images:
            listing.found[name] = folder.version or folder.size_version
            if folder.version is None:
                listing.sizes_only.add(name)
    return listing


def _folder(path: str, wanted: Callable[[str], bool]) -> Listing:
    """List a folder of this machine. Links are followed."""
    listing = Listing()
    with os.scandir(path) as entries:
        for entry in entries:
            if not wanted(entry.name):
                continue
            try:
                status = entry.stat()
            except OSError as error:
                if entry.is_symlink():
                    reason = (error.strerror or "it cannot be followed").lower()
                    listing.unusable[entry.name] = f"it is a link that leads nowhere: {reason}"
                continue  # else it has vanished in this moment
            if stat.S_ISREG(status.st_mode):
                listing.found[entry.name] = f"{status.st_size}-{status.st_mtime_ns}"
    return listing


def _entries(fs: Any, path: str, base: str, wanted: Callable[[str], bool]) -> Listing:
    """List a folder or prefix of any other file system."""
    listing = Listing()
    chain, bucket = is_chain(base), scheme_of(base) in S3_SCHEMES
    for entry in fs.ls(path, detail=True):
        name = entry["name"].rpartition("/")[2]
        if entry["type"] == "directory" or not name or not wanted(name):
            continue
        if chain and "::" in name:
            listing.unusable[name] = "in a URL within a URL, no name may have '::'"
        elif bucket and "?versionId=" in name:
            listing.unusable[name] = "what follows on '?versionId=' is taken for a version"
        elif info := _followed(fs, entry, name, listing):
            listing.found[name] = file_state(info).version
            if version_of(info) is None:
                listing.sizes_only.add(name)
    return listing


def _followed(fs: Any, entry: dict[str, Any], name: str, listing: Listing) -> dict[str, Any] | None:
    """Return what is told of a file, which a link may lead to; None if there is no file."""
    if entry["type"] == "file":
        return entry
    try:
        info: dict[str, Any] = fs.info(entry["name"])
    except FileNotFoundError:
        listing.unusable[name] = "it is a link that leads nowhere"
        return None
    if info["type"] not in ("file", "directory"):
        listing.unusable[name] = "it is a link that the server does not follow"
    return info if info["type"] == "file" else None


def _asked_for(
    base: str, names: list[str], former: Mapping[str, str], *, refuse_private: bool
) -> Listing:
    """Ask for each file, some at a time, in a new order each time, as time may run out."""
    from imagetl_assets.upstream.http import look_at_http

    deadline = time.monotonic() + _ASK_SECONDS

    def ask(name: str) -> tuple[str, bool] | UpstreamError | None:
        if time.monotonic() > deadline:
            return PermanentError("there was no time to ask for it")
        try:
            url = file_url(base, name)
            mark = former.get(name)
            return look_at_http(url, mark, _ASK_LIMITS, refuse_private=refuse_private)
        except UpstreamError as error:
            return error

    with ThreadPoolExecutor(_ASK_THREADS) as pool:
        order = random.sample(names, len(names))
        answers = dict(zip(order, pool.map(ask, order), strict=True))
    errors = {name: error for name, error in answers.items() if isinstance(error, UpstreamError)}
    if errors and len(errors) == len(names):
        raise next(iter(errors.values()))
    listing = Listing(unknown={name: str(error) for name, error in errors.items()})
    for name, answer in answers.items():
        if isinstance(answer, tuple):
            listing.found[name], versioned = answer
            if not versioned:
                listing.sizes_only.add(name)
    return listing
