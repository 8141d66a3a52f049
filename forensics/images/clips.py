"""From frames to a clip: MP4 (H.264) or GIF by the file's suffix, one frame in memory at a time.

Equal frames give equal bytes with one version of PyAV: one thread, no dates, no encoder's name in the container.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import ForensicsError
from forensics.core.files import replacing
from forensics.core.terminal import printable

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer
    from av.video.stream import VideoStream

Pixels = NDArray[np.uint8]

CLIP_SUFFIXES: Final = (".mp4", ".gif")
FASTEST_GIF: Final = 50  # GIF counts hundredths of a second, and browsers slow down what is under two of them
# x264: faces show no blocks, a second of 256 px is some 200 KB. No mbtree, whose look ahead reads past the picture:
# with it, equal frames now and then gave other bytes.
_QUALITY: Final[dict[str, object]] = {"crf": "16", "preset": "medium", "x264-params": "mbtree=0"}
_BT709: Final = (
    1  # H.273: colour primaries, transfer and matrix of high definition video all have the number 1
)
_LIMITED_RANGE: Final = 1  # 16 to 235, what every player expects of yuv420p


def check_clip_file(path: Path, fps: float) -> Path:
    """`path`, which names a clip that can be written at `fps` frames a second. ForensicsError, one line, if not."""
    if path.suffix.lower() not in CLIP_SUFFIXES:
        raise ForensicsError(f"{printable(path)}: a clip is {' or '.join(CLIP_SUFFIXES)}; name one of them")
    if not 0.1 <= fps <= 240:
        raise ForensicsError(f"{fps:g} frames a second is not 0.1 to 240")
    if path.suffix.lower() == ".gif" and fps > FASTEST_GIF:
        raise ForensicsError(
            f"{printable(path)}: a GIF has at most {FASTEST_GIF} frames a second, not {fps:g}"
        )
    return path


def write_clip(path: Path, frames: Iterable[Pixels], fps: float = 30.0) -> int:
    """Write `frames`, each uint8 [H, W, 3] RGB in [0, 255] and all of one size, to `path`; return how many there were.

    `.mp4` is H.264 in yuv420p (BT.709), an odd height or width padded by repeating its last row or column.
    `.gif` has a palette of its own in each frame and repeats for ever. The file appears when it is whole.
    `fps`: frames a second. ForensicsError as `check_clip_file`; ValueError for no frames or for one that does not fit.
    """
    check_clip_file(path, fps)
    images = iter(frames)
    first = next(images, None)
    if first is None:
        raise ValueError("a clip needs at least one frame")
    write = _write_gif if path.suffix.lower() == ".gif" else _write_mp4
    with replacing(path) as temporary:
        return write(temporary, _checked(first, images), first.shape, fps)


def _checked(first: Pixels, rest: Iterator[Pixels]) -> Iterator[Pixels]:
    for number, frame in enumerate(chain([first], rest)):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
            raise ValueError(f"frame {number} is {frame.dtype} {list(frame.shape)}, not uint8 [H, W, 3]")
        if frame.shape != first.shape:
            raise ValueError(f"frame {number} is {list(frame.shape)}, the first is {list(first.shape)}")
        yield frame


def _write_mp4(path: Path, frames: Iterator[Pixels], shape: tuple[int, ...], fps: float) -> int:
    import av

    height, width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
    pad = ((0, height - shape[0]), (0, width - shape[1]), (0, 0))
    # The index at the front, so that a browser plays the file while it is still coming.
    with av.open(
        str(path), "w", format="mp4", options={"fflags": "+bitexact", "movflags": "+faststart"}
    ) as file:
        stream = _stream(file, "libx264", fps, (height, width), "yuv420p")
        stream.options = _QUALITY
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        count = 0
        for image in frames:
            frame = av.VideoFrame.from_ndarray(np.pad(image, pad, mode="edge"), "rgb24")
            yuv = frame.reformat(
                format="yuv420p", src_color_range="JPEG", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            yuv.pts, count = count, count + 1
            file.mux(stream.encode(yuv))
        file.mux(stream.encode(None))
    return count


def _write_gif(path: Path, frames: Iterator[Pixels], shape: tuple[int, ...], fps: float) -> int:
    import av

    with av.open(str(path), "w", format="gif", options={"fflags": "+bitexact", "loop": "0"}) as file:
        stream = _stream(file, "gif", fps, (shape[0], shape[1]), "pal8")
        # Each frame is written whole: what changed alone would be smaller, but depends on the frame before.
        stream.options = {"gifflags": "-offsetting-transdiff"}
        graph = _palette_graph(stream)
        count = 0
        for image in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            frame.pts, frame.time_base, count = count, stream.codec_context.time_base, count + 1
            graph.push(frame)
            file.mux(stream.encode(cast("av.VideoFrame", graph.pull())))
        file.mux(stream.encode(None))
    return count


def _stream(
    file: OutputContainer, codec: str, fps: float, size: tuple[int, int], pixel_format: str
) -> VideoStream:
    from fractions import Fraction

    rate = Fraction(fps).limit_denominator(1001)
    stream = cast("VideoStream", file.add_stream(codec, rate=rate))
    stream.height, stream.width = size
    stream.pix_fmt = pixel_format
    context = stream.codec_context
    context.time_base, context.thread_count = 1 / rate, 1
    context.flags |= _bitexact()
    return stream


def _bitexact() -> Any:
    from av.codec.context import Flags

    return Flags.bitexact


def _palette_graph(stream: VideoStream) -> av.filter.Graph:
    """A graph that gives each frame the 256 colours that fit it best, dithered in an ordered pattern."""
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(
        width=stream.width,
        height=stream.height,
        format=_format("rgb24"),
        time_base=stream.codec_context.time_base,
    )
    split, sink = graph.add("split"), graph.add("buffersink")
    palette = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    # An ordered pattern stands still where the picture does; diffused errors would crawl from frame to frame.
    use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def _format(name: str) -> Any:
    from av.video.format import VideoFormat

    return VideoFormat(name)
