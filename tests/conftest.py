"""Fixtures for the whole suite: the shared data, a home of one's own, one thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forensics.core.networks.store import networks_folder

if TYPE_CHECKING:
    import torch

    from forensics.corpus.photographs.data import TrainingImages

SHARED_MISSING = "needs the shared data folder (../shared beside the checkout, or FORENSICS_SHARED)"


def shared_folder() -> Path | None:
    """The folder with test photographs, reference numbers and InsightFace packs, or None."""
    candidate = Path(os.environ.get("FORENSICS_SHARED", Path(__file__).parents[2] / "shared"))
    return candidate if (candidate / "data" / "README.md").is_file() else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared data folder; a test that needs it is skipped where it is missing, and fails in CI."""
    folder = shared_folder()
    if folder is None:
        if os.environ.get("CI"):
            pytest.fail(f"in CI nothing is skipped: {SHARED_MISSING}")
        pytest.skip(SHARED_MISSING)
    return folder


@pytest.fixture(scope="session")
def forty_faces(shared: Path) -> torch.Tensor:
    """40 photographs framed as FFHQ is, float32 [40, 3, 256, 256] in [-1, 1]."""
    import numpy as np
    import torch

    from forensics.images import decode

    paths = sorted((shared / "data" / "faces256" / "val" / "real").iterdir())[:40]
    pixels = np.stack([decode(path).pixels for path in paths])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


@pytest.fixture(scope="session")
def photographs(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 20 photographs of faces, PNG, 24 px."""
    from forensics.corpus.photographs.loading import square
    from forensics.images import decode, encode_png

    folder = tmp_path_factory.mktemp("photographs")
    for path in sorted((shared / "data" / "wild128").glob("*.jpg"))[:20]:
        (folder / f"{path.stem}.png").write_bytes(encode_png(square(decode(path).pixels, 24)))
    return folder


@pytest.fixture(scope="session")
def images(photographs: Path) -> TrainingImages:
    """The same at 16 px, in memory."""
    import numpy as np

    from forensics.core.files import sha256_bytes
    from forensics.corpus.photographs.data import TrainingImages
    from forensics.corpus.photographs.loading import square
    from forensics.images import decode

    pixels = np.stack([square(decode(p).pixels, 16) for p in sorted(photographs.iterdir())])
    return TrainingImages(pixels, sha256_bytes(pixels.tobytes()))


_PULLED = networks_folder()  # of whoever runs the tests, before every test gets a home of its own


@pytest.fixture
def networks(own_home: None) -> Callable[[str], Path]:
    """Call it with the name of a pulled network: the test's home then has it, and the folder of it comes back.

    `make test` pulls those that tests use. Where one was not pulled the test is skipped, and fails in CI.
    """

    def folder(name: str) -> Path:
        if not (_PULLED / name / "network.json").is_file():
            message = f"needs a network: forensics models pull {name}"
            if os.environ.get("CI"):
                pytest.fail(f"in CI nothing is skipped: {message}")
            pytest.skip(message)
        link = networks_folder() / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(_PULLED / name, target_is_directory=True)
        return link

    return folder


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the real home or cache, nor inherits a face pack from the environment."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    for name in ("FORENSICS_FACE_PACK", "FORENSICS_FACE_ROOT", "FORENSICS_HOME", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The small networks of tests gain nothing from threads, and lose much where other tests run beside them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start
    yield
    torch.set_num_threads(before)
