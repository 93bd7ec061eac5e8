"""The original flow's tasks on Prefect 3 with prefect-dask."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import imageio.v2 as imageio
from distributed import LocalCluster
from prefect import flow, task
from prefect_dask import DaskTaskRunner

from benchmarks.peers.turns import Run, take_turns


@task(retries=2, retry_delay_seconds=10)
def download(url: str, fname: str) -> str:
    if not Path(fname).exists():
        urllib.request.urlretrieve(url, fname)
    return fname


@task
def load_and_split(fname: str) -> list[bytes]:
    return [image for image in Path(fname).read_bytes().split(b"\n" * 4) if image]


@task
def write_to_disk(number: int, image: bytes) -> bytes:
    Path(f"frame_{number:02}.gif").write_bytes(image)
    return image


@task
def combine_to_gif(images: list[bytes]) -> None:
    imageio.mimsave("clip.gif", [imageio.imread(BytesIO(image)) for image in images])


@flow
def image_etl(url: str, fname: str) -> None:
    images = load_and_split.submit(download.submit(url, fname)).result()
    frames = write_to_disk.map(list(range(len(images))), images)
    combine_to_gif.submit(frames).result()


@contextmanager
def prepared() -> Iterator[Run]:
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster:
        on_dask = image_etl.with_options(task_runner=DaskTaskRunner(cluster.scheduler_address))
        yield lambda url: on_dask(url, "image-data.img")


if __name__ == "__main__":
    take_turns(prepared)
