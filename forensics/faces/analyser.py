"""Faces by InsightFace: SCRFD detection score, box, five landmarks, and an ArcFace-type embedding.

SCRFD (Guo et al. 2021, arXiv 2105.04714) looks for faces of a limited size relative to its input. On a close crop,
where the face fills the frame, the usual 640 px input puts most scores under InsightFace's 0.5. Two views are
therefore searched and their boxes merged:

close   the image with a black border of half its longer side all round, at 192 px;
scene   the image as it is, at 640 px, where its longer side is over 320 px; and at 1280 px where its longer side is
        over 1280 px and no face taller than a tenth of it was found.

Median score on the 300 real / 75 StyleGAN2 / 100 StyleGAN3 training faces at 256 px (pack `scrfd_mbf`), share under
0.5 in brackets: 640 px without border 0.41 (65 %) / 0.39 (75 %) / 0.40 (72 %); 320 px without border
0.82 / 0.84 / 0.83 (0 %); the close view 0.89 / 0.90 / 0.89 (0 %).
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import FacePackError
from forensics.faces.contract import best_face

if TYPE_CHECKING:
    from insightface.app import FaceAnalysis

DEFAULT_PACK: Final = "buffalo_l"
DEFAULT_ROOT: Final = "~/.insightface"
DETECTION_THRESHOLD: Final = (
    0.5  # InsightFace's own; below it a face is not reported and the image scores 0.00
)

Pixels = NDArray[np.uint8]

_NO_EMBEDDING: Final[NDArray[np.float32]] = np.zeros(0, np.float32)
_CLOSE_BORDER = 0.5  # of the longer side
_CLOSE_SIZE_PX = 192
_SCENE_FROM_PX = 320
_SCENE_SIZE_PX = 640
_LARGE_SIZE_PX = 1280
_LONGEST_SLIVER = 100
_PROMINENT = 0.1  # of the longer side
_SAME_FACE_IOU = 0.4  # InsightFace's own non-maximum suppression threshold
_PROBE_TIMEOUT_S = 6.0


@dataclass(frozen=True)
class Face:
    """One face. `score` in (0, 1]; `box` float32 [4] x0, y0, x1, y1 and `landmarks` float32 [5, 2] (left eye, right
    eye, nose, left and right mouth corner, as seen in the image) in pixels of the image; `embedding` float32 [d],
    as the pack gives it (not normalised; d depends on the pack, 0 where it has no recognition model)."""

    score: float
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    embedding: NDArray[np.float32] = field(default_factory=lambda: _NO_EMBEDDING)


class FaceAnalyser:
    """An InsightFace pack, ready to use on CPU. Make one with `load_faces`."""

    def __init__(self, app: FaceAnalysis, folder: Path) -> None:
        self._detection: Any = app.models["detection"]
        self._recognition: Any = app.models.get("recognition")
        self.folder = folder
        self.pack = self.name = folder.name

    def weights_sha256(self) -> dict[str, str]:
        """File name → SHA-256 of every model file of the pack (for evidence; reads the files)."""
        from forensics.core.files import sha256_file

        return {path.name: sha256_file(path) for path in sorted(self.folder.glob("*.onnx"))}

    def analyse(self, pixels: Pixels) -> list[Face]:
        """Every face in `pixels` uint8 [H, W, 3] RGB in [0, 255], with its embedding, best score first.

        Empty where there is none.
        """
        faces = self.find(pixels)
        bgr = np.ascontiguousarray(pixels[:, :, ::-1])
        with _stdout_to_stderr():
            return [replace(face, embedding=self._embed(bgr, face.landmarks)) for face in faces]

    def find(self, pixels: Pixels) -> list[Face]:
        """The same of uint8 [H, W, 3] RGB in [0, 255], without the embeddings, which take most of the time."""
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 [H, W, 3] pixels, got {pixels.dtype} {list(pixels.shape)}")
        if max(pixels.shape) > _LONGEST_SLIVER * min(pixels.shape[:2]):
            return []  # less than a pixel high once it fits the detector's input; no face is shaped so
        bgr = np.ascontiguousarray(pixels[:, :, ::-1])
        with _stdout_to_stderr():
            faces = _merged([*self._close_view(bgr), *self._scene_views(bgr)])
            if max(bgr.shape) > _LARGE_SIZE_PX and not _any_prominent(faces, bgr):
                faces = _merged([*faces, *self._detect(bgr, _LARGE_SIZE_PX)])
        return faces

    def best(self, pixels: Pixels) -> Face | None:
        """The face that is meant where one is asked for, with its embedding, in uint8 [H, W, 3] RGB in [0, 255]; or
        None.
        """
        return best_face(self.analyse(pixels))

    def embedding(self, pixels: Pixels) -> NDArray[np.float32]:
        """float32 [d] of the best face in uint8 [H, W, 3], not normalised (of any value).

        float32 [0] where there is no face, or the pack has no recognition model.
        """
        face = self.best(pixels)
        return _NO_EMBEDDING if face is None else face.embedding

    def _close_view(self, bgr: NDArray[Any]) -> list[Face]:
        import cv2

        # The border is added after shrinking: SCRFD sees 192 px, a large original would only cost memory.
        scale = min(1.0, 2 * _CLOSE_SIZE_PX / max(bgr.shape[:2]))
        if scale < 1:
            bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        border = round(max(bgr.shape[:2]) * _CLOSE_BORDER)
        padded = cv2.copyMakeBorder(bgr, border, border, border, border, cv2.BORDER_CONSTANT)
        faces = self._detect(padded, _CLOSE_SIZE_PX)
        return [Face(f.score, (f.box - border) / scale, (f.landmarks - border) / scale) for f in faces]

    def _scene_views(self, bgr: NDArray[Any]) -> list[Face]:
        return self._detect(bgr, _SCENE_SIZE_PX) if max(bgr.shape[:2]) > _SCENE_FROM_PX else []

    def _detect(self, bgr: NDArray[Any], size_px: int) -> list[Face]:
        import cv2

        # SCRFD shrinks with plain bilinear, which aliases beyond a factor of two: average down to that first.
        scale = min(1.0, 2 * size_px / max(bgr.shape[:2]))
        if scale < 1:
            bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        boxes, landmarks = self._detection.detect(bgr, input_size=(size_px, size_px))
        marks = landmarks if landmarks is not None else np.zeros((len(boxes), 5, 2), np.float32)
        return [
            Face(float(box[4]), (box[:4] / scale).astype(np.float32), (points / scale).astype(np.float32))
            for box, points in zip(boxes, marks, strict=True)
        ]

    def _embed(self, bgr: NDArray[Any], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._recognition is None or not landmarks.any():
            return np.zeros(0, np.float32)
        from insightface.app.common import Face as InsightFace

        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", FutureWarning
            )  # InsightFace calls a deprecated scikit-image method
            values = self._recognition.get(bgr, InsightFace(kps=landmarks))
        return np.asarray(values, np.float32).reshape(-1)


def _any_prominent(faces: list[Face], bgr: NDArray[Any]) -> bool:
    return any(face.box[3] - face.box[1] > _PROMINENT * max(bgr.shape) for face in faces)


def _merged(faces: list[Face]) -> list[Face]:
    """Best first; of two boxes that overlap by more than `_SAME_FACE_IOU`, the better one."""
    separate: list[Face] = []
    for candidate in sorted(faces, key=lambda face: -face.score):
        if all(_iou(candidate.box, face.box) <= _SAME_FACE_IOU for face in separate):
            separate.append(candidate)
    return separate


def _iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    overlap = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    areas = np.clip(a[2:] - a[:2], 0, None).prod() + np.clip(b[2:] - b[:2], 0, None).prod()
    return float(overlap / max(areas - overlap, 1e-9))


def load_faces(
    pack: str | None = None, root: str | Path | None = None, *, download: bool = False
) -> FaceAnalyser:
    """The InsightFace pack `<root>/models/<pack>`, from arguments, else FORENSICS_FACE_PACK / FORENSICS_FACE_ROOT,
    else `buffalo_l` in ~/.insightface. `pack` may also be a folder.

    With `download`, an absent pack is fetched by InsightFace itself. Raises FacePackError where the pack is absent
    (and cannot be fetched) or cannot be used.
    """
    name, home = _named(pack, root)
    folder = pack_folder(pack, root)
    if not folder.is_dir():
        if not download or os.sep in name:
            raise FacePackError(_how_to_get(name, folder))
        _download(name, home, folder)
    return FaceAnalyser(_open(folder), folder)


def pack_folder(pack: str | None = None, root: str | Path | None = None) -> Path:
    """Where `load_faces` looks for a pack; it need not be there."""
    name, home = _named(pack, root)
    return Path(name).expanduser() if os.sep in name else home / "models" / name


def pack_if_any(pack: str | None = None, root: str | Path | None = None) -> Path | None:
    """`pack_folder`; None for the pack `none`, and where nobody named one and the usual one is not there."""
    if pack == "none":
        return None
    folder = pack_folder(pack, root)
    named = pack or root or os.environ.get("FORENSICS_FACE_PACK") or os.environ.get("FORENSICS_FACE_ROOT")
    return folder if named or folder.is_dir() else None


def _named(pack: str | None, root: str | Path | None) -> tuple[str, Path]:
    name = pack or os.environ.get("FORENSICS_FACE_PACK") or DEFAULT_PACK
    return name, Path(root or os.environ.get("FORENSICS_FACE_ROOT") or DEFAULT_ROOT).expanduser()


def _how_to_get(name: str, folder: Path) -> str:
    if os.sep in name:  # a folder is what somebody has already: nothing to fetch
        return f"no InsightFace pack in {folder}: name the folder of one with --pack, or its root with --pack-root"
    return (
        f"no InsightFace pack in {folder}: `forensics faces IMAGE --out faces.csv --pack {name}` downloads it, or "
        "choose another with --pack and --pack-root"
    )


def _download(name: str, home: Path, folder: Path) -> None:
    """Let InsightFace fetch the pack; a short probe first, because its own download has no timeout."""
    import requests
    from insightface.utils.storage import ensure_available, model_zoo_download_url

    url = model_zoo_download_url(f"{name}.zip")
    try:
        requests.head(url, timeout=_PROBE_TIMEOUT_S, allow_redirects=True).raise_for_status()
        with _stdout_to_stderr():
            ensure_available("models", name, root=str(home))
    except (requests.RequestException, OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise FacePackError(f"could not download {url} ({reason}); {_how_to_get(name, folder)}") from error


def _open(folder: Path) -> FaceAnalysis:
    from insightface.app import FaceAnalysis  # first: it turns onnxruntime's telemetry off

    options = _onnxruntime_options()
    try:
        with _stdout_to_stderr():
            app = FaceAnalysis(
                name=str(folder),
                allowed_modules=["detection", "recognition"],
                providers=["CPUExecutionProvider"],
                sess_options=options,
            )
            app.prepare(ctx_id=-1, det_thresh=DETECTION_THRESHOLD, det_size=(_SCENE_SIZE_PX, _SCENE_SIZE_PX))
    except (
        Exception
    ) as error:  # onnxruntime and InsightFace raise many kinds; all mean: this pack is unusable
        reason = str(error).splitlines()[0][:160] if str(error) else "no detection model in it"
        raise FacePackError(
            f"the InsightFace pack in {folder} cannot be used ({reason}); remove the folder and get it again"
        ) from error
    return app


def _onnxruntime_options() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    options.inter_op_num_threads = 1
    return options


def _threads() -> int:
    """OMP_NUM_THREADS where it is set, else the processors this process may use, at most four."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """InsightFace prints; stdout is for data."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
