"""Images for the examples: from the folder in HPOPT_DATA, or from the network by keras.datasets.

The folder, or its subfolder images, holds

- mnist.npz, as keras.datasets keeps it: x_train, y_train, x_test, y_test;
- cifar10.npz with the same four arrays, or parts cifar10_train_1.npz … cifar10_test.npz, whose
  images are packed as WebP;
- train_catvnoncat.h5 and test_catvnoncat.h5, which are not in keras.datasets.
"""

import io
import os
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

COURSE = "the first course of https://www.coursera.org/specializations/deep-learning (week 4)"


def mnist():
    """Give 60,000 and 10,000 handwritten digits of 28 × 28 pixels, and their labels."""
    path = found("mnist.npz")
    return from_keras("mnist") if path is None else arrays(path)


def cifar10():
    """Give 50,000 and 10,000 photographs of 32 × 32 pixels of ten kinds of things."""
    path = found("cifar10.npz")
    if path is not None:
        return arrays(path)
    parts = [
        found(f"cifar10_{part}.npz") for part in (*(f"train_{k}" for k in range(1, 6)), "test")
    ]
    if None in parts:
        return from_keras("cifar10")
    said(parts[0].parent)
    unpacked = [unpack(part) for part in parts]
    training = tuple(np.concatenate(each) for each in zip(*unpacked[:-1], strict=True))
    return training, unpacked[-1]


def cat_vs_noncat():
    """Give 209 and 50 photographs of 64 × 64 pixels, and 1 for each that is of a cat."""
    import h5py

    parts = []
    for part in ("train", "test"):
        path = found(f"{part}_catvnoncat.h5")
        if path is None:
            sys.exit(
                f"no images: {part}_catvnoncat.h5 must be in the folder that HPOPT_DATA names, "
                f"but HPOPT_DATA is {os.environ.get('HPOPT_DATA')!r}. No library brings these "
                f"images; they belong to {COURSE}"
            )
        with h5py.File(path) as file:
            parts.append((file[f"{part}_set_x"][:], file[f"{part}_set_y"][:]))
    said(path.parent)
    return tuple(parts)


def found(name):
    """Give the path of a file in the folder of HPOPT_DATA; None where it is not there."""
    folder = os.environ.get("HPOPT_DATA")
    if not folder:
        return None
    paths = (Path(folder) / name, Path(folder) / "images" / name)
    return next((path for path in paths if path.is_file()), None)


def arrays(path):
    """Read the four arrays of a file."""
    said(path)
    with np.load(path) as file:
        return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])


def unpack(path):
    """Read a part of CIFAR-10 whose images are packed as WebP."""
    try:
        from PIL import Image
    except ImportError:
        sys.exit(f"Pillow is needed to read {path}: pip install pillow")
    with np.load(path) as file:
        packed, offsets, labels = file["webp"].tobytes(), file["offsets"], file["labels"]
    images = [
        np.asarray(Image.open(io.BytesIO(packed[start:stop]))) for start, stop in pairwise(offsets)
    ]
    return np.stack(images), labels


def from_keras(name):
    """Let Keras download images, once; later it reads them from ~/.keras/datasets."""
    import keras

    try:
        parts = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare one
        sys.exit(
            f"no images: keras.datasets.{name} could not be downloaded ({error}). Run it once with "
            "a network, which keeps them in ~/.keras/datasets; or set HPOPT_DATA to a folder that "
            f"has {name}.npz with x_train, y_train, x_test, y_test"
        )
    print(f"images: keras.datasets.{name}")
    return tuple((x, y.ravel()) for x, y in parts)


def said(source):
    print(f"images: {source} (HPOPT_DATA)")
