"""The ed25519 key (RFC 8032) that signs a case: made by the examiner, kept outside the case."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from forensics.core.errors import ForensicsError
from forensics.core.files import write_bytes
from forensics.core.terminal import printable
from forensics.core.untrusted import read_untrusted

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_MAX_BYTES: Final = 16 << 10
PUBLIC_SUFFIX: Final = ".pub"


def make_key(path: Path) -> str:
    """Write a new private key to `path`, for its owner's eyes, and the public one beside it; gives the public key, hex.

    ForensicsError where there is a file already: a lost key cannot be made again.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = path.with_name(path.name + PUBLIC_SUFFIX)
    for file in (path, public):
        if file.exists():
            raise ForensicsError(f"{printable(file)}: is there already; name another file")
    key = Ed25519PrivateKey.generate()
    mask = os.umask(0o077)
    try:
        write_bytes(path, key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
    finally:
        os.umask(mask)
    write_bytes(public, f"{public_hex(key)}\n".encode())
    return public_hex(key)


def read_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a file that `make_key` wrote. ForensicsError where there is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = read_untrusted(path, _MAX_BYTES).data
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise ForensicsError(
            f"{printable(path)}: holds no private key; `forensics case key` makes one"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ForensicsError(f"{printable(path)}: is no ed25519 key; `forensics case key` makes one")
    return key


def read_public(path: Path) -> str:
    """The public key, hex, in a file that `make_key` wrote beside the private one."""
    text = read_untrusted(path, _MAX_BYTES).data.decode("ascii", "replace").strip()
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ForensicsError(f"{printable(path)}: holds no public key; `forensics case key` writes one")
    return text


def public_hex(key: Ed25519PrivateKey) -> str:
    """The public key that belongs to `key`, 64 hex digits."""
    return key.public_key().public_bytes_raw().hex()


def is_signed(public: str, signature: str, data: bytes) -> bool:
    """Whether `signature`, hex, of `data` was made with the key that belongs to `public`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True
