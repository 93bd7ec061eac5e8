"""Only the work, as futures on a Dask cluster: as many tasks as the assets have mapped steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain

from distributed import Client, LocalCluster

from benchmarks.peers import plain_loop
from benchmarks.peers.turns import Run, take_turns
from imagetl_assets.mapped_steps import frames_per_step


def run(client: Client, url: str) -> None:
    client.submit(plain_loop.download, url, pure=False).result()
    spans = client.submit(plain_loop.find, pure=False).result()
    size = frames_per_step(len(spans))
    batches = [spans[start : start + size] for start in range(0, len(spans), size)]
    stored = client.gather(client.map(plain_loop.store, batches, pure=False))
    layouts = list(chain.from_iterable(stored))
    client.submit(plain_loop.assemble, spans, layouts, pure=False).result()


@contextmanager
def prepared() -> Iterator[Run]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1) as cluster,
        Client(cluster) as client,
    ):
        yield partial(run, client)


if __name__ == "__main__":
    take_turns(prepared)
