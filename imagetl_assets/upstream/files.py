"""Upstream files in a folder, or wherever fsspec can reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import urlsplit

from imagetl_assets.redact import redact_url
from imagetl_assets.storage import FileChanged, FileState, StoreError, open_store
from imagetl_assets.storage.filesystem import S3_SCHEMES, open_filesystem
from imagetl_assets.storage.remote import file_state
from imagetl_assets.upstream.base import BLOCK_BYTES, Known, Limits, UpstreamFile, all_of
from imagetl_assets.upstream.errors import PermanentError, TransientError, UpstreamError

_READ_AHEAD = 8 * 1024 * 1024


@contextmanager
def open_file(url: str, known: Known, limits: Limits) -> Iterator[UpstreamFile | None]:
    """Open the file at a path or fsspec URL, or yield None if it is still the known one.

    Raises:
        UpstreamError: see there.
    """
    shown = redact_url(url)
    opened = _open(url, known, shown)
    if opened is None:
        yield None
        return
    file, state = opened
    with file:
        blocks = all_of(_blocks(file, shown), state.size, limits, shown)
        yield UpstreamFile(blocks, state.size, state.version, None)


def list_folder(url: str) -> dict[str, str]:
    """Return name and version of each file directly in a folder or under a prefix.

    Raises:
        UpstreamError: see there.
    """
    with _errors_explained(redact_url(url)):
        fs, path = open_filesystem(url)
        entries = fs.ls(path, detail=True)
        return {
            entry["name"].rpartition("/")[2]: file_state(entry).version
            for entry in entries
            if entry["type"] == "file"
        }


def _open(url: str, known: Known, shown: str) -> tuple[BinaryIO, FileState] | None:
    with _errors_explained(shown):
        if urlsplit(url).scheme in S3_SCHEMES:
            return _open_object(url, known)
        fs, path = open_filesystem(url)
        info = fs.info(path)
        if info["type"] != "file":
            raise PermanentError(f"{shown} is not a file")
        state = file_state(info)
        if known.etag == state.version:
            return None
        return fs.open(path, "rb", block_size=_READ_AHEAD, cache_type="readahead"), state


def _open_object(url: str, known: Known) -> tuple[BinaryIO, FileState] | None:
    """Open a file in a bucket in the way that the storage does."""
    folder, _, name = url.rpartition("/")
    store = open_store(folder)
    state = store.state(name)
    if state is None:
        raise FileNotFoundError(url)
    return None if known.etag == state.version else (store.open(name, state), state)


@contextmanager
def _errors_explained(shown: str) -> Iterator[None]:
    """Turn the errors of any file system into UpstreamErrors, without what they may quote."""
    try:
        yield
    except UpstreamError:
        raise
    except StoreError as error:
        raise (TransientError if error.may_pass else PermanentError)(str(error)) from None
    except FileNotFoundError:
        raise PermanentError(f"{shown} does not exist") from None
    except PermissionError:
        raise PermanentError(f"{shown} may not be read") from None
    except (ImportError, ValueError) as error:
        raise PermanentError(f"{shown} cannot be read here: {redact_url(str(error))}") from None
    except Exception as error:  # each file system has its own words for a lost connection
        raise TransientError(f"{shown} cannot be reached: {type(error).__name__}") from None


def _blocks(file: BinaryIO, shown: str) -> Iterator[bytes]:
    while True:
        try:
            block = file.read(BLOCK_BYTES)
        except FileChanged:
            raise TransientError(f"{shown} was replaced while it was being read") from None
        except StoreError as error:
            raise TransientError(str(error)) from None
        except OSError as error:
            reason = error.strerror or "input/output"
            raise TransientError(f"{shown} cannot be read: {reason}") from None
        if not block:
            return
        yield block
