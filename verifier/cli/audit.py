"""`python -m verifier audit`: check a log or an export, prove, export, watch, witness, sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any, Final

import click
from werkzeug.serving import make_server

from audit.evidence.chains import LogFinding
from audit.evidence.checkexport import NotAnExport, check_export, open_head, read_head
from audit.evidence.checking import CheckProgress, check_history, check_tiles
from audit.evidence.cosignatures import Cosignatures, cosignatures
from audit.evidence.exporting import Exported, LogFilter, json_lines, write_csv, write_lines, write_xlsx
from audit.evidence.watching import Forked, LogAway, LogWatcher, UrlSource, Visit, compare
from audit.evidence.witness import WitnessBook
from audit.tree.archiving import JoinedSource, archive, retained_from
from audit.tree.place import LostSwap, PlaceError
from audit.tree.proofs import NotLogged
from audit.tree.sequencer import NotLeader, Unsafe, adopt
from audit.tree.sequencing import log_reader, log_sequencing, log_signers, open_home
from audit.tree.tiles import CHECKPOINT, COSIGNED, WIDTH, FolderSource, TileError, TileSource
from cards.programme.types import Programme
from edge.cli import Refusal, emit, json_option, progress
from edge.instants import InstantError, parse_rfc3339, rfc3339
from edge.private import make_private
from edge.repeating import Repeating
from edge.settings import Settings
from edge.structs import work_out_structs
from keys.entry_proof import EntryProof, Unproved
from keys.files import StoreError
from keys.merkle import ProofError
from keys.notes import Cosigner, KeyKind, NoteError, NoteKey, OpenedCheckpoint, open_checkpoint
from keys.store import KeyStore
from ledger.filtering import NAMES, name_in
from ledger.leaf import LeafError, leaf_hash
from ledger.millis import to_millis
from ledger.values import LedgerError
from verifier.api.audit.witness import create_witness
from verifier.cli.audit_repair import repair
from verifier.cli.audit_report import report
from verifier.cli.filters import filter_options
from verifier.cli.opening import CLOCK, VerifierCli
from verifier.services.erasure import Eraser
from verifier.trust.published import Untrusted, read_programme

_PATH: Final = click.Path(path_type=Path)
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_KEY_HINT: Final = "`python -m verifier audit keys` prints them where the log is kept; get them from the operator once"
Command = Callable[..., Any]


def _keys_option(command: Command) -> Command:
    told = "A key of the log, or a file with one key on each line. Repeatable."
    return click.option("--key", "keys", multiple=True, required=True, metavar="KEY", help=told)(command)


def _witness_options(command: Command) -> Command:
    told = "The key of a witness that you rely on, or a file with one key on each line. Repeatable."
    needed = "How many of these witnesses must have cosigned."
    command = click.option("--quorum", type=click.IntRange(1), default=1, show_default=True, help=needed)(command)
    return click.option("--witness", "witnesses", multiple=True, metavar="KEY", help=told)(command)


@click.group()
def audit() -> None:
    """The usage log as evidence: check it, prove an entry, export it, watch it, witness it."""


@audit.command()
@click.argument("log", type=click.Path(exists=True, path_type=Path))
@_keys_option
@click.option("--since", type=_FILE, help="A checkpoint kept from an earlier visit: the log must still begin like it.")
@click.option("--checkpoint", type=_FILE, help="The checkpoint for a folder. Default: the checkpoint in the folder.")
@click.option("--archive", type=_FOLDER, multiple=True, help="A folder to which old entries were moved.")
@_witness_options
@json_option
def verify(log: Path, keys: tuple[str, ...], as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's values
    """Check LOG, a folder of tiles or an exported file, offline. Exits 1 and names every fault: kind, place, words.

    The folder's `checkpoint.cosigned` and the checkpoint of `--since` also count for the witnesses.
    """
    trusted, witnesses = read_keys(keys), read_witness_keys(options["witnesses"])
    with _refusals():
        since = options["since"]
        earlier = None if since is None else open_checkpoint(since.read_bytes(), trusted, witnesses)
        if log.is_dir():
            notes, faults, read = _verify_folder(log, (trusted, witnesses), earlier, options)
        else:
            notes, faults, read = _verify_export(log, (trusted, witnesses), earlier)
        opened, seen = notes[0], cosignatures(notes, witnesses)
    said = {"origin": opened.checkpoint.origin, "size": opened.checkpoint.size, "entries": read,
            "faults": [asdict(fault) for fault in faults], "witnesses": asdict(seen)}  # fmt: skip
    names = ", ".join(each.key.vkey for each in opened.signed if each.key not in witnesses)
    good = f"{read} entries, no fault; signed by {names}" + (f"\n{seen.words}" if witnesses else "")
    emit(said, as_json, "\n".join(f"{fault.kind:<13} {fault.place}: {fault.message}" for fault in faults) or good)
    if faults:
        raise Refusal(
            f"{len(faults)} faults in the log", "keep this copy and the checkpoints you hold: they are evidence"
        )
    _require(seen, witnesses, options["quorum"])


def _require(seen: Cosignatures, witnesses: Sequence[NoteKey], quorum: int) -> None:
    if witnesses and len(seen.held) < quorum:
        raise Refusal(f"{seen.words}; {quorum} needed", "wait until the witnesses have seen it, or ask who runs them")


Trusted = tuple[Sequence[NoteKey], Sequence[NoteKey]]
"""Print the keys of the log and of its witnesses."""
VerifiedLog = tuple[list[OpenedCheckpoint], list[LogFinding], int]
"""The checkpoints of one log (first the checkpoint of the whole log), the faults, and the number of entries read."""


def _verify_folder(log: Path, keys: Trusted, since: OpenedCheckpoint | None, options: Mapping[str, Any]) -> VerifiedLog:
    asked: Path | None = options["checkpoint"]
    opened = open_checkpoint((asked or log / CHECKPOINT).read_bytes(), *keys)
    source = JoinedSource([FolderSource(folder) for folder in (log, *options["archive"])])
    faults, read = _follow(check_tiles(source, opened.checkpoint), opened.checkpoint.size)
    earlier = [] if since is None else [since]
    if keys[1] and asked is None and (log / COSIGNED).exists():
        earlier.append(open_checkpoint((log / COSIGNED).read_bytes(), *keys))
    faults += [found for one in earlier for found in check_history(source, opened.checkpoint, one.checkpoint)]
    return [opened, *earlier], faults, read


def _verify_export(path: Path, keys: Trusted, since: OpenedCheckpoint | None) -> VerifiedLog:
    with path.open("rb") as file:
        head = read_head(file.readline(1 << 20))
        opened = open_head(head, *keys)
        steps = check_export(head, opened, file, None if since is None else since.checkpoint)
        known = [opened] if since is None or not head.whole else [opened, since]
        return known, *_follow(steps, opened.checkpoint.size)


def _follow(steps: Iterable[LogFinding | CheckProgress], size: int) -> tuple[list[LogFinding], int]:
    faults: list[LogFinding] = []
    read = 0
    with progress(size, "entries") as bar:
        for step in steps:
            if isinstance(step, LogFinding):
                faults.append(step)
            else:
                bar.update(step.entries - read)
                read = step.entries
    return faults, read


@audit.command("compare")
@click.argument("one", type=_FILE)
@click.argument("other", type=_FILE)
@_keys_option
@click.option("--log", help="The log's tiles, a folder or an address: needed when the sizes differ.")
def compare_command(one: Path, other: Path, keys: tuple[str, ...], log: str | None) -> None:
    """Compare two checkpoints that two people were shown. Exits 1 if they cannot belong to one log."""
    trusted = read_keys(keys)
    with _refusals():
        opened = [open_checkpoint(path.read_bytes(), trusted) for path in (one, other)]
        sure = compare(None if log is None else _source(log), *opened)
    if not sure:
        raise Refusal("checkpoints of two sizes cannot be compared alone", "name the log's folder or address by --log")
    click.echo("both are checkpoints of one log")


@audit.command()
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "xlsx"]), default="jsonl", show_default=True)
@click.option("--output", "-o", type=_PATH, required=True, help="The file to write.")
@filter_options
@json_option
@click.pass_obj
def export(settings: Settings, /, form: str, output: Path, as_json: bool, **filters: str | None) -> None:
    """Write the published log, or a filtered part of it, to a file.

    JSON Lines carry the checkpoint and proofs, so that `audit verify` can check them anywhere. CSV and XLSX are for
    people.
    """
    with _refusals():
        programme = read_programme(settings.programme)
        log, wanted = _exported(settings, programme), _filter(filters)
        if form == "jsonl":
            with make_private(output).open("wb") as file:
                count = write_lines(_with_progress(json_lines(log, wanted), log.size), file)
        elif form == "csv":
            with make_private(output).open("w", encoding="utf-8", newline="") as text:
                count = write_csv(log, wanted, text, programme.zone)
        else:
            count = write_xlsx(log, wanted, make_private(output), programme.zone)
    said = {"file": str(output), "entries": count, "size": log.size}
    emit(said, as_json, f"{count} of {log.size} entries written to {output}")


def _with_progress(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    with progress(size, "entries") as bar:
        for line in lines:
            bar.update(line.startswith(b'{"index"'))
            yield line


@audit.command()
@click.argument("entry")
@click.option("--leaf", type=_PATH, help="Write the entry's bytes to this file.")
@click.pass_obj
def prove(settings: Settings, entry: str, leaf: Path | None) -> None:
    """Print the proof that ENTRY is in the log, as C2SP tlog-proof."""
    with _refusals():
        log = log_reader(settings, read_programme(settings.programme).issuer)
        proof = log.prove(name_in("id", entry))
        if leaf is not None:
            leaf.write_bytes(log.leaf(proof.index))
    click.echo(proof.encode(), nl=False)


@audit.command("check-proof")
@click.argument("proof", type=_FILE)
@click.argument("leaf", type=_FILE)
@_keys_option
@_witness_options
def check_proof(proof: Path, leaf: Path, keys: tuple[str, ...], witnesses: tuple[str, ...], quorum: int) -> None:
    """Check a proof from `prove` or the API for the entry whose bytes are in LEAF."""
    trusted, relied = read_keys(keys), read_witness_keys(witnesses)
    with _refusals():
        found = EntryProof.parse(proof.read_text(encoding="utf-8"))
        opened = found.verify(leaf_hash(leaf.read_bytes()), trusted, relied)
    seen = cosignatures([opened], relied)
    _require(seen, relied, quorum)
    said = f"entry {found.index} of {opened.checkpoint.size} in {opened.checkpoint.origin}"
    click.echo(f"{said}\n{seen.words}" if relied else said)


@audit.command()
@click.argument("url")
@_keys_option
@click.option("--memory", type=_PATH, default="watched-checkpoint", show_default=True,
              help="The file that keeps the last checkpoint from visit to visit.")  # fmt: skip
@click.option("--interval", type=click.IntRange(1), default=60, show_default=True, help="Seconds between visits.")
@click.option("--once", is_flag=True, help="Look once and end.")
@click.option("--against", type=_FILE, multiple=True, help="A checkpoint that somebody else was shown.")
@_witness_options
def watch(url: str, keys: tuple[str, ...], memory: Path, **options: Any) -> None:  # noqa: ANN401 - click's values
    """Watch the log at URL (…/v1/log): the log must begin with the tree that the last visit saw.

    Exits 1 with a loud message if the log was forked or rolled back. Both checkpoints are kept beside the memory as
    evidence.
    """
    trusted, witnesses = read_keys(keys), read_witness_keys(options["witnesses"])
    watcher = LogWatcher(UrlSource(url), trusted, memory, witnesses)
    while True:
        try:
            visit, told = _visit(watcher, trusted, options["against"])
            click.echo(f"{told}; {visit.witnesses.words}" if witnesses else told)
            if options["once"]:
                _require(visit.witnesses, witnesses, options["quorum"])
        except Forked as fork:
            click.echo("FORK\a", err=True)
            hint = f"the evidence lies beside {memory}; show it to everybody who relies on this log"
            raise Refusal(str(fork), hint) from None
        except (LogAway, NoteError, TileError) as error:
            if options["once"]:
                raise Refusal(f"the log could not be looked at: {error}", "check address and keys") from None
            click.echo(f"could not be looked at: {error}", err=True)
        if options["once"]:
            return
        Event().wait(options["interval"])


def _visit(watcher: LogWatcher, trusted: Sequence[NoteKey], against: Iterable[Path]) -> tuple[Visit, str]:
    visit = watcher.visit()
    for path in against:
        watcher.against(open_checkpoint(path.read_bytes(), trusted))
    grown = visit.now.size - (visit.before.size if visit.before else 0)
    return visit, f"{visit.now.size} entries ({grown:+d}), consistent"


@audit.command()
@click.option(
    "--folder", type=_FOLDER, default="witness", show_default=True, help="The folder of the witness's key and memory."
)
@click.option("--name", required=True, help="The witness's name, such as auditor.example/w1.")
@click.option("--log", "logs", multiple=True, required=True, metavar="KEY", help="A key of a log to watch. Repeat it.")
@click.option("--listen", default="127.0.0.1:8100", show_default=True, help="Host and port; put TLS in front of it.")
def witness(folder: Path, name: str, logs: tuple[str, ...], listen: str) -> None:
    """Run a witness: cosign a log as long as it only grows. Run it on a machine that the log's operator cannot
    reach.
    """
    watched = read_keys(logs)
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise click.BadParameter("give host:port", param_hint="--listen")
    with _refusals():
        cosigner = Cosigner(name, KeyStore(folder / "keys").note_signer("witness"))
        app = create_witness(WitnessBook(folder / "logs", watched, cosigner), CLOCK)
        work_out_structs()  # Before the server's threads begin
        server = make_server(host, int(port), app, threaded=True)
    click.echo(f"{cosigner.key.vkey} http://{host}:{server.port}")
    server.serve_forever()


@audit.command()
@click.option("--once", is_flag=True, help="Integrate what is new, ask the witnesses, and end.")
@click.pass_obj
def sequence(settings: Settings, once: bool) -> None:
    """Run the log's sequencer here; needs the log key. `python -m ops work` runs it too: the first process leads."""
    with _refusals():
        issuer = read_programme(settings.programme).issuer
        with VerifierCli(settings).ledger() as ledger:
            work = log_sequencing(settings, issuer, ledger, CLOCK)
            if work is None:
                raise Refusal("there is no log key here", "`python -m keys generate log` makes one")
            if not once:
                for job in work.jobs():
                    Repeating(job, CLOCK).start()
                Event().wait()
            size, cosigned = work.once(), work.cosign()
    click.echo(f"{size} entries, {cosigned} cosignatures")


