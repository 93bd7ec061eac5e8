"""What can be said on the command line. What it does is in the modules that are imported here."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import click

from imagetl_assets.cli.interrupts import raised
from imagetl_assets.cli.option_types import Text, Whole, check_clips, check_folder, check_output
from imagetl_assets.cli.run_config import add_run_options

_SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100}
_output = click.option(
    "-o",
    "--output",
    type=Text(check_output),
    metavar="FILE",
    required=True,
    help="Where to write the bundle.",
)


@click.group(context_settings=_SETTINGS)
@click.version_option(package_name="imagetl-assets", prog_name="imagetl")
def imagetl() -> None:
    """Bundles of images to stored frames and animated GIFs."""


def _run(source: str | None, name: str | None, replace: bool, verbose: bool, **others: Any) -> int:
    """Take one bundle to a clip.

    SOURCE is a bundle: a file or a folder of images here, a pattern such as 'shots/*.jpg', a URL,
    or a name in IMAGETL_UPSTREAM. Without it, a bundled sample is used. The bundle is downloaded,
    its frames are stored, and they are made a clip. Results go to IMAGETL_STORAGE (the folder
    'storage' here, unless it is set), in a folder of the bundle's name.
    """
    from imagetl_assets.cli.run import Request, run

    clips = others.pop("clips")
    return run(Request(source, others, name, replace, clips, verbose))


imagetl.add_command(
    add_run_options(
        click.Command(
            "run",
            callback=_run,
            help=_run.__doc__,
            short_help="Take one bundle to a clip.",
            params=[
                click.Argument(["source"], required=False),
                click.Option(
                    ["--name"],
                    help="Partition key, and folder of the results.  [default: the bundle's name]",
                ),
                click.Option(
                    ["--replace"],
                    is_flag=True,
                    help="Replace results of another bundle that has the same name.",
                ),
                click.Option(
                    ["--clips"],
                    type=Text(check_clips),
                    metavar="webp,mp4,webm",
                    help="Clips to make beside the GIF.  [default: those of IMAGETL_CLIPS]",
                ),
                click.Option(
                    ["--verbose"], is_flag=True, help="Log everything, and show tracebacks."
                ),
            ],
        )
    )
)


@imagetl.command()
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    help="Address to listen on. There are no passwords.",
)
@click.option("--port", type=Whole(0, 65_535), metavar="PORT", default=3000, help="Port of the UI.")
@click.option(
    "--dashboard-port",
    type=Whole(0, 65_535),
    metavar="PORT",
    default=8787,
    help="Port of the Dask dashboard.",
)
@click.option(
    "--files-port",
    type=Whole(0, 65_535),
    metavar="PORT",
    default=3001,
    help="Port where the folder of the storage and the documentation can be read.",
)
@click.option(
    "--workers",
    type=Whole(min=1),
    metavar="N",
    default=min(4, os.cpu_count() or 1),
    help="Workers of the Dask cluster.",
)
def dev(host: str, port: int, dashboard_port: int, files_port: int, workers: int) -> int:
    """Run a Dask cluster, the Dagster UI and the Dagster daemon, until Ctrl-C."""
    from imagetl_assets.cli.dev import DevOptions
    from imagetl_assets.cli.dev import dev as run_dev

    return run_dev(DevOptions(host, port, dashboard_port, files_port, workers))


@imagetl.command()
@click.argument("folder", type=Text(check_folder))
@_output
@click.option("--include", metavar="PATTERN", help="Take files like this only: '*.jpg'.")
def pack(folder: str, output: str, include: str | None) -> int:
    """Write the images of a folder as one bundle, with four newlines between them.

    FOLDER may also be a pattern such as 'shots/*.jpg', or the prefix of a bucket.
    """
    from imagetl_assets.cli.pack import pack as pack_images

    with raised():
        return pack_images(folder, output, include)


@imagetl.command()
@click.option(
    "-n", "--frames", type=Whole(min=1), metavar="N", default=27, help="Number of frames."
)
@_output
@click.option("--width", type=Whole(1, 65_535), metavar="N", default=320, help="In pixels.")
@click.option("--height", type=Whole(1, 65_535), metavar="N", default=240, help="In pixels.")
def sample(frames: int, output: str, width: int, height: int) -> None:
    """Write a bundle of synthetic frames, the same bytes every time."""
    from imagetl_assets.images.decoding.limits import MAX_PIXELS
    from imagetl_assets.sample import write_sample

    if width * height > MAX_PIXELS:
        raise click.UsageError(
            f"--width and --height make {width * height:,} pixels, more than {MAX_PIXELS:,}"
        )
    part = f"{output}.part"
    try:
        with raised(), open(part, "wb") as file:
            write_sample(file, frames, width=width, height=height)
        os.replace(part, output)
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            os.unlink(part)


@imagetl.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask whether to go on.")
def remove(name: str, yes: bool) -> int:
    """Remove a file, with all that is stored of it.

    NAME is the partition key, which is the name of the upstream file. The upstream file itself
    stays where it is.
    """
    from imagetl_assets.cli.remove import remove as remove_file

    return remove_file(name, ask=not yes)
