"""`python -m devices agent|simulate`: the counter's agent, and virtual cards to try it."""

from __future__ import annotations

import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from devices import identity, scanner, server, virtual
from devices.agent import TYPED, Agent, lines, started
from devices.cli_cards import faults, read_masters
from devices.desk import AgentCounter
from devices.diagnose import diagnose
from devices.documents import DocumentFolder
from devices.faults import DeviceFault
from devices.offline import OfflineQueue
from devices.page import PORT, AgentPage
from devices.pcsc import ReaderWatcher
from devices.promises import PromiseBook, Trading
from devices.transport import Tap, Transport
from devices.upload import upload
from devices.verdict import CounterVerdict, VerdictKind
from edge.cli import Refusal, emit, json_option
from edge.clock import SystemClock
from edge.strictjson import dumps
from keys.jwk import public_jwk

CLOCK = SystemClock()
REFRESH_SECONDS = 300
TRADE_SECONDS = 30
folder_option = click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=identity.FOLDER, show_default=True,
    help="The agent's private folder: key, enrolment, documents, offline records.",
)  # fmt: skip


@click.command()
@folder_option
@click.option("--service", help="The service for each tap. The page may choose another service.")
@click.option("--kind", "matter_kind", help="The kind of matter that a tap opens, for a service that has kinds.")
@click.option("--server", "address", help="Enrol first: the server's address.")
@click.option("--code", help="Enrol first: the one-time code; `-` reads it from stdin.")
@click.option("--label", help="Enrol first: the name of this PC in lists.")
@click.option(
    "--origin", "origins", multiple=True, help="The address of a page that may listen. Default: the server's own pages."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="For the page, on loopback."
)
@click.option("--serial", "serials", multiple=True, help="A QR scanner's port, such as /dev/ttyACM0.")
@click.option("--operator", help="Sign an operator in at the start, for twelve hours; asks for the PIN.")
@click.option("--no-readers", is_flag=True, help="Use scanners only, and no card readers.")
@click.option("--no-terminal", is_flag=True, help="Read nothing from the terminal (for systemd).")
@click.option("--diagnose", "diagnoses", is_flag=True, help="Show what this PC has and what it lacks, and exit.")
def agent(folder: Path, address: str | None, code: str | None, diagnoses: bool, **options: Any) -> None:  # noqa: ANN401 - click's values
    """Run at a counter PC: check in by tap and by scan, and show the results on the terminal and the counter page."""
    if diagnoses:
        _diagnosed(folder)
        return
    with faults():
        if code is not None:
            _enrol(folder, address, sys.stdin.readline().strip() if code == "-" else code, options["label"])
        if options["service"] is None:
            if code is not None:
                return
            raise Refusal("name the service that a tap asks for", "--service gym-visit")
        _serve(folder, options)


def _enrol(folder: Path, address: str | None, code: str, label: str | None) -> None:
    if address is None:
        raise Refusal("name the server to enrol at", "--server https://card.example.org")
    answered = server.enrol(address.rstrip("/"), code, identity.device_key(folder), CLOCK, label=label)
    kept = identity.keep(folder, address.rstrip("/"), answered)
    click.echo(f"enrolled: device {kept.device} at {kept.point}")
    _documents(folder, kept).refresh(server.Server(kept, CLOCK), CLOCK.now())


def _serve(folder: Path, options: dict[str, Any]) -> None:
    known = identity.load(folder)
    calls = _signed_in(server.Server(known, CLOCK), options["operator"])
    documents, queue = _documents(folder, known), OfflineQueue(folder, known.signer, known.device, known.point)
    promises = PromiseBook(folder)
    desk = AgentCounter(calls, documents, queue, CLOCK, options["service"], matter=_matter(options), promises=promises)
    running = Agent(desk, click.echo)
    signal.signal(signal.SIGTERM, lambda *_: running.stop.set())
    origins = tuple(options["origins"]) or (known.server,)
    with AgentPage(origins, running.chosen, options["port"]) as page:
        running.page = page
        click.echo(
            f"device {known.device} at {known.point}; page on http://127.0.0.1:{page.port} for {', '.join(origins)}"
        )
        started(lambda: _keep_fresh(running, documents, queue, calls, promises), "documents")
        started(lambda: _trade(running, Trading(promises, calls, documents)), "promises")
        for name in options["serials"]:
            port = scanner.open_port(name)
            started(lambda port=port: running.scan(port), f"scanner {name}")  # type: ignore[misc]
        if not options["no_terminal"]:
            started(lambda: _read_terminal(running), TYPED)
        with _quiet_terminal():
            _run_readers(running, watches=not options["no_readers"])


def _signed_in(calls: server.Server, operator: str | None) -> server.Server:
    if operator is None:
        return calls
    pin = click.prompt("PIN", hide_input=True, default="", show_default=False, err=True)
    return calls.sign_in(operator, pin or None)


def _run_readers(running: Agent, *, watches: bool) -> None:
    try:
        if watches:
            running.watch(ReaderWatcher())
        else:
            running.stop.wait()
    except KeyboardInterrupt:
        running.stop.set()


