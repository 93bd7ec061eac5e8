"""Where results are kept: a folder or a bucket, with writes that are all or nothing."""

from imagetl_assets.storage.base import FileChanged, FileState, Store
from imagetl_assets.storage.resource import ImageStorage, open_store

__all__ = ["FileChanged", "FileState", "ImageStorage", "Store", "open_store"]