@audit.command("archive")
@click.option("--older-than", "days", type=click.IntRange(1),
              help="Days since the youngest entry; else the programme's `retention_years`.")  # fmt: skip
@click.pass_obj
def archive_command(settings: Settings, days: int | None) -> None:
    """Move entries past their retention to YUNJU_LOG_ARCHIVE. Hash tiles stay, so every earlier proof stays valid."""
    if settings.log_archive is None:
        raise Refusal("there is no archive", "set YUNJU_LOG_ARCHIVE to a folder, for the service too")
    with _refusals():
        programme, now = read_programme(settings.programme), CLOCK.now()
        kept_from = retained_from(programme, now) if days is None else now - timedelta(days=days)
        home = open_home(settings, programme.issuer)
        state = home.place.read()
        moved = 0 if state is None else archive(home.folder, state.size, to_millis(kept_from), settings.log_archive)
    click.echo(f"{moved * WIDTH} entries from before {rfc3339(kept_from)} moved to {settings.log_archive}")


@audit.command("adopt")
@click.confirmation_option(prompt="Is the checkpoint's file lost for good, and are these the newest tiles?")
@click.pass_obj
def adopt_command(settings: Settings) -> None:
    """Begin again from the tiles if the checkpoint's file is lost for good. Restore the file instead if you can."""
    with _refusals():
        home = open_home(settings, read_programme(settings.programme).issuer)
        at = CLOCK.now()
        size = adopt(home, log_signers(settings, home.origin, at), at)
    click.echo(f"the log goes on from {size} entries")


