"""The command line: `imagetl run`, `imagetl dev`, `imagetl pack` and `imagetl sample`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from imagetl_assets.cli.run_options import add_run_options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; return the exit code, 0 or 1."""
    args = _parser().parse_args(argv)
    try:
        return int(args.command(args))
    except KeyboardInterrupt:
        print("imagetl: interrupted", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagetl", description="Bundles of images to stored frames and animated GIFs."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="take one bundle to a clip"))
    _add_dev(commands.add_parser("dev", help="Dask cluster, Dagster UI and daemon, until Ctrl-C"))
    _add_pack(commands.add_parser("pack", help="write the images of a folder as one bundle"))
    _add_sample(commands.add_parser("sample", help="write a synthetic bundle"))
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Download a bundle, store its frames and make them a clip. Results go to IMAGETL_STORAGE "
        "(default: the folder 'storage' here), in a folder of the bundle's name."
    )
    parser.add_argument(
        "source",
        nargs="?",
        metavar="NAME|URL|FILE|FOLDER",
        help=(
            "the bundle: a name in IMAGETL_UPSTREAM, a URL, a file, or a folder of images, or a "
            "pattern of them such as 'shots/*.jpg' (default: a bundled sample)"
        ),
    )
    parser.add_argument(
        "--name", help="partition key, and folder of the results (default: the bundle's name)"
    )
    add_run_options(parser)
    parser.add_argument("--verbose", action="store_true", help="log everything, show tracebacks")
    parser.set_defaults(command=_run)


def _add_dev(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Start a Dask cluster, the Dagster UI and the Dagster daemon, say where they are, and stop "
        "all of them on Ctrl-C."
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1; there are no passwords)",
    )
    parser.add_argument("--port", type=int, default=3000, help="of the UI (default: 3000)")
    parser.add_argument(
        "--dashboard-port", type=int, default=8787, help="of the Dask dashboard (default: 8787)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="workers of the Dask cluster")
    parser.set_defaults(command=_dev)


def _add_pack(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write the images of a folder, of a pattern such as 'shots/*.jpg', or below the prefix of "
        "a bucket as one bundle, with four newlines between them."
    )
    parser.add_argument("source", metavar="FOLDER")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")
    parser.add_argument("--include", metavar="PATTERN", help="take files like this only: '*.jpg'")
    parser.set_defaults(command=_pack)


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write a bundle of synthetic frames, the same bytes every time."
    parser.add_argument("-n", "--frames", type=int, default=27, help="number of frames")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")
    parser.add_argument("--width", type=int, default=320, help="in pixels")
    parser.add_argument("--height", type=int, default=240, help="in pixels")
    parser.set_defaults(command=_sample)


def _run(args: argparse.Namespace) -> int:
    from imagetl_assets.cli.run import run

    return run(args.source, vars(args), name=args.name, verbose=args.verbose)


def _dev(args: argparse.Namespace) -> int:
    from imagetl_assets.cli.dev import DevOptions, dev

    return dev(DevOptions(args.host, args.port, args.dashboard_port, args.workers))


def _pack(args: argparse.Namespace) -> int:
    from imagetl_assets.cli.pack import pack

    return pack(args.source, args.output, args.include)


def _sample(args: argparse.Namespace) -> int:
    from imagetl_assets.sample import write_sample

    try:
        with open(args.output, "wb") as file:
            write_sample(file, args.frames, width=args.width, height=args.height)
    except OSError as error:
        print(f"imagetl: cannot write {args.output}: {error.strerror}", file=sys.stderr)
        return 1
    return 0
