"""Where results are kept: a folder or a bucket. A file is written as a whole or not at all."""

from imagetl_assets.storage.base import FileChanged, FileState, Store, StoreError
from imagetl_assets.storage.resource import ImageStorage
from imagetl_assets.storage.store_kinds import open_store, root_name

__all__ = [
    "FileChanged",
    "FileState",
    "ImageStorage",
    "Store",
    "StoreError",
    "open_store",
    "root_name",
]
