"""Variables of the environment that a command looks at before it starts anything.

Otherwise, what imports the definitions would end with a traceback.
"""

from __future__ import annotations

import click

from imagetl_assets.cli.option_types import check_scheduler
from imagetl_assets.settings import scheduler_address, wanted_films


def check_clips() -> None:
    """Raise click.ClickException if `IMAGETL_CLIPS` names a clip that there is not."""
    try:
        wanted_films()
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def check_videos() -> None:
    """Raise click.ClickException if a clip that is wanted is a video, and nothing here encodes it.

    Workers of a cluster that is there already may have what encodes it.
    """
    if not (wanted := wanted_films()):
        return
    from imagetl_assets.images.outputs import FILMS

    videos = [film.name for film in FILMS if film.name in wanted and not film.can_be_made]
    if videos:
        raise click.ClickException(
            f"{' and '.join(videos)} cannot be made here, because PyAV is not installed: "
            "pip install 'imagetl-assets[video]'"
        )


def check_scheduler_address() -> None:
    """Raise click.ClickException if `DASK_SCHEDULER_ADDRESS` holds none.

    The option is checked as all options are.
    """
    address = scheduler_address()
    if address is None:
        return
    try:
        check_scheduler(address)
    except ValueError as error:
        raise click.ClickException(f"DASK_SCHEDULER_ADDRESS: {error}") from None
