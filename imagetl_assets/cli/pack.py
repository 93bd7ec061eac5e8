"""`imagetl pack`: write the images of a folder as one bundle with four newlines between them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from imagetl_assets.redact import redact_url

if TYPE_CHECKING:
    from imagetl_assets.upstream.folder import Folder, Place

_SEPARATOR = b"\n\n\n\n"


def pack(source: str, output: str, include: str | None) -> int:
    """Write the bundle, say how many images it has, and return 0; or say why not, and return 1.

    Args:
        source: a folder, a pattern, or the prefix of a bucket.
        output: path of the bundle, which is replaced if it is there.
        include: as for `imagetl run`.
    """
    from imagetl_assets.upstream import UpstreamError
    from imagetl_assets.upstream.files import errors_explained
    from imagetl_assets.upstream.folder import no_images

    written = f"{output}.part"
    try:
        with errors_explained(source):
            folder = _place(source, include).look()
        if not folder.images:
            return _fail(no_images(folder, source))
        with open(written, "wb") as out:
            for data in _contents(folder):
                out.write(_SEPARATOR * bool(out.tell()))
                out.write(data)
        os.replace(written, output)
    except UpstreamError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"cannot write {output}: {error.strerror}")
    finally:
        with suppress(OSError):
            os.unlink(written)
    print(f"{len(folder.images):,} images in {output}")
    return 0


def _place(source: str, include: str | None) -> Place:
    """Return where the images are. Raises PermanentError if that can be no folder."""
    from imagetl_assets.upstream import PermanentError
    from imagetl_assets.upstream.folder import Place, find_place
    from imagetl_assets.upstream.urls import is_local, local_path, scheme_of

    if scheme_of(source) in ("http", "https"):
        raise PermanentError(
            f"{redact_url(source)} is not here: pack takes folders and the prefixes of buckets. "
            "imagetl run takes what a web server lists"
        )
    if is_local(source) and os.path.isfile(local_path(source)):
        raise PermanentError(f"{source} is a file, not a folder of images")
    return find_place(source, include) or Place(source, include=include)


def _contents(folder: Folder) -> Iterator[bytes]:
    from imagetl_assets.storage import open_store
    from imagetl_assets.storage.base import in_blocks
    from imagetl_assets.upstream.files import errors_explained

    store = open_store(folder.root, follow_links=True)
    for group in in_blocks(folder.images, lambda image: image.size):
        with errors_explained(folder.root):
            contents = list(store.read_many([image.name for image in group]))
        yield from contents


def _fail(problem: str) -> int:
    print(f"imagetl: {problem}", file=sys.stderr)
    return 1
