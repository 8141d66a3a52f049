"""Corpus: a folder of images and a manifest that says how each was made.

    corpus.json        format version, how it was made, chunk size, counts; `complete` once finished
    manifest.jsonl     append-only, one object an image, in order (see `forensics.corpus.manifest`)
    images/000/000000.png ...     sharded by thousands
    latents/000000.safetensors    one file a chunk, named after its first image

A folder tree of anybody else's opens as a corpus too, if its folders' names tell photographs from generated images.
"""

from forensics.corpus.manifest import AUTHENTIC, SYNTHETIC, Row
from forensics.corpus.reading import Corpus, Problem
from forensics.corpus.writing import CorpusWriter

__all__ = ["AUTHENTIC", "SYNTHETIC", "Corpus", "CorpusWriter", "Problem", "Row"]
