"""`imagetl remove`: remove a file with all that is stored of it."""

from __future__ import annotations

import click

from imagetl_assets.cli.instance import open_instance
from imagetl_assets.names import InvalidName, check_partition_key


def remove(key: str, *, ask: bool) -> int:
    """Remove a partition and its folder; return 0.

    Args:
        key: of the partition.
        ask: whether the user has to confirm it.

    Raises:
        click.ClickException: there is no such file, or it cannot be removed.
    """
    from imagetl_assets.removal import CannotRemove, is_there, remove_file
    from imagetl_assets.settings import storage_root
    from imagetl_assets.storage import StoreError, open_store

    try:
        check_partition_key(key)
        store = open_store(storage_root())
        with open_instance() as instance:
            if not is_there(instance, store, key):
                raise click.ClickException(
                    f"there is no {key} in {store.root}, nor among the partitions"
                )
            if ask:
                click.confirm(f"Remove {key} and all of {store.root}/{key}?", abort=True)
            remove_file(instance, store, key)
    except (InvalidName, CannotRemove, StoreError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except click.Abort:
        raise click.ClickException("nothing was removed") from None
    click.echo(f"{key} is removed")
    return 0
