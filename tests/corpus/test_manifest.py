"""Manifests and corpus.json are not trusted: damage and ways out of the folder are named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics import Corpus
from forensics.core.errors import CorpusError
from forensics.corpus import CorpusWriter, Row
from forensics.corpus.manifest import check_row, dump_row

GOOD_ROW: Row = {
    "file": "images/000/000000.png",
    "sha256": "0" * 64,
    "label": 0,
    "source": "ffhq",
    "generator": None,
    "recipe": None,
    "params": {},
    "parent": None,
}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    params=st.dictionaries(st.text(), json_values, max_size=4),
    source=st.text(),
    recipe=st.none() | st.text(),
    parent=st.none() | st.text(),
    label=st.integers(0, 1),
)
def test_any_row_survives_the_manifest(
    params: dict[str, Any], source: str, recipe: Any, parent: Any, label: int
):
    row = GOOD_ROW | {"params": params, "source": source, "recipe": recipe, "parent": parent, "label": label}
    line = dump_row(row)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line.isascii()
    assert check_row(json.loads(line)) == row


def with_manifest(corpus: Path, number: int, line: bytes) -> None:
    """Replace line `number` of the manifest."""
    lines = (corpus / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    lines[number - 1] = line
    (corpus / "manifest.jsonl").write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{not json}\n", "line 3 is not JSON"),
        (b"\n", "line 3 is not JSON"),
        (b"[]\n", "line 3 is not an object"),
        (b"\xff\xfe{}\n", "line 3 is not UTF-8"),
        (b'{"label": NaN}\n', "line 3 holds NaN"),
        (b"[" * 100_000 + b"\n", "line 3 is nested too deeply"),
        (b" " * (1 << 20) + b"\n", "line 3 is longer than 1,048,576 bytes"),
        (b'{"file": "x"}\n', "line 3 has no sha256, label"),
    ],
    ids=lambda v: v[:20] if isinstance(v, bytes) else "",
)
def test_a_damaged_line_is_named(corpus: Path, line: bytes, said: str):
    with_manifest(corpus, 3, line)
    for attempt in (lambda: Corpus.open(corpus), lambda: CorpusWriter(corpus, Corpus.open(corpus).how, 5)):
        with pytest.raises(CorpusError, match=r"manifest\.jsonl: " + said) as caught:
            attempt()
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "file",
    [
        "../secret.png",
        "/etc/passwd",
        "images/../../x.png",
        "images//x.png",
        "./x.png",
        "",
        "a\0b",
        "C:\\x",
        "c:x",
        "..",
        7,
    ],
)
def test_a_row_that_leads_out_of_the_folder_is_refused(corpus: Path, file: object):
    with_manifest(corpus, 2, json.dumps(GOOD_ROW | {"file": file}).encode() + b"\n")
    with pytest.raises(CorpusError, match="line 2 has "):
        Corpus.open(corpus)


def test_a_link_out_of_the_folder_is_refused(corpus: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    shutil.move(corpus / "images/000", outside)
    (corpus / "images/000").symlink_to(outside)
    with pytest.raises(CorpusError, match="line 1 has a file that a link leads out of the corpus"):
        Corpus.open(corpus)
    (corpus / "images/000").unlink()
    shutil.copytree(outside, corpus / "images/000")
    assert Corpus.open(corpus).verify() == []
    (corpus / "images/000/000004.png").unlink()
    (corpus / "images/000/000004.png").symlink_to(outside / "000004.png")
    with pytest.raises(CorpusError, match="line 5 has a file that a link"):
        Corpus.open(corpus)


def test_a_file_listed_twice_and_a_missing_row_are_refused(corpus: Path):
    lines = (corpus / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    with_manifest(corpus, 2, lines[0])
    with pytest.raises(CorpusError, match=r"line 2 lists images/000/000000\.png again"):
        Corpus.open(corpus)
    (corpus / "manifest.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(CorpusError, match=r"has 11 whole rows, corpus\.json says 12"):
        Corpus.open(corpus)


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (b"", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "was not written by this toolkit"),
        (b'{"format": "other"}', "was not written by this toolkit"),
        (
            b'{"format": "forensics-corpus", "format_version": 2}',
            "has format version 2; this toolkit reads 1",
        ),
        (b'{"format": "forensics-corpus", "format_version": 1, "how": 3}', "lacks how, chunk"),
    ],
)
def test_a_damaged_corpus_json_is_named(corpus: Path, summary: bytes, said: str):
    (corpus / "corpus.json").write_bytes(summary)
    with pytest.raises(CorpusError, match=r"corpus\.json: " + said):
        Corpus.open(corpus)
