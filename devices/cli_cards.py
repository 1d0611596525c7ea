"""`python -m devices readers|read|write|personalise`: reads cards on a reader, and writes cards."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from cards.programme.load import ProgrammeError, load_programme
from cards.wire import Dictionary, dictionary_of
from devices import pcsc
from devices.batch import BatchRow, IssuerCommand, Setup, read_holders, run
from devices.faults import DeviceFault
from devices.ntag424 import TagMasters
from devices.pcsc import ReaderChange
from devices.personalise import CardKind, Replacing, make_key, write_chip, write_tag, write_tag424
from devices.piv import ManagementKey
from devices.profiles import form_of_card, tap_card
from devices.transport import Tap
from edge.cli import Refusal, emit, json_option, progress
from edge.settings import load_settings
from edge.strictjson import JsonError, dumps, loads
from keys.files import StoreError, create_private, read_private

T = TypeVar("T")
WAIT_SECONDS = 60
_FILE = click.Path(dir_okay=False, path_type=Path)
_ALGORITHMS = {"3des": 0x03, "aes128": 0x08, "aes192": 0x0A, "aes256": 0x0C}
reader_option = click.option("--reader", help="The reader's name or its beginning. Default: the first reader.")


programme_option = click.option(
    "--programme", type=_FILE, help="The programme's file. Default: the setting YUNJU_PROGRAMME."
)
replace_option = click.option("--replace", is_flag=True, help="Replace a key or a card that the chip holds already.")


def dictionaries_of(programme: Path | None) -> dict[int, Dictionary]:
    """Return the dictionary of a programme's wire form, by its number. Raises DeviceFault for a bad programme file."""
    try:
        read = load_programme(programme or load_settings(os.environ).programme)
    except ProgrammeError as error:
        raise DeviceFault(f"no programme: {error}", "--programme FILE names the programme's file") from None
    return {read.wire_dictionary: dictionary_of(read)}


@contextmanager
def faults() -> Iterator[None]:
    """Turn faults of hardware and key files into refusals with their remedy."""
    try:
        yield
    except DeviceFault as fault:
        raise Refusal(str(fault), fault.hint or None) from None
    except StoreError as fault:
        raise Refusal(str(fault), fault.hint or None) from None


@click.command()
@json_option
def readers(as_json: bool) -> None:
    """List the readers that pcscd knows."""
    with faults(), pcsc.Context() as context:
        names = context.readers()
    emit(names, as_json, "\n".join(names) or "no reader; plug one in")


@click.command()
@reader_option
@click.option(
    "--show", is_flag=True, help="Show the card's text too. The text of a tag is a copy of the tag: keep it secret."
)
@json_option
def read(reader: str | None, show: bool, as_json: bool) -> None:
    """Read the card on a reader: its profile, and how well it could prove itself. Verifies nothing."""
    with faults():
        card, exchanges, taken = on_card(reader, lambda tap: _timed(tap, tap_card))
    form = form_of_card(card.text)
    said: dict[str, object] = {
        "profile": card.profile.value,
        "assurance": card.profile.assurance,
        "form": None if form is None else form.value,
        "characters": len(card.text),
        "exchanges": exchanges,
        "milliseconds": taken,
    }
    text = f"{card.profile}  {card.profile.assurance}, {len(card.text)} characters, {exchanges} APDUs, {taken} ms"
    emit(said | ({"text": card.text} if show else {}), as_json, f"{text}\n{card.text}" if show else text)


@click.command()
@click.argument("file", type=click.File("r"))
@reader_option
@programme_option
@click.option("--lock", is_flag=True, help="Close a Type 2 tag for ever afterwards.")
def write(file: Any, reader: str | None, programme: Path | None, lock: bool) -> None:  # noqa: ANN401 - click's file
    """Write a card's text (token or wire form; `-` reads stdin) on a plain Type 4 or Type 2 tag."""
    text = file.read().strip()
    with faults():
        known = dictionaries_of(programme)
        written = on_card(reader, lambda tap: write_tag(tap, text, lock=lock, dictionaries=known))
    click.echo(f"written and read back, {written.exchanges} APDUs")


@click.group()
def personalise() -> None:
    """Write cards: keys are made on the chip, tokens are written, tags get keys. Keys are read only from files."""


