"""What has to be in the object store before anything can run: buckets, and something to run."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from deploy.trial.errors import TrialError

SAMPLE = "sample.img"


def prepare(settings: Mapping[str, str]) -> None:
    """Create the buckets that are not there, and put a sample bundle upstream if that is one.

    Raises:
        TrialError: the store cannot be used.
    """
    from s3fs import S3FileSystem

    from imagetl_assets.sample import write_sample

    endpoint, upstream = settings["AWS_ENDPOINT_URL"], settings["IMAGETL_UPSTREAM"]
    store = S3FileSystem(
        endpoint_url=endpoint,
        key=settings.get("AWS_ACCESS_KEY_ID"),
        secret=settings.get("AWS_SECRET_ACCESS_KEY"),
    )
    urls = [url for url in (settings["IMAGETL_STORAGE"], upstream) if url.startswith("s3://")]
    try:
        for bucket in {settings["IMAGETL_LOGS_BUCKET"], *(urlsplit(url).netloc for url in urls)}:
            if not store.exists(bucket):
                store.mkdir(bucket)
        sample = f"{upstream}/{SAMPLE}"
        if upstream.startswith("s3://") and not store.exists(sample):
            with store.open(sample, "wb") as file:
                write_sample(file, 27)
    except Exception as error:
        raise TrialError(f"the object store at {endpoint} cannot be used: {error}") from error
