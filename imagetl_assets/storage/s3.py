"""A bucket with the S3 API as a store."""

from __future__ import annotations

import errno
import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from imagetl_assets.names import RESERVED_FOLDER
from imagetl_assets.storage.base import FileChanged, FileState
from imagetl_assets.storage.remote import REQUEST_THREADS, RemoteStore

_ATTEMPTS = 6
_PAUSE = 0.2  # seconds; doubled at each attempt

# How stores refuse to copy more than 5 GB at once (InvalidRequest, EntityTooLarge).
_TOO_LARGE = (errno.EINVAL, errno.EMSGSIZE)


class S3Store(RemoteStore):
    """Files in a bucket, read and listed with as few requests as possible.

    The answer to a request for a range tells the version of the file too, so it is not asked for.
    """

    def _state(self, path: str) -> FileState:
        # A HEAD request would do, but some stores answer it with a body if there is no file, and
        # then the next request on the same connection fails.
        try:
            _, state = self._get(path, 0, 1)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return self._state_of_empty(path)
        return state

    def _state_of_empty(self, path: str) -> FileState:
        """Return the state of a file of which no range can be had: it is, or was, empty."""
        bucket, key, _ = self._fs.split_path(path)
        answer = self._fs.call_s3("get_object", Bucket=bucket, Key=key)
        answer["Body"].close()
        return _state_of(answer)

    def _read_range(self, path: str, start: int, end: int, version: str) -> bytes:
        try:
            data, state = self._get(path, start, end)
        except OSError as error:
            # Perhaps the file was replaced by one that is too short for the range.
            if error.errno == errno.EINVAL and self._state(path).version != version:
                raise FileChanged(path) from None
            raise
        if state.version != version:
            raise FileChanged(path)
        return data

    def _get(self, path: str, start: int, end: int) -> tuple[bytes, FileState]:
        """Return a range of a file, and the file's state.

        botocore and s3fs repeat what fails before the body begins. A body that is cut off is asked
        for again here.
        """
        from aiohttp import ClientError
        from fsspec.asyn import sync
        from s3fs.core import S3_RETRYABLE_ERRORS

        bucket, key, _ = self._fs.split_path(path)
        for pause in _pauses():
            answer = self._fs.call_s3(
                "get_object", Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}"
            )
            body = answer["Body"]
            try:
                return sync(self._fs.loop, body.read), _state_of(answer)
            except (*S3_RETRYABLE_ERRORS, ClientError):
                if pause is None:
                    raise
                time.sleep(pause)
            finally:
                body.close()
        raise AssertionError("the last attempt returns or raises")

    def _copy(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        # Not `copy` of s3fs, which asks for the size of each file first, by HEAD: see `_state`.
        def copy(source: str, target: str) -> None:
            from_bucket, from_key, _ = self._fs.split_path(source)
            bucket, key, _ = self._fs.split_path(target)
            place = {"Bucket": from_bucket, "Key": from_key}
            try:
                self._fs.call_s3("copy_object", Bucket=bucket, Key=key, CopySource=place)
            except OSError as error:
                if error.errno not in _TOO_LARGE:
                    raise
                self._fs.cp_file(source, target)  # in parts, as it is more than 5 GB

        with ThreadPoolExecutor(REQUEST_THREADS) as pool:
            list(pool.map(copy, sources, targets))

    @cached_property
    def creates_only_new(self) -> bool:  # type: ignore[override]
        """Whether the store knows `If-None-Match: *`, which some pay no attention to.

        It is asked to create a file twice.
        """
        path = self._full(f"{RESERVED_FOLDER}/probe-{uuid.uuid4().hex[:12]}")
        try:
            self._fs.pipe_file(path, b"", mode="create")
            self._fs.pipe_file(path, b"", mode="create")
        except FileExistsError:
            return True
        except OSError:
            return False  # what is really wrong shows when something is written
        finally:
            self._delete([path])
        return False

    def _create_many(self, files: Mapping[str, bytes]) -> None:
        def create(path: str, data: bytes) -> None:
            try:
                self._fs.pipe_file(path, data, mode="create")
            except FileExistsError:
                if self._fs.cat_file(path) != data:
                    raise

        with ThreadPoolExecutor(REQUEST_THREADS) as pool:
            list(pool.map(create, files.keys(), files.values()))

    def _files(self, folder: str) -> list[str]:
        return [
            f"{self._fs.split_path(folder)[0]}/{entry['Key']}"
            for page in self._pages(folder)
            for entry in page.get("Contents", [])
        ]

    def _folders(self, parent: str) -> list[str]:
        return [
            entry["Prefix"].rstrip("/").rpartition("/")[2]
            for page in self._pages(parent, Delimiter="/")
            for entry in page.get("CommonPrefixes", [])
        ]

    def _pages(self, folder: str, **options: str) -> Iterator[dict[str, Any]]:
        bucket, key, _ = self._fs.split_path(folder)
        more = True
        while more:
            page = self._fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=f"{key}/", **options)
            yield page
            more = page.get("IsTruncated", False)
            options["ContinuationToken"] = page.get("NextContinuationToken", "")


def _state_of(answer: dict[str, Any]) -> FileState:
    """Return the state of the whole file from the answer to a request for it, or a range of it."""
    size = int(answer.get("ContentRange", "").rpartition("/")[2] or answer["ContentLength"])
    return FileState(size, f"{size}-{answer['ETag']}")


def _pauses() -> Iterator[float | None]:
    """Yield how long to wait after each attempt that fails; after the last, None."""
    for attempt in range(_ATTEMPTS - 1):
        yield random.uniform(0.5, 1) * _PAUSE * 2**attempt
    yield None
