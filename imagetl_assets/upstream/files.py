"""Upstream files in a folder, in a bucket, or wherever else fsspec can reach."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, BinaryIO, TypeVar

from imagetl_assets.redact import redact_url
from imagetl_assets.storage import FileChanged, FileState, Store, StoreError, open_store
from imagetl_assets.storage.file_version import file_state, version_of
from imagetl_assets.storage.filesystem import S3_SCHEMES, is_chain, open_filesystem
from imagetl_assets.upstream.base import BLOCK_BYTES, Known, Limits, UpstreamFile, all_of
from imagetl_assets.upstream.errors import (
    NotAFile,
    PermanentError,
    TransientError,
    UpstreamError,
)
from imagetl_assets.upstream.pace import Pace, TooSlow
from imagetl_assets.upstream.urls import is_local, local_path, scheme_of

_READ_AHEAD = 8 * 1024 * 1024

T = TypeVar("T")


@contextmanager
def open_file(url: str, known: Known, limits: Limits) -> Iterator[UpstreamFile | None]:
    """Open the file at a path or fsspec URL, or yield None if it is still the known one.

    Raises:
        UpstreamError: see there.
    """
    shown = redact_url(url)
    with errors_explained(shown):
        source = _source(url)
        version = source.version
    if version is not None and known.etag == version:
        yield None
        return
    with errors_explained(shown):
        file = source.open()
    with closing(file):
        blocks = _blocks(file, limits, shown)
        whole = all_of(_unchanged(blocks, source, shown), source.size, limits, shown)
        yield UpstreamFile(whole, source.size, version, None)


class _Source:
    """A file, as it was when it was looked at."""

    def __init__(
        self,
        size: int,
        version: str | None,
        open_it: Callable[[], BinaryIO],
        look_again: Callable[[], str | None] | None,
    ) -> None:
        self.size = size
        self.version = version
        self.open = open_it
        self.look_again = look_again
        """Returns the version that it has now; None where reading it makes sure of that."""


def _source(url: str) -> _Source:
    """Return the file at a URL. Raises what the file system raises."""
    if is_local(url):
        path = os.path.abspath(local_path(url))
        if os.path.exists(path) and not os.path.isfile(path):
            raise NotAFile(f"{redact_url(url)} is not a file")
        folder, name = os.path.split(path)
        return _in_store(open_store(folder, follow_links=True), name, again=True)
    if scheme_of(url) in S3_SCHEMES and not is_chain(url):
        folder, _, name = url.rpartition("/")
        return _in_store(open_store(folder), name, again=False)

    def look(fs: Any, path: str) -> _Source:
        info = fs.info(path)
        if info["type"] != "file":
            raise NotAFile(f"{redact_url(url)} is not a file")
        return _Source(
            int(info["size"]),
            _version(info),
            lambda: fs.open(path, "rb", block_size=_READ_AHEAD, cache_type="readahead"),
            lambda: _version(fs.info(path)),
        )

    return with_filesystem(url, look)


def _version(info: dict[str, Any]) -> str | None:
    return None if version_of(info) is None else file_state(info).version


def _in_store(store: Store, name: str, *, again: bool) -> _Source:
    """Return a file that is read in the way that the storage reads its own."""
    state = store.state(name)
    if state is None:
        raise FileNotFoundError(name)
    found: FileState = state

    def look_again() -> str | None:
        now = store.state(name)
        return now.version if now else None

    return _Source(
        found.size,
        found.version,
        lambda: store.open(name, found),
        look_again if again else None,
    )


def with_filesystem(url: str, work: Callable[[Any, str], T]) -> T:
    """Return what `work` does with the file system of a URL and the path in it.

    A file system keeps its connection, which the server may have closed meanwhile; then it is done
    once more with a new one.
    """
    fs, path = open_filesystem(url)
    try:
        return work(fs, path)
    except (UpstreamError, FileNotFoundError, PermissionError, ValueError):
        raise
    except Exception:
        if fs.async_impl:  # it has many connections, and replaces closed ones itself
            raise
        type(fs).clear_instance_cache()
        return work(*open_filesystem(url))


@contextmanager
def errors_explained(shown: str) -> Iterator[None]:
    """Turn the errors of any file system into UpstreamErrors, without what they may quote."""
    try:
        yield
    except UpstreamError:
        raise
    except StoreError as error:
        raise (TransientError if error.may_pass else PermanentError)(str(error)) from None
    except (FileNotFoundError, NotADirectoryError):
        raise NotAFile(f"{shown} does not exist") from None
    except PermissionError:
        raise PermanentError(f"{shown} may not be read") from None
    except FileChanged:
        raise TransientError(f"{shown} was replaced while it was being opened") from None
    except (ImportError, ValueError) as error:
        raise PermanentError(f"{shown} cannot be read here: {redact_url(str(error))}") from None
    except Exception as error:  # each file system has its own words for a lost connection
        raise TransientError(f"{shown} cannot be reached: {type(error).__name__}") from None


def _unchanged(blocks: Iterator[bytes], source: _Source, shown: str) -> Iterator[bytes]:
    """Pass on the blocks; after the last one, make sure that the file is the one it was."""
    yield from blocks
    if source.look_again is None or source.version is None:
        return
    with errors_explained(shown):
        now = source.look_again()
    if now != source.version:
        raise TransientError(f"{shown} was changed while it was being read")


def _blocks(file: BinaryIO, limits: Limits, shown: str) -> Iterator[bytes]:
    pace = Pace(limits.least_speed, limits.read)
    while True:
        begun = time.monotonic()
        try:
            block = file.read(BLOCK_BYTES)
            pace.received(len(block))
            pace.waited(time.monotonic() - begun)
        except TooSlow:
            raise TransientError(f"{shown} comes too slowly: gave it up") from None
        except FileChanged:
            raise TransientError(f"{shown} was replaced while it was being read") from None
        except StoreError as error:
            raise TransientError(str(error)) from None
        except OSError as error:
            reason = error.strerror or "input/output"
            raise TransientError(f"{shown} cannot be read: {reason}") from None
        except Exception as error:  # each file system has its own words for a lost connection
            raise TransientError(f"{shown} cannot be read: {type(error).__name__}") from None
        if not block:
            return
        yield block
