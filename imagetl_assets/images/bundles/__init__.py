"""The kinds of bundles: one file for each, and one line for it in `KINDS`."""

from imagetl_assets.images.bundles.four_newlines import FourNewlines
from imagetl_assets.images.bundles.kind import BundleKind

KINDS: tuple[BundleKind, ...] = (FourNewlines(),)
"""All kinds, in the order in which they are asked; the last one also gets what nobody takes."""
