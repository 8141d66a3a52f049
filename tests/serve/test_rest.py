"""The REST interface of `forensics serve`: findings, refusals, bounds, and a crowd that cannot lock the owner out."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.core.errors import ForensicsError
from forensics.explore.guard import TOKEN_HEADER, Refused
from forensics.serve.jobs import MAX_WAITING, MAX_WAITING_BYTES, Jobs
from tests.serve.conftest import ask

pytestmark = pytest.mark.enable_socket
DRIPS = 500


def test_a_finding_is_that_of_detect(served: dict[str, Any], close: Path) -> None:
    data = close.read_bytes()
    status, _, job = ask(served, "POST", "/detect?wait=30", data, **{"X-File-Name": "a%20b.png"})
    assert (status, job["state"], job["name"]) == (200, "done", "a b.png")
    expected = forensics.detect(data, pack="none", detector="without-clip")[0]
    found = job["result"]["finding"]
    assert (found["verdict"], found["sha256"]) == (expected.verdict, expected.sha256)
    assert expected.reasons == ()
    assert found["log10_lr"] == pytest.approx(expected.log10_lr, abs=1e-3)
    assert len(found["faces"]) == 1
    assert ask(served, "GET", f"/jobs/{job['id']}")[2] == job


def test_without_a_verdict_there_is_no_ratio(served: dict[str, Any], photographs: Path) -> None:
    result = ask(served, "POST", "/detect?wait=30", (photographs / "cat.png").read_bytes())[2]["result"]
    finding = result["finding"]
    assert finding["verdict"] == "inconclusive"
    assert finding["log10_lr"] is finding["p_synthetic"] is result["overlay"] is None
    assert all(one["log10_lr"] is None for one in finding["detectors"])
    assert result["statement"] == ""


def test_faces_and_what_is_no_image(served: dict[str, Any], photographs: Path) -> None:
    job = ask(served, "POST", "/faces?wait=30", (photographs / "a.png").read_bytes())[2]
    assert len(job["result"]["faces"]) == 1
    failed = ask(served, "POST", "/detect?wait=30", b"nothing", **{"X-File-Name": "x.png"})[2]
    assert failed["state"] == "failed"
    assert failed["error"].startswith("x.png: is not a")
    assert ask(served, "GET", "/jobs")[2]["failed"] >= 1


def test_every_path_of_the_description_is_there(served: dict[str, Any]) -> None:
    status, _, described = ask(served, "GET", "/openapi.json", **{TOKEN_HEADER: None})
    assert status == 200
    assert set(described["paths"]) == {"/detect", "/faces", "/jobs", "/jobs/{id}"}
    for path, methods in described["paths"].items():
        for method in methods:
            status = ask(served, method.upper(), path.replace("{id}", "x"), **{TOKEN_HEADER: None})[0]
            assert status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({TOKEN_HEADER: None}, 403),
        ({TOKEN_HEADER: "wrong"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Content-Length": str(65 << 20)}, 413),
    ],
)
def test_who_may_not_ask_is_refused(served: dict[str, Any], headers: dict[str, str], status: int) -> None:
    assert ask(served, "POST", "/detect", b"x", **headers)[0] == status


def test_the_page_is_tied_to_itself(served: dict[str, Any]) -> None:
    for path in ("/", "/nothing", "/jobs"):
        _, headers, _ = ask(served, "GET", path, **{TOKEN_HEADER: None})
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
    assert ask(served, "GET", "/../run.py")[0] == 404
    assert ask(served, "GET", "/jobs/x?wait=1000")[0] in (400, 404)


def test_a_crowd_of_dripping_connections_does_not_lock_the_owner_out(served: dict[str, Any]) -> None:
    with ExitStack() as open_ones:
        crowd = []
        for k in range(DRIPS):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", served["port"]), timeout=20))
            one.sendall(b"POST /detect HTTP/1.1\r\nHos")
            crowd.append(one)
            if k % 50 == 49:
                assert ask(served, "GET", "/jobs")[0] == 200
        for _ in range(5):
            for one in crowd:
                with suppress(OSError):  # those that were cut
                    one.sendall(b"t")
            assert ask(served, "GET", "/jobs")[0] == 200
            assert ask(served, "GET", "/", **{TOKEN_HEADER: None})[0] == 200


def test_jobs_and_their_bytes_are_bounded_and_a_fault_ends_one_job_only() -> None:
    def work(data: bytes, name: str) -> dict[str, Any]:
        raise ForensicsError("x: bad") if name == "bad" else RuntimeError("fault")

    jobs = Jobs({"detect": work})
    jobs.reserve(MAX_WAITING_BYTES)
    with pytest.raises(Refused) as refused:
        jobs.reserve(1)
    assert refused.value.status == 429
    jobs.release(MAX_WAITING_BYTES)
    jobs.reserve(3)
    bad, fault = jobs.add("detect", "bad", b"xy"), jobs.add("detect", "fault", b"x")
    while fault.state != "failed":
        pass
    assert bad.error == "x: bad"
    assert "terminal" in (fault.error or "")
    jobs.reserve(MAX_WAITING_BYTES)  # what they held is free again
    assert MAX_WAITING >= 1
