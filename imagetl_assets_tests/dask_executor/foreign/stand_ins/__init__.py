"""In the place of dagster-dask, dagster-celery and what they need, for their own tests.

See `libraries`.
"""
