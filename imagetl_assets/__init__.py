"""Bundles of images to stored frames and animated GIFs, as Dagster assets on a Dask cluster."""

import warnings

# Beta and preview features of Dagster that are used knowingly; each process would be told of them.
for _feature in ("Parameter `backfill_policy` of", "Specifying a partitions_def on an AssetCheck"):
    warnings.filterwarnings("ignore", message=_feature)
