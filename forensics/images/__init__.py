"""The only door for pixels: safe decoding, finding image files, encoding, clips."""

from forensics.images.clips import CLIP_SUFFIXES, check_clip_file, write_clip
from forensics.images.decoding import (
    READABLE,
    DecodedImage,
    ImageFailure,
    Limits,
    decode,
    decode_bytes,
    decode_many,
    read_file,
)
from forensics.images.encoding import contact_sheet, encode_jpeg, encode_png, resize
from forensics.images.folders import Found, find_images

__all__ = [
    "CLIP_SUFFIXES",
    "READABLE",
    "DecodedImage",
    "Found",
    "ImageFailure",
    "Limits",
    "check_clip_file",
    "contact_sheet",
    "decode",
    "decode_bytes",
    "decode_many",
    "encode_jpeg",
    "encode_png",
    "find_images",
    "read_file",
    "resize",
    "write_clip",
]
