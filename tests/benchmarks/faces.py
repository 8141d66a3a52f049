"""Small trees of real faces for the tests of this folder."""

from __future__ import annotations

import shutil
from pathlib import Path


def tree(shared: Path, folder: Path, counts: dict[str, int], split: str = "val", start: int = 0) -> Path:
    """`folder`/real, /fake_sg2, /fake_sg3 with so many images of faces256/`split`."""
    for source, name in (("real", "real"), ("stylegan2", "fake_sg2"), ("stylegan3", "fake_sg3")):
        if n := counts.get(source, 0):
            (folder / name).mkdir(parents=True)
            files = sorted((shared / "data" / "faces256" / split / source).glob("*.png"))
            for file in files[start : start + n]:
                shutil.copy(file, folder / name)
    return folder
