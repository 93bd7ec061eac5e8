"""The flow that this project replaces, as in its notebook: Prefect 0.15.6 and Dask 2.20."""

from __future__ import annotations

import datetime
import os
from contextlib import contextmanager
from io import BytesIO
from typing import Iterator, List  # noqa: UP035  # Prefect evaluates annotations, on Python 3.8

import imageio
import prefect
from dask.distributed import Client
from prefect import Flow, Parameter, task
from prefect.engine.signals import SKIP
from prefect.executors import DaskExecutor
from prefect.tasks.shell import ShellTask

from benchmarks.peers.turns import Run, take_turns


@task
def curl_cmd(url: str, fname: str) -> str:
    if os.path.exists(fname):
        raise SKIP("Image data file already exists.")
    return f"curl -fL -o {fname} {url}"


download = ShellTask(name="curl_task", max_retries=2, retry_delay=datetime.timedelta(seconds=10))


@task(skip_on_upstream_skip=False)
def load_and_split(fname: str) -> List[bytes]:  # noqa: UP006
    with open(fname, "rb") as f:
        images = f.read()
    return [img for img in images.split(b"\n" * 4) if img]


@task
def write_to_disk(image: bytes) -> bytes:
    frame_no = prefect.context.get("map_index")
    with open(f"frame_{frame_no:0=2d}.gif", "wb") as f:
        f.write(image)
    return image


@task
def combine_to_gif(image_bytes: List[bytes]) -> None:  # noqa: UP006
    images = [imageio.imread(BytesIO(image)) for image in image_bytes]
    imageio.mimsave("./clip.gif", images)


DATA_URL = Parameter("DATA_URL")
DATA_FILE = Parameter("DATA_FILE", default="image-data.img")

with Flow("Image ETL") as flow:
    command = curl_cmd(DATA_URL, DATA_FILE)
    curl = download(command=command)
    images = load_and_split(fname=DATA_FILE, upstream_tasks=[curl])
    frames = write_to_disk.map(images)
    result = combine_to_gif(frames)


@contextmanager
def prepared() -> Iterator[Run]:
    with Client(n_workers=2, threads_per_worker=1) as client:
        executor = DaskExecutor(address=client.scheduler.address)

        def run(url: str) -> None:
            state = flow.run(executor=executor, DATA_URL=url)
            assert state.is_successful(), state

        yield run


if __name__ == "__main__":
    take_turns(prepared)
