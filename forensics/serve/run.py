"""`forensics serve` as a function: the page served until Ctrl-C."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path

from forensics.core.errors import ForensicsError
from forensics.core.terminal import note, print_line
from forensics.examiner.detection import load_examiner
from forensics.explore.guard import Guard, is_loopback
from forensics.serve.app import build_app
from forensics.serve.examination import work_of
from forensics.serve.jobs import Jobs
from forensics.serve.places import Places, protocol_with


@dataclass(frozen=True)
class Serving:
    """Where the page is served, and what examines."""

    host: str = "127.0.0.1"
    port: int = 8766
    detector: str = "default"
    pack: str | None = None
    pack_root: Path | None = None
    device: str = "auto"


def run_serve(serving: Serving, *, as_json: bool) -> None:
    """Serve until KeyboardInterrupt. One line on stdout when the page can be opened: its address, or JSON with it.

    ForensicsError: the address, the detector, the pack or the device cannot be used.
    """
    import uvicorn

    listening = _listen(serving.host, serving.port)
    with listening:
        examiner = load_examiner(
            serving.detector, device=serving.device, pack=serving.pack, pack_root=serving.pack_root
        )
        guard, places = Guard(serving.host, int(listening.getsockname()[1])), Places()
        app = build_app(guard, Jobs(work_of(examiner)), places)
        config = uvicorn.Config(
            app,
            http=protocol_with(places),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
            proxy_headers=False,
        )
        _announce(guard, as_json=as_json)
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(256)
    except (OSError, OverflowError, UnicodeError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ForensicsError(
            f"cannot listen on {host} port {port} ({reason}); choose another with --port, 0 is any free one"
        ) from error
    return listening


def _announce(guard: Guard, *, as_json: bool) -> None:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(guard.host, guard.host)
    named = f"[{host}]" if ":" in host else host
    address = f"http://{named}:{guard.port}/#token={guard.token}"
    if not is_loopback(guard.host):
        note(
            f"warning: listening on {guard.host}: whoever can reach this machine can try, and what passes is not "
            "encrypted; give the address, which holds the token, to nobody you would not let in"
        )
    if as_json:
        where = {"address": address, "host": guard.host, "port": guard.port, "token": guard.token}
        print_line(json.dumps(where, sort_keys=True))
        return
    note("drop photographs on the page; Ctrl-C ends it. Open:")
    print_line(address)
