"""The one type of dagster-pandas that a test needs: that package does not fit a pandas of today."""

from typing import Any

import pandas
from dagster import (
    PythonObjectDagsterType,
    Selector,
    StringSource,
    dagster_type_loader,
)


@dagster_type_loader(Selector({"csv": {"path": StringSource}}))
def _load(_context: Any, config: Any) -> pandas.DataFrame:
    return pandas.read_csv(config["csv"]["path"])


DataFrame = PythonObjectDagsterType(pandas.DataFrame, name="PandasDataFrame", loader=_load)
