"""What tells one version of a file from another, on a disk and in the words of any file system."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

from imagetl_assets.storage.base import FileState

# What follows from the content, in the order of trust; then what follows from the time. These are
# the words of the file systems that fsspec knows: S3, Azure, Google, WebDAV, GitHub, Hugging Face,
# tar, zip, git, Dropbox, Google Drive, FTP, SFTP, SMB, HDFS, Databricks, Box and others.
_CONTENT = (
    *("ETag", "etag", "md5Hash", "md5Checksum", "md5", "content_md5", "contentMd5"),
    *("content_hash", "contentHash", "checksum", "crc32c", "CRC", "sha256", "sha1", "sha", "hex"),
    *("blob_id", "oid", "generation", "version_id", "versionId"),
)
_TIME = (
    *("mtime", "modify", "LastModified", "last_modified", "lastModified", "Last-Modified"),
    *("modified", "modified_at", "modifiedTime", "modificationTime", "modification_time"),
    *("server_modified", "timeModified", "updated", "updated_at", "last_commit", "last_write_time"),
    *("date_time", "created", "created_at", "createdTime", "creation_time", "timeCreated"),
)

_SAMPLE_BYTES = 4096
_NS = 1_000_000_000


def version_of(info: Mapping[str, Any]) -> str | None:
    """Return what changes with a file, of what fsspec says of it; None if that is its size only."""
    for name in (*_CONTENT, *_TIME):
        if value := info.get(name):
            return str(value)
    return None


def file_state(info: Mapping[str, Any]) -> FileState:
    """Return size and version from what fsspec says of a file, be it any file system's words."""
    return FileState(int(info["size"]), f"{info['size']}-{version_of(info) or ''}")


def local_state(file: BinaryIO) -> FileState:
    """Return size and version of a file on a disk, which is open at its beginning and stays there.

    The version is the same on every host that shares the file, by whatever protocol, and for a copy
    that keeps the time. So it has no inode, which differs, and no parts of a second, which SFTP and
    others leave out. It has the second, and a digest of three samples: the file's first, middle and
    last 4 KiB.

    One change is not noticed: a file is replaced in the same second by one of the same size, which
    differs from it only outside of these samples.
    """
    stat = os.fstat(file.fileno())
    digest = hashlib.blake2b(digest_size=8)
    for offset in _sample_offsets(stat.st_size):
        file.seek(offset)
        digest.update(file.read(_SAMPLE_BYTES))
    file.seek(0)
    second = stat.st_mtime_ns // _NS
    return FileState(stat.st_size, f"{stat.st_size}-{second}-{digest.hexdigest()}")


def _sample_offsets(size: int) -> list[int]:
    if size <= 3 * _SAMPLE_BYTES:
        return list(range(0, size, _SAMPLE_BYTES))
    return [0, (size - _SAMPLE_BYTES) // 2, size - _SAMPLE_BYTES]
