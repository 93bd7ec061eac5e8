"""How close pictures are to others: PSNR and SSIM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import PIL.Image

_SIDE = 8  # pixels, of the windows of SSIM


def psnr(one: PIL.Image.Image, other: PIL.Image.Image) -> float:
    """Return the peak signal-to-noise ratio of two RGB pictures, in dB."""
    import numpy as np

    error = float(((_values(one) - _values(other)) ** 2).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def ssim(one: PIL.Image.Image, other: PIL.Image.Image) -> float:
    """Return the structural similarity of two RGB pictures, 1 if they are the same.

    It is the mean of all windows of 8 x 8 pixels of all channels (Wang, Bovik, Sheikh and
    Simoncelli, "Image quality assessment: from error visibility to structural similarity", 2004).
    """
    a, b = _values(one), _values(other)
    mean_a, mean_b = _means(a), _means(b)
    variance_a, variance_b = _means(a * a) - mean_a**2, _means(b * b) - mean_b**2
    covariance = _means(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similar = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    most = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float((similar / most).mean())


def _values(picture: PIL.Image.Image) -> Any:
    import numpy as np

    return np.asarray(picture.convert("RGB"), np.float64)


def _means(values: Any) -> Any:
    """Return the mean of each window of an array (height, width, channels)."""
    import numpy as np

    sums = np.pad(values, ((1, 0), (1, 0), (0, 0))).cumsum(0).cumsum(1)
    n = _SIDE
    return (sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]) / n**2