@audit.command("erase")
@click.argument("subject")
@click.confirmation_option(prompt="Erase this holder for good? No entry will ever be traced to the person again.")
@click.pass_obj
def erase_command(settings: Settings, subject: str) -> None:
    """Erase a holder by `sub`: salt, `sub`, bookings' details, cards, tags. Every proof of the log stays valid.

    The service itself erases holders whose erasure the issuer's marks order.
    """
    with _refusals(), VerifierCli(settings).verifier() as verifier:
        known = verifier.ledger.pseudonym(subject) is not None
        eraser = Eraser(verifier.ledger, verifier.store, verifier.bookings, settings.secret())
        eraser.erase(subject, CLOCK.now(), by="command")
    if not known:
        raise Refusal("no such holder in the ledger", "cards kept under this `sub`, if any, are erased")
    click.echo("erased; the entries stay under a pseudonym that leads nowhere")


@audit.command("keys")
@json_option
@click.pass_obj
def keys_command(settings: Settings, as_json: bool) -> None:
    """Print the log's keys, as auditors and witnesses need them."""
    with _refusals():
        home = open_home(settings, read_programme(settings.programme).issuer)
        vkeys = [signer.key.vkey for signer in log_signers(settings, home.origin, CLOCK.now())]
    emit(vkeys, as_json, "\n".join(vkeys))