management_options = (
    click.option("--management-key-file", type=_FILE, required=True, help="The chip's management key, hexadecimal."),
    click.option("--management-algorithm", type=click.Choice(list(_ALGORITHMS)), default="aes192", show_default=True),
)


def _with(options: tuple[Callable[[T], T], ...]) -> Callable[[T], T]:
    def decorate(command: T) -> T:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@personalise.command("key")
@_with(management_options)
@reader_option
@replace_option
@click.option("--out", type=_FILE, required=True, help="Where the public key goes, a JWK.")
def personalise_key(
    management_key_file: Path, management_algorithm: str, reader: str | None, replace: bool, out: Path
) -> None:
    """Make a key on the chip. Next: issuer card issue HOLDER --form chip --key OUT; personalise chip TOKEN."""
    with faults():
        management = _management(management_key_file, management_algorithm)
        jwk = on_card(reader, lambda tap: make_key(tap, management, replacing=_replacing(replace)))
    out.write_bytes(dumps(jwk) + b"\n")
    click.echo(f"the chip has a new key; its public half is in {out}")


@personalise.command("chip")
@click.argument("token_file", type=click.File("r"))
@_with(management_options)
@reader_option
@replace_option
def personalise_chip(
    token_file: Any,  # noqa: ANN401 - click's file
    management_key_file: Path,
    management_algorithm: str,
    reader: str | None,
    replace: bool,
) -> None:
    """Write a card token on the chip whose key it names."""
    token = token_file.read().strip()
    with faults():
        management = _management(management_key_file, management_algorithm)
        written = on_card(reader, lambda tap: write_chip(tap, management, token, replacing=_replacing(replace)))
    click.echo(f"card {written.card_id} written and read back, {written.exchanges} APDUs")


@personalise.command("masters")
@click.option("--out", type=_FILE, required=True, help="A new file, mode 0600; never on a counter server.")
def personalise_masters(out: Path) -> None:
    """Make the master keys of counting tags. Every tag's key follows from them: keep them as safely as the card key."""
    import secrets  # noqa: PLC0415 - needed by this command alone

    with faults():
        create_private(out, dumps({"master": secrets.token_hex(16), "meta": secrets.token_hex(16)}))
    click.echo(f"master keys in {out}")


@personalise.command("tag424")
@click.argument("token_file", type=click.File("r"))
@click.option("--masters", type=_FILE, required=True, help="The file that `personalise masters` made.")
@click.option("--link", required=True, help="What the tag's link begins with, such as https://card.example/t.")
@click.option("--record", type=_FILE, required=True, help="A new file for the verifier: `verifier tag import RECORD`.")
@reader_option
def personalise_tag424(token_file: Any, masters: Path, link: str, record: Path, reader: str | None) -> None:  # noqa: ANN401 - click's file
    """Set up an NTAG 424 DNA for a card token."""
    token = token_file.read().strip()
    with faults():
        made = read_masters(masters)
        written = on_card(reader, lambda tap: write_tag424(tap, made, link, token))
        create_private(record, dumps([written.record or {}]))
    click.echo(f"card {written.card_id} on the tag; now: python -m verifier tag import {record}")


