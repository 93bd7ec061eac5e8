"""dagster-dask with this project's executor in the place of its own."""

from importlib.metadata import distribution
from pathlib import Path

_real = Path(str(distribution("dagster-dask").locate_file("dagster_dask")))
__path__.append(str(_real))
exec((_real / "__init__.py").read_text())

from imagetl_assets.dask_executor import dask_executor as dask_executor  # noqa: E402
