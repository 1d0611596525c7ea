"""`python -m ops run`, which `make run` starts: the demonstration with its web workers and its background work.

A taken port is reported before anything else. Sign-ins are printed once the service answers. Both processes end
together.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from typing import IO, Final

import click

from edge.cli import Refusal
from edge.clock import SystemClock
from edge.settings import Settings, load_settings
from web import demo

HOST: Final = "127.0.0.1"
PORT: Final = 8000
ROOT: Final = Path(__file__).resolve().parent.parent
CLOCK: Final = SystemClock()
LOOK_SECONDS: Final = 0.2
END_SECONDS: Final = 30
WITNESS: Final = "demo-witness"
"""In YUNJU_VAR: the key of the demonstration's witness, what it saw, its log, and the file that names it."""
WITNESSES: Final = "YUNJU_WITNESSES"
METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
_END_WITH_PARENT: Final = 1  # prctl's PR_SET_PDEATHSIG
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@click.command()
def run() -> None:
    """Serve the demonstration on this machine: make its data if there is none, and print where to click.

    PORT sets another port than 8000, ACCESS_LOG=1 shows one line for each request, YUNJU_VAR sets another folder. For a
    deployment, see docs/deployment.md: there web workers and background work are separate services.
    """
    with closing(listening(os.environ)) as taken:
        port = taken.getsockname()[1]
        settings = load_settings(environ_of(os.environ, port))
        prepared = demo.prepare(settings, CLOCK)
        stopped = Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stopped.set())
        with _figures_folder() as figures:
            environ = environ_of(os.environ, port) | {METRICS_FOLDER: figures}
            with _witness(settings, environ, needed=prepared) as witnessed:
                code = _serve(settings, environ | witnessed, taken, stopped, prepared=prepared)
    raise SystemExit(code)


def listening(environ: Mapping[str, str]) -> socket.socket:
    """Return a socket bound to the port that PORT names. Raises Refusal if the port is taken, or PORT names no port."""
    text = environ.get("PORT") or str(PORT)
    if not text.isdecimal() or int(text) > 65535:
        raise Refusal(f"PORT={text} is no port", f"choose one from 1024 to 65535: PORT={PORT + 1} make run")
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, int(text)))
    except OSError as error:
        found.close()
        hint = f"choose another one: PORT={int(text) + 1 if int(text) < 65535 else PORT} make run"
        raise Refusal(f"port {text} of {HOST} cannot be used: {error.strerror}", hint) from None
    return found


def environ_of(environ: Mapping[str, str], port: int) -> dict[str, str]:
    """Return the environment of the two processes: the address with the port, and access lines only on request."""
    asked = "yes" if environ.get("ACCESS_LOG") == "1" else "no"
    return {"YUNJU_BASE_URL": f"http://{HOST}:{port}", "YUNJU_ACCESS_LOG": asked} | dict(environ)


@contextmanager
def _figures_folder() -> Iterator[str]:
    """Make the folder in which the web workers count together, and remove it at the end."""
    where = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    made = tempfile.mkdtemp(prefix="yunju-metrics-", dir=where)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _witness(settings: Settings, environ: Mapping[str, str], *, needed: bool) -> Iterator[dict[str, str]]:
    """Run a witness beside the demonstration's log, unless the settings name one. Yield the setting that names the
    witness.

    A witness is useful only where the log's operator cannot reach it: this one shows what cosignatures look like.
    """
    if not needed or settings.witnesses is not None:
        yield {}
        return
    folder = settings.var / WITNESS
    folder.mkdir(exist_ok=True, mode=0o700)
    words = ["verifier", "audit", "witness", "--name", "demo.example/witness", "--folder", str(folder)]
    words += [
        "--listen",
        f"{HOST}:0",
        *(word for key in demo.witness_keys(settings, CLOCK.now()) for word in ("--log", key)),
    ]
    with (folder / "log").open("wb") as log:
        process = _start(words, environ, out=subprocess.PIPE, errors=log)
    try:
        told = folder / "witnesses"
        told.write_bytes(process.stdout.readline() if process.stdout else b"")
        yield {WITNESSES: str(told)}
    finally:
        _end([process])


def _serve(
    settings: Settings, environ: Mapping[str, str], taken: socket.socket, stopped: Event, *, prepared: bool
) -> int:
    """Run both processes until one of them ends, or until a signal ends this process; return the exit code."""
    handle = taken.fileno()
    web = _start(
        ["gunicorn", "--config", "gunicorn.conf.py", "--log-level", "warning", "--bind", f"fd://{handle}",
         "wsgi:application"], environ, handle,
    )  # fmt: skip
    children = {"the web service": web, "the background work": _start(["ops", "work"], environ)}
    try:
        if _answers(settings, taken.getsockname()[1], list(children.values()), stopped):
            click.echo(demo.announce(settings, CLOCK, prepared=prepared))
        while not stopped.wait(LOOK_SECONDS) and all(child.poll() is None for child in children.values()):
            pass
        ended = [name for name, child in children.items() if child.poll() is not None]
    finally:
        _end(list(children.values()))
    if stopped.is_set():
        return 0
    click.echo(f"error: {' and '.join(ended)} ended; the other was ended too\nhint: the lines above say why", err=True)
    return 1


def _start(
    words: list[str],
    environ: Mapping[str, str],
    *handles: int,
    out: int | None = None,
    errors: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a module in its own session: Ctrl-C reaches only this process, which ends both in order."""
    return subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=dict(environ),
        pass_fds=handles,
        stdout=out,
        stderr=errors,
        start_new_session=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has one thread
    )


def _end_with_parent() -> None:
    _LIBC.prctl(_END_WITH_PARENT, signal.SIGTERM)


def _answers(settings: Settings, port: int, children: list[subprocess.Popen[bytes]], stopped: Event) -> bool:
    """Wait until the service is ready. Return False if the service ended or was stopped before."""
    while not stopped.wait(LOOK_SECONDS):
        if any(child.poll() is not None for child in children):
            return False
        with closing(HTTPConnection(HOST, port, timeout=5)) as connection:
            try:
                connection.request("GET", "/readyz", headers={"Host": settings.base_url.partition("://")[2]})
                if connection.getresponse().status == 200:
                    return True
            except (OSError, HTTPException):
                continue
    return False


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