audit.add_command(repair)
audit.add_command(report)


def read_keys(told: Sequence[str]) -> list[NoteKey]:
    """Return the keys in texts, or in files of such texts. Raises Refusal for anything else."""
    found = []
    for text in told:
        path = Path(text)
        lines = path.read_text(encoding="utf-8").splitlines() if "+" not in text and path.is_file() else [text]
        try:
            found += [NoteKey.parse(line) for line in lines if line.strip()]
        except NoteError as error:
            raise Refusal(f"{text[:60]}: {error}", _KEY_HINT) from None
    return found


def read_witness_keys(texts: Sequence[str]) -> list[NoteKey]:
    """Return witnesses' keys in texts, or in files of such texts. Raises Refusal for a key that does not cosign."""
    found = read_keys(texts)
    for key in found:
        if key.kind is not KeyKind.COSIGNATURE:
            raise Refusal(f"{key.name}: no witness's key", "`python -m verifier audit witness` prints its key first")
    return found


def _exported(settings: Settings, programme: Programme) -> Exported:
    home = open_home(settings, programme.issuer)
    state = home.place.read()
    if state is None:
        raise Refusal("no checkpoint has been published yet", "`python -m verifier audit sequence --once` makes one")
    keys = [signer.key for signer in log_signers(settings, home.origin, CLOCK.now())]
    return Exported(home.source(), open_checkpoint(state.published, keys))


