"""What all assets have in common."""

from collections.abc import Sequence

GROUP = "images"
OWNERS: Sequence[str] = ["team:data-platform"]

# A tag with this prefix is one of an asset's kinds, where there is no other way to set them.
KIND_PREFIX = "dagster/kind/"