def _keep_fresh(
    running: Agent, documents: DocumentFolder, queue: OfflineQueue, calls: server.Server, promises: PromiseBook
) -> None:
    while True:
        documents.refresh(calls, CLOCK.now())
        told = upload(queue, calls, documents, CLOCK.now(), promises=promises)
        if told:
            running.say(told)
        if _is_moved(running, documents.folder, calls) or running.stop.wait(REFRESH_SECONDS):
            return


def _is_moved(running: Agent, folder: Path, calls: server.Server) -> bool:
    """End the agent if the device was moved to another point. A service manager then starts it there again."""
    try:
        point = calls.moved_to()
    except DeviceFault:
        return False
    if point is None:
        return False
    identity.move(folder, point)
    running.say(f"note: this device was moved to {point}; the agent ends here and starts there")
    running.stop.set()
    return True


def _trade(running: Agent, trading: Trading) -> None:
    while not running.stop.wait(TRADE_SECONDS):
        for line in trading.once(CLOCK.now()):
            running.say(line)


@contextmanager
def _quiet_terminal() -> Iterator[None]:
    """Stop the terminal from showing what a keyboard wedge types, so that nobody reads codes from the screen."""
    if not sys.stdin.isatty():
        yield
        return
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(handle, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _read_terminal(running: Agent) -> None:
    for line in sys.stdin:
        running.typed(line)


def _documents(folder: Path, known: identity.DeviceIdentity) -> DocumentFolder:
    return DocumentFolder(folder, known.root)


def _diagnosed(folder: Path) -> None:
    findings = list(diagnose(folder, CLOCK))
    click.echo("\n".join(finding.line for finding in findings))
    bad = [finding.part for finding in findings if not finding.well]
    if bad:
        raise Refusal(f"{len(bad)} parts need care: {', '.join(bad)}", "each line above names its remedy")


@click.group()
def simulate() -> None:
    """Virtual cards, to try everything without hardware, with `make run`."""


@simulate.command("key")
@click.argument("key_file", type=click.Path(dir_okay=False, path_type=Path))
def simulate_key(key_file: Path) -> None:
    """Make a virtual chip's key and print its public JWK, for `issuer card issue HOLDER --form chip --key FILE`."""
    with faults():
        click.echo(dumps(public_jwk(virtual.chip_key(key_file).public_key())))


@simulate.command("tap")
@click.argument("kind", type=click.Choice(["chip", "tag424", "type4", "type2", "qr"]))
@click.argument("card_file", type=click.File("r"))
@folder_option
@click.option("--service", required=True, help="The service to check in for.")
@click.option("--kind", "matter_kind", help="The kind of matter to open, for a service that has kinds.")
@click.option("--key", "key_file", type=click.Path(dir_okay=False, path_type=Path), help="A virtual chip's key file.")
@click.option("--masters", type=click.Path(dir_okay=False, path_type=Path), help="A virtual counting tag's masters.")
@click.option("--uid", default="04000000000000", show_default=True, help="A virtual counting tag's UID.")
@click.option(
    "--count",
    type=click.IntRange(1, 2**24 - 1),
    default=1,
    show_default=True,
    help="The count that the virtual tag gives.",
)
@click.option("--id-checked", is_flag=True, help="As if the person's ID had been compared.")
@json_option
def simulate_tap(card_file: Any, folder: Path, service: str, id_checked: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's values
    """Tap a virtual card with CARD_FILE's token, as the device enrolled in --folder. Exits 1 unless granted."""
    with faults():
        text = card_file.read().strip()
        known = identity.load(folder)
        calls, documents = server.Server(known, CLOCK), _documents(folder, known)
        documents.refresh(calls, CLOCK.now())
        queue = OfflineQueue(folder, known.signer, known.device, known.point)
        desk = AgentCounter(calls, documents, queue, CLOCK, service, matter=_matter(options))
        verdict = _tapped(desk, text, options)
        if verdict.kind is VerdictKind.ASK and id_checked:
            verdict = desk.confirm(TYPED, id_checked=True) or verdict
    emit(verdict.to_json(), as_json, "\n".join(lines(verdict)))
    sys.exit(0 if verdict.kind is VerdictKind.GRANTED else 1)


def _matter(options: dict[str, Any]) -> dict[str, str] | None:
    kind = options["matter_kind"]
    return None if kind is None else {"kind": kind}


def _tapped(desk: AgentCounter, text: str, options: dict[str, Any]) -> CounterVerdict:
    if options["kind"] == "qr":
        return desk.shown(text, TYPED)
    return desk.tapped(Tap(_card(text, options)), TYPED)


def _card(text: str, options: dict[str, Any]) -> Transport:
    kind, key_file, masters = options["kind"], options["key_file"], options["masters"]
    if kind == "chip":
        if key_file is None:
            raise Refusal("a virtual chip needs its key", "--key FILE, made by `devices simulate key FILE`")
        return virtual.VirtualChip(text, virtual.chip_key(key_file))
    if kind == "tag424":
        if masters is None:
            raise Refusal("a virtual counting tag needs master keys", "--masters FILE, made by `personalise masters`")
        uid = bytes.fromhex(options["uid"])
        return virtual.counting_tag(read_masters(masters), uid, options["count"], "https://card.example/t")
    return virtual.tag_with(text, kind)
