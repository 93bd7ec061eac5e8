"""An address that is none is told at once."""

from __future__ import annotations

import pytest

from imagetl_assets.dask_executor.clusters.connecting import connect
from imagetl_assets.dask_executor.clusters.errors import DaskClusterError


@pytest.mark.parametrize("address", ["nonsense", "tcp://host", "host:port", "", "tcp://"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with (
        pytest.raises(DaskClusterError, match="is not the address of a Dask scheduler"),
        connect(address, 1),
    ):
        pass