@personalise.command("batch")
@click.argument("kind", type=click.Choice([kind.value for kind in CardKind]))
@click.argument("holders", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--issuer", "issuer_command", default=f"{sys.executable} -m issuer", help="The issuer's command line.")
@click.option("--management-key-file", type=_FILE, help="Chips: the management key's file, hexadecimal.")
@click.option("--management-algorithm", type=click.Choice(list(_ALGORITHMS)), default="aes192", show_default=True)
@click.option("--masters", type=_FILE, help="Counting tags: the file that `personalise masters` made.")
@click.option("--link", default="", help="Counting tags: what the tag's link begins with.")
@click.option("--records", type=_FILE, help="Counting tags: a new file for the verifier.")
@click.option("--lock", is_flag=True, help="Close Type 2 tags for ever.")
@click.option("--report", type=_FILE, help="Where the report goes, JSON.")
@programme_option
@replace_option
@reader_option
@json_option
def personalise_batch(kind: str, holders: Path, reader: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's values
    """Write a stack of cards, one for each holder, in the order of the file HOLDERS (one holder id on each line)."""
    rows: list[BatchRow] = []
    with faults():
        setup = _setup(CardKind(kind), options)
        try:
            records = _run_batch(setup, read_holders(holders), reader, rows)
        finally:  # Written cards are reported, whatever ended the batch
            report = [row.to_json() for row in rows]
            if options["report"] is not None:
                options["report"].write_bytes(dumps(report) + b"\n")
        if options["records"] is not None and records:
            create_private(options["records"], dumps(records))
    done = sum(row.done for row in rows)
    emit(report, as_json, "\n".join(_row_line(row) for row in rows) + f"\n{done} of {len(rows)} written")
    if done < len(rows):
        raise Refusal(f"{len(rows) - done} cards were not written", "run the batch again with those holders alone")


def _run_batch(setup: Setup, holders: list[str], reader: str | None, rows: list[BatchRow]) -> list[dict[str, str]]:
    """Write the stack. Each card's line is added to `rows` at once. Return the tags' records for the verifier."""
    records = []
    with progress(len(holders), "cards") as bar:
        for row, written in run(_taps(reader), setup, holders, lambda text: click.echo(text, err=True)):
            rows.append(row)
            if written is not None and written.record is not None:
                records.append(written.record)
            bar.update(1)
    return records


def _setup(kind: CardKind, options: dict[str, Any]) -> Setup:
    key_file, masters = options["management_key_file"], options["masters"]
    return Setup(
        kind=kind,
        issuer=IssuerCommand(tuple(shlex.split(options["issuer_command"]))),
        management=None if key_file is None else _management(key_file, options["management_algorithm"]),
        masters=None if masters is None else read_masters(masters),
        base=options["link"],
        lock=options["lock"],
        dictionaries=dictionaries_of(options["programme"]) if kind is CardKind.TAG else {},
        replace=options["replace"],
    )


def _replacing(replace: bool) -> Replacing:
    return Replacing.ALL if replace else Replacing.NOTHING


def _row_line(row: BatchRow) -> str:
    return f"{row.holder}  {row.card or '-'}  {'written' if row.done else row.fault}  ({row.tries} tries)"


@dataclass(frozen=True, slots=True)
class CardOn:
    """The card on a reader. It runs work on the card, on one connection."""

    reader: str

    def __call__(self, work: Callable[[Tap], T]) -> T:
        """Run the work and return its result. Raises a DeviceFault if the card or the reader fails."""
        with pcsc.Context() as context, context.card(self.reader, reset=True) as card:
            return work(Tap(card))


def on_card(reader: str | None, work: Callable[[Tap], T]) -> T:
    """Run work on the card on a reader; wait for a card. Raises DeviceFault without reader or card."""
    with pcsc.Context() as context:
        name = _reader(context, reader)
    for card in _taps(name, wait=WAIT_SECONDS):
        return card(work)
    raise DeviceFault("no card was put on the reader", "put a card on and start again")


def _taps(reader: str | None, wait: float | None = None) -> Iterator[CardOn]:
    """Yield one card after another, as they are put on the reader."""
    ends = None if wait is None else time.monotonic() + wait
    for event in pcsc.ReaderWatcher().events(lambda: ends is not None and time.monotonic() > ends):
        if event.change is ReaderChange.INSERTED and event.reader.startswith(reader or ""):
            yield CardOn(event.reader)


def _reader(context: pcsc.Context, wanted: str | None) -> str:
    for name in context.readers():
        if name.startswith(wanted or ""):
            return name
    raise DeviceFault("no such reader" if wanted else "no reader", "python -m devices readers lists them")


def _timed(tap: Tap, work: Callable[[Tap], T]) -> tuple[T, int, int]:
    began = time.monotonic()
    done = work(tap)
    return done, tap.exchanges, round((time.monotonic() - began) * 1000)


def _management(path: Path, algorithm: str) -> ManagementKey:
    try:
        return ManagementKey(_ALGORITHMS[algorithm], bytes.fromhex(read_private(path).decode("ascii").strip()))
    except ValueError:
        raise DeviceFault(f"{path} holds no {algorithm} key in hexadecimal", "see --management-algorithm") from None


def read_masters(path: Path) -> TagMasters:
    """Read the master keys of counting tags. Raises DeviceFault if the file holds something else."""
    try:
        found = loads(read_private(path))
        match found:
            case {"master": str(master), "meta": str(meta)} if len(master) == len(meta) == 32:
                return TagMasters(bytes.fromhex(master), bytes.fromhex(meta))
    except (JsonError, ValueError):
        pass
    raise DeviceFault(f"{path} holds no master keys", "python -m devices personalise masters --out FILE")
