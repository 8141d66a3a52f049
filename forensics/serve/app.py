"""The requests that the server answers. Every one is checked before its body is read, and read within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.message import Message
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import forensics.report
from forensics.core.terminal import note, printable
from forensics.core.untrusted import read_untrusted
from forensics.explore.guard import HEADERS, Guard, Refused
from forensics.serve.description import MAX_UPLOAD_BYTES, MAX_WAIT_S, NAME_HEADER, openapi
from forensics.serve.jobs import Job, Jobs
from forensics.serve.places import Places

_PAGE: Final = Path(__file__).with_name("page")
_STYLES: Final = Path(forensics.report.__file__).with_name("templates") / "page.css"
_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_MAX_PAGE_BYTES: Final = 1 << 20
_UPLOAD_S: Final = 120.0  # for all of an upload
_LOOK_S: Final = 0.05

Handler = Callable[[Request], Awaitable[Response]]


def build_app(guard: Guard, jobs: Jobs, places: Places) -> Starlette:
    """The application: the page for whoever asks, which holds nothing of the session; the rest for the token."""

    def answered(handle: Handler, *, for_token: bool = True) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                headers = _message(request)
                guard.check_host(headers)
                if for_token:
                    guard.check_sender(headers)
                    places.trust(request.scope.get("client"))
                response = await handle(request)
            except Refused as refusal:
                # There may be a body that nobody has read.
                response = PlainTextResponse(printable(refusal.why), refusal.status, {"Connection": "close"})
            except ClientDisconnect:
                response = PlainTextResponse("gone", 400)
            response.headers.update(HEADERS)
            return response

        return answer

    async def upload(request: Request) -> Response:
        size = _length(request)
        jobs.reserve(size)
        try:
            data = await _body(request, size)
            name = printable(unquote(request.headers.get(NAME_HEADER, ""))[:255]) or "upload"
            job = jobs.add(request.url.path.strip("/"), name, data)
        except BaseException:
            jobs.release(size)
            raise
        await _ended(job, request)
        return JSONResponse(job.to_json(), 200 if job.state in ("done", "failed") else 202)

    async def one(request: Request) -> Response:
        job = jobs.get(request.path_params["id"])
        await _ended(job, request)
        return JSONResponse(job.to_json())

    async def count(request: Request) -> Response:
        return JSONResponse(jobs.counts())

    routes = [
        Route("/detect", answered(upload), methods=["POST"]),
        Route("/faces", answered(upload), methods=["POST"]),
        Route("/jobs", answered(count)),
        Route("/jobs/{id}", answered(one)),
        Route("/openapi.json", answered(_described, for_token=False)),
        *(Route(path, answered(_file(file), for_token=False)) for path, file in _files().items()),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refused, Exception: _refused})


async def _described(request: Request) -> Response:
    return JSONResponse(openapi())


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 500:
        note(f"a request failed: {error!r}")
    return PlainTextResponse("there is no such page" if status == 404 else "refused", status, HEADERS)


def _files() -> dict[str, Path]:
    """Path of a request → file. No path of a request ever becomes a path of a file."""
    files = {f"/{path.name}": path for path in sorted(_PAGE.iterdir())}
    return files | {"/": _PAGE / "index.html", "/page.css": _STYLES}


def _file(path: Path) -> Handler:
    content, kind = read_untrusted(path, _MAX_PAGE_BYTES).data, f"{_TYPES[path.suffix]}; charset=utf-8"

    async def handle(request: Request) -> Response:
        return Response(content, headers={"Content-Type": kind})

    return handle


def _message(request: Request) -> Message:
    headers = Message()
    for name, value in request.headers.raw:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    return headers


def _length(request: Request) -> int:
    """How many bytes follow; Refused where that is unknown or too much."""
    text = request.headers.get("content-length", "")
    if not (text.isascii() and text.isdigit()):
        raise Refused(411, "send one Content-Length")
    if len(text) > 12 or int(text) > MAX_UPLOAD_BYTES:
        raise Refused(
            413, f"a file has at most {MAX_UPLOAD_BYTES:,} bytes here; `forensics detect` takes larger ones"
        )
    return int(text)


async def _body(request: Request, size: int) -> bytes:
    """The `size` bytes of an upload; Refused where they are not that many, or take too long."""
    data = bytearray()
    try:
        async with asyncio.timeout(_UPLOAD_S):
            async for chunk in request.stream():
                data += chunk
                if len(data) > size:
                    raise Refused(400, "more bytes came than were announced")
    except TimeoutError:
        raise Refused(408, f"the file did not arrive within {_UPLOAD_S:.0f} s") from None
    if len(data) != size:
        raise Refused(400, "fewer bytes came than were announced")
    return bytes(data)


async def _ended(job: Job, request: Request) -> None:
    """Wait for the job's end as long as the request says."""
    text = request.query_params.get("wait", "0")
    if not (text.isascii() and text.isdigit() and int(text[:4]) <= MAX_WAIT_S):
        raise Refused(400, f"wait is a number of seconds, at most {MAX_WAIT_S}")
    end = asyncio.get_running_loop().time() + int(text)
    while job.state in ("waiting", "running") and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(_LOOK_S)
