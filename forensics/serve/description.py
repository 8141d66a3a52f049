"""The OpenAPI description of the REST interface."""

from __future__ import annotations

from typing import Any, Final

from forensics import __version__
from forensics.explore.guard import TOKEN_HEADER

MAX_UPLOAD_BYTES: Final = 64 << 20
MAX_WAIT_S: Final = 30
NAME_HEADER: Final = "X-File-Name"

_JOB: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["id", "kind", "name", "state", "result", "error"],
    "properties": {
        "id": {"type": "string"},
        "kind": {"enum": ["detect", "faces"]},
        "name": {"type": "string"},
        "state": {"enum": ["waiting", "running", "done", "failed"]},
        "result": {"type": ["object", "null"]},
        "error": {"type": ["string", "null"]},
    },
}
_WAIT: Final = {
    "name": "wait",
    "in": "query",
    "description": "Seconds to wait for the job's end before the answer.",
    "schema": {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0},
}


def openapi() -> dict[str, Any]:
    """OpenAPI 3.1 of what the server answers."""
    job = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}}
    token = {"type": "apiKey", "in": "header", "name": TOKEN_HEADER}
    return {
        "openapi": "3.1.0",
        "info": {"title": "forensics serve", "version": __version__},
        "components": {"schemas": {"Job": _JOB}, "securitySchemes": {"token": token}},
        "security": [{"token": []}],
        "paths": {
            "/detect": {
                "post": _upload("The finding of one photograph: verdict, log10 LR, reasons, faces.", job)
            },
            "/faces": {
                "post": _upload("The faces of one photograph: score, box, five landmarks in px.", job)
            },
            "/jobs": {
                "get": {
                    "summary": "How many jobs are in which state.",
                    "responses": {"200": {"description": "Counts."}},
                }
            },
            "/jobs/{id}": {
                "get": {
                    "summary": "One job, with its result once it is done.",
                    "parameters": [
                        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                        _WAIT,
                    ],
                    "responses": {
                        "200": {"description": "The job.", **job},
                        "404": {"description": "No such job."},
                    },
                }
            },
        },
    }


def _upload(summary: str, job: dict[str, Any]) -> dict[str, Any]:
    name = {"name": NAME_HEADER, "in": "header", "description": "The file's name, percent-encoded."}
    return {
        "summary": summary,
        "parameters": [{**name, "schema": {"type": "string"}}, _WAIT],
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": {
            "200": {"description": "The job has ended.", **job},
            "202": {"description": "The job is queued; ask /jobs/{id}.", **job},
            "403": {"description": "No valid token."},
            "411": {"description": "No Content-Length."},
            "413": {"description": f"More than {MAX_UPLOAD_BYTES} bytes."},
            "429": {"description": "Too many files wait."},
        },
    }