def _filter(filters: dict[str, str | None]) -> LogFilter:
    since, until = (parse_rfc3339(text) if (text := filters[name]) else None for name in ("since", "until"))
    values: dict[str, Any] = {name: filters[name] for name in NAMES}
    return LogFilter(since=since, until=until, **values)


def _source(log: str) -> TileSource:
    return UrlSource(log) if log.startswith(("http://", "https://")) else FolderSource(Path(log))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Forked as fork:
        raise Refusal(f"FORK: {fork}", "keep both checkpoints: by the log's own key, they are the evidence") from None
    except Unsafe as error:
        raise Refusal(str(error), error.hint) from None
    except NoteError as error:
        raise Refusal(f"the checkpoint cannot be trusted: {error}", _KEY_HINT) from None
    except (NotLogged, LeafError):
        raise Refusal("the published log has no such entry", "wait a minute, or check the id") from None
    except (NotAnExport, Unproved, ProofError) as error:
        raise Refusal(str(error), "give the file as it was written") from None
    except (NotLeader, LostSwap) as error:
        raise Refusal(str(error), "the service does the work already") from None
    except (PlaceError, TileError, LogAway) as error:
        raise Refusal(str(error), "`python -m verifier audit verify` names every fault") from None
    except (StoreError, InstantError, LedgerError, Untrusted, OSError) as error:
        raise Refusal(str(error), getattr(error, "hint", None)) from None


__all__ = ["audit", "read_keys"]
