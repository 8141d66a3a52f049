"""Corpus: a folder of images and a manifest that says how each was made.

    corpus.json        format version, how it was made, chunk size, counts; `complete` once finished
    manifest.jsonl     append-only, one object an image, in order (see `forensics.corpus.rows`)
    images/000/000000.png ...     sharded by thousands
    latents/000000.safetensors    one file a chunk, named after its first image
    masks/000/000000.png          which pixels were changed, of the images that have one

A folder tree of anybody else's opens as a corpus too, if its folders' names tell photographs from generated images.
"""

from forensics.corpus.reading import Corpus, Problem
from forensics.corpus.rows import AUTHENTIC, SYNTHETIC, Mask, Row
from forensics.corpus.writing import CorpusWriter

__all__ = ["AUTHENTIC", "SYNTHETIC", "Corpus", "CorpusWriter", "Mask", "Problem", "Row"]
