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
from forensics.corpus import CorpusWriter
from forensics.corpus.manifest import dump_row
from forensics.corpus.rows import FAMILIES, ROW_KEYS, row_from_json

GOOD_ROW: dict[str, Any] = {
    "file": "images/000/000000.png",
    "sha256": "0" * 64,
    "label": 0,
    "family": "authentic",
    "source": "ffhq",
    "generator": None,
    "recipe": None,
    "method": None,
    "params": {},
    "parents": [],
    "mask": None,
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
    parents=st.lists(st.text(), max_size=3),
    label=st.integers(0, 1),
    family=st.none() | st.sampled_from(FAMILIES),
    mask=st.none() | st.just({"file": "masks/000/000000.png", "sha256": "1" * 64}),
)
def test_any_row_survives_the_manifest(**values: Any):
    row = row_from_json(GOOD_ROW | values)
    line = dump_row(row)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line.isascii()
    assert row_from_json(json.loads(line)) == row
    assert list(json.loads(line)) == list(ROW_KEYS)


@pytest.mark.parametrize(
    ("label", "recipe", "family", "now"),
    [
        (0, None, "authentic", None),
        (0, "authentic", "authentic", "authentic"),
        (1, "synthesis", "sampled", "sampled"),
        (1, "walk", "sampled", "walked"),
        (1, "rebuilt", "reconstructed", "rebuilt"),
        (1, "another", None, "another"),
    ],
)
def test_a_row_of_version_1_is_read(label: int, recipe: Any, family: Any, now: Any):
    old = {key: GOOD_ROW[key] for key in ("file", "sha256", "source", "generator", "params")}
    for parent in (None, "2" * 64):
        row = row_from_json(old | {"label": label, "recipe": recipe, "parent": parent})
        assert (row.family, row.recipe) == (family, now)
        assert row.parents == (() if parent is None else (parent,))


def test_a_corpus_of_version_1_opens(corpus: Path):
    lines = [json.loads(line) for line in (corpus / "manifest.jsonl").read_bytes().splitlines()]
    for line in lines:
        del line["family"], line["method"], line["mask"], line["parents"]
        line |= {"parent": None, "recipe": "synthesis" if line["recipe"] else None}
    (corpus / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = json.loads((corpus / "corpus.json").read_text()) | {"format_version": 1}
    (corpus / "corpus.json").write_text(json.dumps(summary))
    opened = Corpus.open(corpus)
    assert opened.verify() == []
    assert {(row.label, row.family) for row in opened.manifest} == {(0, "authentic"), (1, "sampled")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"family": "dreamed"}, "has family 'dreamed'"),
        ({"parents": "0" * 64}, "has parents that are no list"),
        ({"method": 3}, "has a method that is neither"),
        ({"mask": "masks/x.png"}, "has a mask without"),
        ({"mask": {"file": "../x.png", "sha256": "1" * 64}}, "leads out of the corpus"),
        ({"mask": {"file": "x.png", "sha256": "short"}}, "has a mask without"),
    ],
)
def test_a_wrong_value_is_said(change: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        row_from_json(GOOD_ROW | change)


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
            b'{"format": "forensics-corpus", "format_version": 3}',
            "has format version 3; this toolkit reads up to 2",
        ),
        (b'{"format": "forensics-corpus", "format_version": 2, "how": 3}', "lacks how, chunk"),
    ],
)
def test_a_damaged_corpus_json_is_named(corpus: Path, summary: bytes, said: str):
    (corpus / "corpus.json").write_bytes(summary)
    with pytest.raises(CorpusError, match=r"corpus\.json: " + said):
        Corpus.open(corpus)
