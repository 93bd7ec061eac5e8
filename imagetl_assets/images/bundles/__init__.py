"""The kinds of bundles: one file for each, and one line for it in `KINDS`."""

from imagetl_assets.images.bundles.animation import Animation
from imagetl_assets.images.bundles.four_newlines import FourNewlines
from imagetl_assets.images.bundles.kind import BundleKind
from imagetl_assets.images.bundles.tar import Tar
from imagetl_assets.images.bundles.video import Video
from imagetl_assets.images.bundles.zip import Zip

KINDS: tuple[BundleKind, ...] = (Zip(), Tar(), Video(), Animation(), FourNewlines())
"""All kinds, in the order in which they are asked; the last one also gets what nobody takes."""

KINDS_BY_NAME = {kind.name: kind for kind in KINDS}
