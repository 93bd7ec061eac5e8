"""Images as bytes: find them in a bundle, turn them into GIF, join them into one animation.

Pure functions over bytes and file objects. Nothing here knows of Dagster, Dask or a network, and
Pillow and numpy are imported only where pixels are needed.
"""
