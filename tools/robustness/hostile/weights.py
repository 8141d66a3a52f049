"""Weights files made to exhaust or mislead a reader: a function a kind, each of which writes one file."""

from __future__ import annotations

import bz2
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

Writer = Callable[[Path], None]
WEIGHTS: Final[dict[str, Writer]] = {}


def kind(writer: Writer) -> Writer:
    """Enter a writer under its name."""
    WEIGHTS[writer.__name__] = writer
    return writer


def safetensors(header: dict[str, Any], data: bytes = b"") -> bytes:
    """The bytes of a safetensors file with this header, which need not be true."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def native(
    networks: Any, tensors: dict[str, Any], data: bytes = b"", card: Any = None, raw: str = ""
) -> bytes:
    """A file in this project's own format; `raw` replaces the JSON of its inner header."""
    inner = raw or json.dumps({"format_version": 1, "networks": networks, "card": card or {}})
    return safetensors({"__metadata__": {"forensics": inner}, **tensors}, data)


def torch_zip(pickled: bytes, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A torch.save archive around a pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in {"data.pkl": pickled, "version": b"3\n", **members}.items():
            archive.writestr(zipfile.ZipInfo(f"a/{name}"), content, method)
    return stream.getvalue()


def tensor_pickle(
    shape: tuple[int, ...], stride: tuple[int, ...], numel: int, storage: str = "FloatStorage"
) -> bytes:
    """The pickle of {"g_ema": {"w": tensor}}, with a storage of `numel` values under the key 0."""

    def number(value: int) -> bytes:
        return b"\x8a" + bytes([9]) + value.to_bytes(9, "little", signed=True)

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    storage_id = (
        b"(X\x07\0\0\0storagectorch\n"
        + storage.encode()
        + b"\nX\x01\0\0\x000X\x03\0\0\0cpu"
        + number(numel)
        + b"tQ"
    )
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage_id + number(0) + numbers(shape) + numbers(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip
    return b"\x80\x02}X\x05\0\0\0g_ema}X\x01\0\0\0w" + tensor + b"ss."


def lying(data: bytes, size: int) -> bytes:
    """A zip archive whose headers declare `size` bytes for members that unpack to more than a million."""
    changed = bytearray(data)
    for magic, at_size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = changed.find(magic)
        while at >= 0:
            if struct.unpack_from("<I", changed, at + at_size)[0] > 1_000_000:
                changed[at + at_size : at + at_size + 4] = struct.pack("<I", size)
            at = changed.find(magic, at + 4)
    return bytes(changed)


@kind
def deflated_bomb_that_lies(path: Path) -> None:
    """60 MB of zeros in 60 kB, declared as 4 bytes."""
    path.write_bytes(
        lying(torch_zip(tensor_pickle((1,), (1,), 1), {"data/0": bytes(60_000_000)}, zipfile.ZIP_DEFLATED), 4)
    )


@kind
def bz2_bomb(path: Path) -> None:
    """A pickle of 3 GB in a few kB of bz2, declared as 4 bytes."""
    block = bz2.compress(bytes(50_000_000))
    data = torch_zip(b"\0" * 1_500_000, {"data/0": b"\0\0\0\0"}, zipfile.ZIP_BZIP2)
    path.write_bytes(lying(data.replace(bz2.compress(b"\0" * 1_500_000), block * 60), 4))


@kind
def lzma_bomb(path: Path) -> None:
    """A member of 200 MB in LZMA, declared as 4 bytes."""
    data = torch_zip(tensor_pickle((1,), (1,), 1), {"data/0": bytes(200_000_000)}, zipfile.ZIP_LZMA)
    path.write_bytes(lying(data, 4))


@kind
def laughs_in_a_global(path: Path) -> None:
    """A tuple that doubles forty times, handed to a constructor so that an error shows it."""
    laughs = b"\x80\x02X\x02\0\0\0ha" + b"2\x86" * 40
    path.write_bytes(laughs + b"ccollections\nOrderedDict\nq\x000h\x00\x86R.")


@kind
def laughs_as_a_key(path: Path) -> None:
    """The same tuple as the key of a torch.save dict."""
    path.write_bytes(torch_zip(b"\x80\x02}X\x02\0\0\0ha" + b"2\x86" * 40 + b"K\x01s.", {}))


@kind
def laughs_in_a_legacy_stream(path: Path) -> None:
    """An old torch.save stream whose list of storage keys is such a tuple."""
    head = (
        pickle.dumps(0x1950A86A20F9469CFC6C, 2)
        + pickle.dumps(1001, 2)
        + pickle.dumps({"little_endian": True}, 2)
    )
    path.write_bytes(head + pickle.dumps({}, 2) + b"\x80\x02X\x02\0\0\0ha" + b"2\x86" * 40 + b".")


@kind
def laughs_as_persistent_id(path: Path) -> None:
    """A persistent id that is such a tuple."""
    path.write_bytes(torch_zip(b"\x80\x02X\x02\0\0\0ha" + b"2\x86" * 40 + b"Q.", {}))


@kind
def card_of_megabytes(path: Path) -> None:
    """A card of 12 MB and a network's name of 1 MB."""
    networks = {"N" * 1_000_000: {"kind": "K" * 1_000_000, "config": {"c" * 1_000_000: "v" * 1_000_000}}}
    path.write_bytes(native(networks, {}, card={"k" * 1000: "v" * 12_000_000}))


@kind
def thousands_of_networks(path: Path) -> None:
    """12,000 networks and 12,000 tensors of one byte."""
    networks = {f"n{k}": {"kind": "stylegan2", "config": {}} for k in range(12_000)}
    tensors = {f"n{k}/w": {"dtype": "U8", "shape": [1], "data_offsets": [k, k + 1]} for k in range(12_000)}
    path.write_bytes(native(networks, tensors, bytes(12_000)))


@kind
def sparse_file(path: Path) -> None:
    """5 GB of holes behind an honest beginning."""
    path.write_bytes(native({"G": {"kind": "stylegan2", "config": {}}}, {}))
    with path.open("r+b") as stream:
        stream.truncate(5 << 30)


@kind
def sparse_pickle(path: Path) -> None:
    """5 GB of holes behind the first bytes of a pickle."""
    path.write_bytes(b"\x80\x02}")
    with path.open("r+b") as stream:
        stream.truncate(5 << 30)


@kind
def fifo(path: Path) -> None:
    """A pipe that nobody writes to."""
    os.mkfifo(path)


@kind
def device(path: Path) -> None:
    """A link to an endless device."""
    path.symlink_to("/dev/zero")


@kind
def zero_and_huge_dimensions(path: Path) -> None:
    """A tensor of no values and 2^60 rows."""
    path.write_bytes(torch_zip(tensor_pickle((0, 1 << 60), (1, 1), 0), {"data/0": b""}))


@kind
def huge_strides(path: Path) -> None:
    """Two values a stride of 2^62 apart."""
    path.write_bytes(torch_zip(tensor_pickle((2, 2), (1 << 62, 1), 4), {"data/0": bytes(16)}))


@kind
def expanded_to_terabytes(path: Path) -> None:
    """One value seen a million times a million by strides of 0."""
    path.write_bytes(torch_zip(tensor_pickle((1_000_000, 1_000_000), (0, 0), 1), {"data/0": bytes(4)}))


@kind
def native_zero_and_huge(path: Path) -> None:
    """The same in safetensors: shape [0, 2^62]."""
    tensors = {"G/w": {"dtype": "F32", "shape": [0, 1 << 62], "data_offsets": [0, 0]}}
    path.write_bytes(native({"G": {"kind": "stylegan2", "config": {}}}, tensors))


@kind
def complex_network(path: Path) -> None:
    """A rosinality file whose tensors are complex."""
    path.write_bytes(torch_zip(tensor_pickle((2,), (1,), 2, "ComplexFloatStorage"), {"data/0": bytes(16)}))


@kind
def boolean_network(path: Path) -> None:
    """One whose tensors are bool."""
    path.write_bytes(torch_zip(tensor_pickle((2,), (1,), 2, "BoolStorage"), {"data/0": bytes(2)}))


@kind
def deeply_nested(path: Path) -> None:
    """A dict inside a dict, 20,000 deep."""
    path.write_bytes(torch_zip(b"\x80\x02" + b"}X\x01\0\0\0a" * 20_000 + b"N" + b"s" * 20_000 + b".", {}))


@kind
def nested_header(path: Path) -> None:
    """A header of 50,000 brackets."""
    path.write_bytes(native({}, {}, raw="[" * 50_000 + "]" * 50_000))


def stylegan3(**changes: Any) -> bytes:
    """A few bytes that say they are a StyleGAN3."""
    config = {
        "z_dim": 512, "c_dim": 0, "w_dim": 512, "img_resolution": 8192, "img_channels": 3, "num_layers": 14,
        "channel_base": 32768, "channel_max": 512,
    } | changes  # fmt: skip
    tensors = {"G/mapping.w_avg": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    return native({"G": {"kind": "stylegan3", "config": config}}, tensors, bytes(4))


@kind
def stylegan3_of_8192_px(path: Path) -> None:
    """The largest StyleGAN3 that a configuration can ask for, by a few bytes."""
    path.write_bytes(stylegan3())


@kind
def stylegan3_of_many_layers(path: Path) -> None:
    """One of 60,000 layers."""
    path.write_bytes(stylegan3(num_layers=60_000, img_resolution=1024))


@kind
def big_integers_in_a_configuration(path: Path) -> None:
    """A resolution of 300 digits."""
    path.write_bytes(stylegan3(img_resolution=10**300))


@kind
def names_that_are_not_text(path: Path) -> None:
    """Half of a surrogate pair as the name of a network."""
    raw = '{"format_version": 1, "networks": {"\\ud800": {"kind": "stylegan2", "config": {}}}, "card": {}}'
    path.write_bytes(native({}, {}, raw=raw))


@kind
def nan_in_a_card(path: Path) -> None:
    """NaN where JSON has no number."""
    path.write_bytes(native({}, {}, raw='{"format_version": 1, "networks": {}, "card": {"kimg": NaN}}'))


@kind
def escape_sequences(path: Path) -> None:
    """Terminal codes in the names that are shown."""
    networks = {"G\x1b[2J\x07": {"kind": "stylegan2\x1b]0;x\x07", "config": {}}}
    path.write_bytes(native(networks, {}))
