"""Bundles of images to stored frames and animated GIFs, as Dagster assets on a Dask cluster."""
