"""Clips: what a player sees is what was written, a frame at a time, and the same bytes for the same frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from forensics.core.errors import ForensicsError
from forensics.images import check_clip_file, write_clip

Pixels = NDArray[np.uint8]


def pan(photograph: Image.Image, count: int = 12, height: int = 75, width: int = 61) -> Iterator[Pixels]:
    """A window that moves over a photograph, by three pixels a frame: odd sides, real texture."""
    pixels = np.asarray(photograph)
    for step in range(count):
        yield pixels[3 * step : 3 * step + height, 3 * step : 3 * step + width]


def read_frames(path: Path) -> tuple[list[Pixels], float]:
    """The frames uint8 [H, W, 3] of a clip as a player decodes them, and the frames a second."""
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
        return frames, float(file.streams.video[0].average_rate or 0)


def psnr(a: Pixels, b: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("name", ["pan.mp4", "pan.GIF"])
def test_a_clip_shows_its_frames_and_repeats_its_bytes(tmp_path: Path, photograph: Image.Image, name: str):
    path, again = tmp_path / name, tmp_path / f"again-{name}"
    assert write_clip(path, pan(photograph), fps=25) == 12
    write_clip(again, pan(photograph), fps=25)
    assert path.read_bytes() == again.read_bytes()
    assert sorted(tmp_path.iterdir()) == sorted([path, again])
    frames, rate = read_frames(path)
    assert len(frames) == 12
    assert rate == pytest.approx(25, rel=0.01)
    for frame, expected in zip(frames, pan(photograph), strict=True):
        # 38 dB is what 4:2:0 at this quality, or 256 colours, leave; a wrong matrix or range gives 20.
        assert psnr(frame[:75, :61], expected) > 29
        assert np.abs(frame[:75, :61].mean((0, 1)) - expected.mean((0, 1))).max() < 2.5


def test_odd_sides_of_an_mp4_repeat_their_last_row_and_column(tmp_path: Path, photograph: Image.Image):
    write_clip(tmp_path / "pan.mp4", pan(photograph))
    frames, _ = read_frames(tmp_path / "pan.mp4")
    assert {frame.shape for frame in frames} == {(76, 62, 3)}
    assert np.abs(frames[3][75].astype(int) - frames[3][74]).mean() < 4


def test_a_gif_of_grey_levels_is_exact_and_repeats_for_ever(tmp_path: Path):
    ramp = np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8, 1) * 4, 3, axis=2)
    write_clip(tmp_path / "ramp.gif", [ramp, ramp[::-1], ramp[:, ::-1]], fps=10)
    with Image.open(tmp_path / "ramp.gif") as file:
        assert file.info["loop"] == 0
        assert file.info["duration"] == 100
        shown = []
        for index in range(3):
            file.seek(index)
            shown.append(np.asarray(file.convert("RGB")))
    for got, expected in zip(shown, [ramp, ramp[::-1], ramp[:, ::-1]], strict=True):
        assert np.abs(got.astype(int) - expected).max() <= 4


def test_frames_are_asked_for_one_at_a_time(tmp_path: Path):
    """The encoder takes each frame before the next is made: a long clip needs no more memory than a short one."""
    alive: list[int] = []

    class Frame(np.ndarray):  # type: ignore[type-arg]
        def __del__(self) -> None:
            alive.remove(id(self))

    def frames() -> Iterator[Pixels]:
        for value in range(40):
            frame = np.full((16, 16, 3), value, np.uint8).view(Frame)
            alive.append(id(frame))
            most.append(len(alive))
            yield frame

    most: list[int] = []
    write_clip(tmp_path / "long.mp4", frames())
    assert max(most) <= 3


def test_what_is_no_clip_is_one_line_and_leaves_no_file(tmp_path: Path):
    frame = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(ForensicsError, match=r"walk\.avi: a clip is \.mp4 or \.gif"):
        check_clip_file(tmp_path / "walk.avi", 30)
    with pytest.raises(ForensicsError, match="at most 50 frames a second, not 60"):
        write_clip(tmp_path / "walk.gif", [frame], fps=60)
    with pytest.raises(ForensicsError, match=r"0 frames a second is not 0\.1 to 240"):
        write_clip(tmp_path / "walk.mp4", [frame], fps=0)
    with pytest.raises(ValueError, match="at least one frame"):
        write_clip(tmp_path / "walk.mp4", [])
    with pytest.raises(ValueError, match=r"frame 1 is \[16, 18, 3\]"):
        write_clip(tmp_path / "walk.mp4", [frame, np.zeros((16, 18, 3), np.uint8)])
    with pytest.raises(ValueError, match="frame 0 is float64"):
        write_clip(tmp_path / "walk.gif", [frame.astype(float)])  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []
