"""What the page's requests get, over HTTP: pictures, recipes, scores, and one line where there is nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forensics.core.errors import ForensicsError
from forensics.explore.explorer import Explorer
from forensics.explore.probe import PictureProbe
from forensics.explore.recipe import recipe_from_json, remake
from forensics.explore.settings import Settings
from forensics.images import decode_bytes
from tests.explore.conftest import PICTURE, Client

pytestmark = pytest.mark.enable_socket


def test_a_picture_its_png_and_its_recipe(client: Client, explorer: Explorer) -> None:
    facts = client.ask("facts", {}).json()
    assert (facts["w_dim"], facts["num_ws"], facts["resolution"]) == (16, 6, 16)
    found = client.ask("picture", PICTURE).json()
    expected = explorer.picture(Settings.of(explorer.shape, moves=((3, 5.0),)))
    assert found["w"] == pytest.approx(expected.w.tolist(), abs=1e-4)
    assert found["w"][3] - found["w_before"][3] == pytest.approx(5, abs=1e-3)
    assert found["change"] > 0
    assert found["nonzero"] == facts["weights"]
    assert found["before"] != found["after"]
    again = client.ask("picture", {**PICTURE, "has": True}).json()
    assert again["before"] is None
    assert again["after"] == found["after"]
    png = client.ask("png", PICTURE)
    assert png.headers["Content-Type"] == "image/png"
    assert (decode_bytes(png.body, "x").pixels == expected.pixels).all()
    recipe = client.ask("recipe", PICTURE)
    assert recipe.body == client.ask("recipe", PICTURE).body
    assert remake(explorer, recipe_from_json(recipe.json())).png() == png.body


def test_scores_are_those_of_detect_without_a_verdict(
    client: Client, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page made the picture: it never calls it authentic, whatever the detector would say."""
    probe = PictureProbe(pack="scrfd_mbf", root=str(shared / "data" / "insightface"))
    monkeypatch.setattr(client.server.api, "_probe", probe)
    scores = client.ask("probe", PICTURE)
    assert b"authentic" not in scores.body
    assert "verdict" not in scores.json()
    assert any("16 px" in reason for reason in scores.json()["reasons"])
    assert scores.json()["face_score"] == 0  # an untrained network makes no face
    assert scores.json()["polarity"].startswith("log10 LR, higher")


def test_without_a_face_pack_the_finder_that_ships_looks_and_a_named_pack_must_be_there(
    client: Client, tmp_path: Path
) -> None:
    scores = client.ask("probe", PICTURE).json()
    assert scores["face_score"] == 0
    assert scores["face_finder"] == "face-finder"
    with pytest.raises(ForensicsError, match="no InsightFace pack"):
        PictureProbe(pack="nothing", root=str(tmp_path))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"a":' * 6_000,
        b"9" * 20_000,
        b'{"view": "a", "settings": {"psi": NaN}}',
        b'{"view": "a", "settings": {"psi": -Infinity}}',
        b'{"view": "a", "settings": {"psi": 1e999}}',
        b'{"view": "a", "settings": {"seed": -1}}',
        b'{"view": "a", "settings": {"moves": [[99999, 1]]}}',
        b'{"view": "a", "settings": {"__proto__": 1}}',
        b'{"view": "a"}',
        b'{"view": "", "settings": {}}',
        b'{"view": 7, "settings": {}}',
        b'{"view": "' + b"a" * 65 + b'", "settings": {}}',
        b'{"view": "a", "settings": "<script>alert(1)</script>"}',
    ],
)
def test_a_body_that_makes_no_picture_is_one_line_of_plain_text(client: Client, body: bytes) -> None:
    reply = client.request("POST", "/api/picture", body)
    assert reply.status == 400
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert 0 < len(reply.body) < 300
    assert b"\n" not in reply.body


def test_a_failure_inside_is_told_without_details(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(client.server.api._explorer, "picture", fail)
    reply = client.ask("picture", {"view": "a", "settings": {"seed": 77}})
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert "secret of the inside" in capsys.readouterr().err
    monkeypatch.undo()
    assert client.ask("picture", PICTURE).status == 200
