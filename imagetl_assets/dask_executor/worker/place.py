"""Which worker runs a batch, for messages and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from distributed import Worker


class Place(NamedTuple):
    """A worker.

    Attributes:
        name: that it was given, or its address.
        address: of it, such as `tcp://10.0.0.7:40123`.
        is_process: whether it is not the worker itself, but a process that it has started.
    """

    name: str
    address: str
    is_process: bool = False

    @staticmethod
    def of(worker: Worker) -> Place:
        """Return the place of a worker."""
        return Place(str(worker.name), worker.address)

    @property
    def worker(self) -> str:
        """The worker in words, such as `Dask worker large-1 (tcp://10.0.0.7:40123)`."""
        one_name = self.name == self.address
        return f"Dask worker {self.address if one_name else f'{self.name} ({self.address})'}"

    def __str__(self) -> str:
        """Return it in words, as the first ones of a sentence."""
        return f"The process of a step on {self.worker}" if self.is_process else self.worker
