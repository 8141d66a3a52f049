"""Small honest files of every format that is read, made here: what a fuzzer starts from."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from forensics.core.weights import folder_of


def weights_files() -> tuple[bytes, ...]:
    """Native safetensors, torch.save in both forms, and a plain pickle, of a few tensors each."""
    state = OrderedDict(w=torch.arange(6.0).reshape(2, 3), b=torch.ones(2))
    header = {
        "format_version": 1,
        "networks": {"G": {"kind": "stylegan2", "config": {"z_dim": 8}}},
        "card": {"kimg": 1},
    }
    native = save({f"G/{name}": value for name, value in state.items()}, {"forensics": json.dumps(header)})
    files = [native, pickle.dumps({"G_ema": {"w": np.arange(4.0)}}, 4)]
    for new in (True, False):
        stream = io.BytesIO()
        torch.save({"g_ema": state, "d": state}, stream, _use_new_zipfile_serialization=new)
        files.append(stream.getvalue())
    return tuple(files)


def graph_networks() -> tuple[bytes, ...]:
    """A graph of a convolution, an activation and a reshape."""
    nodes = [
        {"op": "conv", "in": ["x"], "out": "y", "weights": {"weight": "w"},
         "set": {"stride": [2, 2], "pad": [0, 1, 0, 1], "groups": 1}},
        {"op": "relu", "in": ["y"], "out": "z"},
        {"op": "reshape", "in": ["z"], "out": "r", "set": {"shape": [8, 1]}},
    ]  # fmt: skip
    graph = {"nodes": nodes, "input": "x", "size_px": [4, 4], "outputs": ["r", "z"]}
    return (save({"w": torch.ones(2, 3, 3, 3)}, {"graph": json.dumps(graph)}),)


def json_files() -> tuple[bytes, ...]:
    """A record with every kind of value."""
    value = {"a": [1, 2.5, None, True, "é\u2028"], "b": {"c": {"d": []}}, "n": -1e-5, "text": "x" * 40}
    return (json.dumps(value).encode(), json.dumps([value] * 3, indent=1, ensure_ascii=False).encode())


def archives() -> tuple[bytes, ...]:
    """A stored and a deflated archive."""
    files = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            archive.writestr("a/b.txt", b"hello " * 30)
            archive.writestr("c.png", images()[0])
        files.append(stream.getvalue())
    return tuple(files)


def images() -> tuple[bytes, ...]:
    """A small picture in every format that Pillow writes; a HEIC needs an encoder that is not here."""
    pixels = np.random.default_rng(0).integers(0, 255, (24, 20, 3), np.uint8)
    files = []
    for name in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000"):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, name)
        files.append(stream.getvalue())
    return tuple(files)


def detectors() -> tuple[bytes, ...]:
    """The descriptions of the shipped detector and of one of its parts."""
    folder = folder_of("detector")
    return tuple(
        (place / "detector.json").read_bytes() for place in (folder / "layers", folder / "fingerprint")
    )


def beside_a_detector(folder: Path) -> None:
    """The weights that a part's description belongs to."""
    (folder / "weights.safetensors").write_bytes(
        (folder_of("detector") / "layers" / "weights.safetensors").read_bytes()
    )


def _row(number: int) -> dict[str, object]:
    return {
        "file": f"images/{number}.png", "sha256": "ab" * 32, "label": number % 2, "family": "sampled", "source": "own",
        "generator": None, "recipe": "sampled", "method": None, "params": {"seed": number, "psi": 0.7}, "parents": [],
        "mask": None,
    }  # fmt: skip


def manifests() -> tuple[bytes, ...]:
    """A manifest of four rows."""
    return ("".join(json.dumps(_row(k)) + "\n" for k in range(4)).encode(),)


def summaries() -> tuple[bytes, ...]:
    """What `corpus.json` says of them."""
    how: dict[str, object] = {"recipe": "sampled", "seed": 1}
    summary = {
        "format": "forensics-corpus", "format_version": 2, "how": how, "chunk": 16, "complete": True,
        "counts": {"n": 4}, "latents": {},
    }  # fmt: skip
    return (json.dumps(summary).encode(),)


def beside_a_manifest(folder: Path) -> None:
    """The `corpus.json` of the manifest."""
    (folder / "corpus.json").write_bytes(summaries()[0])


def pools() -> tuple[bytes, ...]:
    """A list of two pools."""
    images = {f"{k:064x}": {"pool": pool, "group": f"g{k}"} for k, pool in enumerate(("train", "test"))}
    return (json.dumps({"format_version": 1, "images": images}).encode(),)


def picture_recipes() -> tuple[bytes, ...]:
    """A recipe as explore saves it with a picture."""
    recipe = {"kind": "forensics explore", "format_version": 1, "image": {"seed": 1, "psi": 0.7}}
    return (json.dumps(recipe).encode(),)


def training_states() -> tuple[bytes, ...]:
    """A training state of two tensors, and one whose counters are large."""
    files = []
    for count in (1, 10**9):
        facts = {
            "format_version": 1, "iteration": count, "nimg": count, "options": {"batch": 4}, "data_sha256": "ab" * 32,
            "ada": [0.5, 3], "seconds": 1.5,
        }  # fmt: skip
        tensors = {"G.mapping.w_avg": torch.ones(4), "D.b4.out.weight": torch.ones(2, 3)}
        files.append(save(tensors, {"training": json.dumps(facts)}))
    return tuple(files)


def archives_of_photographs() -> tuple[bytes, ...]:
    """Two pictures with the labels of NVIDIA's dataset tool, stored and deflated."""
    picture = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(picture, "PNG")
    labels = json.dumps({"labels": [["a/0.png", 1], ["b/1.png", 0]]}).encode()
    files = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for name in ("a/0.png", "b/1.png"):
                archive.writestr(name, picture.getvalue())
            archive.writestr("dataset.json", labels)
        files.append(stream.getvalue())
    return tuple(files)
