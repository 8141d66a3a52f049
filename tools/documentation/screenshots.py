"""The pictures of the documentation: the pages of the demo, as Chromium shows them.

`python -m tools.documentation.screenshots [FOLDER]` runs the demo into FOLDER (without: a temporary one) and writes
docs/images/. Its faces are generated ones, and NASA's astronaut.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from forensics.core.files import write_bytes
from forensics.core.terminal import note
from forensics.images import DecodedImage, decode, encode_jpeg, resize

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
# Page of the demo -> name of the picture, and how much of the page it shows, in pixels.
_PAGES: Final = {"report.html": ("demo.jpg", 1470), "photograph.html": ("report.jpg", 1000)}
_WIDTH_PX: Final = 1280
_SHOWN_WIDTH_PX: Final = 960
_JPEG_QUALITY: Final = 85
_CHROMIUM: Final = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


def screenshot(page: Path, target: Path, height_px: int, width_px: int = _WIDTH_PX) -> None:
    """Write the PNG `target`: the top of the HTML file `page` in a window of that size."""
    window = (f"--screenshot={target}", f"--window-size={width_px},{height_px}")
    subprocess.run([*_CHROMIUM, *window, page.resolve().as_uri()], check=True, capture_output=True)


def shrunk(png: Path) -> bytes:
    """A PNG file as a small JPEG file."""
    image = decode(png)
    if not isinstance(image, DecodedImage):
        raise SystemExit(f"{png}: {image}")
    height, width = image.pixels.shape[:2]
    size = (round(height * _SHOWN_WIDTH_PX / width), _SHOWN_WIDTH_PX)
    return encode_jpeg(resize(image.pixels, size, "lanczos"), _JPEG_QUALITY)


def main(argv: Sequence[str]) -> None:
    """Command line."""
    from forensics.examiner.demo import run_demo

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(argv[0] if argv else temporary)
        run_demo(folder)
        for page, (name, height_px) in _PAGES.items():
            png = Path(temporary, f"{name}.png")
            screenshot(folder / page, png, height_px)
            write_bytes(IMAGES / name, shrunk(png))
            note(f"wrote {IMAGES / name}")


if __name__ == "__main__":
    main(sys.argv[1:])
