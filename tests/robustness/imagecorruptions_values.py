"""Writes imagecorruptions.npz, what the package imagecorruptions makes of an image; by hand, where it is installed.

    pip install imagecorruptions-imaug==1.1.5 && python tests/robustness/imagecorruptions_values.py

Every family is computed after `numpy.random.seed(SEED)`; two families that draw from generators of their own get the
seed there: impulse noise from scikit-image's, glass blur from NumPy's (its function is called without Numba).
"""

from pathlib import Path

import numpy as np

SEED = 7
KEPT = 200  # pixels of each image
FILE = Path(__file__).with_name("imagecorruptions.npz")
HEIGHT, WIDTH = 44, 60


def drawn_image() -> np.ndarray:
    """Coloured and grey ramps, a black and a white square, and fine noise: (44, 60, 3) uint8."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    image = np.dstack([rows * 5, columns * 4, 255 - rows * 2 - columns * 2]).astype(float)
    image[:, 45:] = (rows * 4)[:, 45:, None]
    image += np.random.RandomState(1).uniform(-12, 12, image.shape)
    image[4:12, 4:12] = 0
    image[20:30, 10:24] = 255
    image[34:40, 48:56] = 120
    return np.clip(image, 0, 255).astype(np.uint8)


def main() -> None:
    """Write the file."""
    import numba
    from imagecorruptions import corrupt, corruptions, get_corruption_names

    jitted = corruptions._shuffle_pixels_njit_glass_blur
    assert isinstance(jitted, numba.core.dispatcher.Dispatcher)
    corruptions._shuffle_pixels_njit_glass_blur = jitted.py_func
    places = np.random.RandomState(2).choice(HEIGHT * WIDTH, KEPT, replace=False)
    values = {}
    for family in get_corruption_names("all"):
        if family in ("frost", "spatter"):
            continue
        own = {"seed": SEED} if family in ("impulse_noise", "glass_blur") else {}
        for severity in range(1, 6):
            np.random.seed(SEED)
            corrupted = corrupt(drawn_image(), severity, family, **own)
            values[f"{family}_{severity}"] = corrupted.reshape(-1, 3)[places]
    np.savez_compressed(FILE, image=drawn_image(), places=places, **values)


if __name__ == "__main__":
    main()
