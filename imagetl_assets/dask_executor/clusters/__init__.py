"""Dask clusters: which kinds there are, how one is started or found, and how a run uses it.

- `kinds`: the table of cluster kinds; to add one, add a row
- `starting`: starts a cluster of a kind
- `connecting`: connects to a scheduler, or says what is wrong
- `wanted`: which cluster a run asks for
- `opening`: puts these together, for the time of a run
- `cluster`: hands batches to Dask, and hears what becomes of them
- `heartbeats`: which workers the scheduler has heard nothing of
- `news`: what can be heard
- `worker_settings`: how workers are set that are started here
"""
