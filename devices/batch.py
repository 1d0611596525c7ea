"""A stack of cards, one after another: issue, write, report. A card that was removed too early is put on again, and
nothing is issued twice.

The issuer is called through its public command line, because this room knows nothing of the register.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cards.claims import CARD
from cards.wire import Dictionary
from devices.faults import CardGone, DeviceFault
from devices.ntag424 import TagMasters
from devices.personalise import (
    CardKind,
    Replacing,
    Written,
    holds_key,
    make_key,
    write_chip,
    write_tag,
    write_tag424,
)
from devices.piv import ManagementKey, select
from devices.transport import Tap
from edge.strictjson import JsonError, dumps, loads
from keys.jwk import key_from_jwk
from keys.tokens import parse_unverified

ISSUER_SECONDS: Final = 120
TRIES_MOST: Final = 5


class IssuerFault(DeviceFault):
    """The issuer's command refused, or gave an unexpected answer."""


@dataclass(frozen=True, slots=True)
class IssuerCommand:
    """The issuer's command line. `command` is the part before `card issue`."""

    command: tuple[str, ...]

    def issue(self, holder: str, kind: CardKind, jwk: dict[str, str] | None) -> str:
        """Have a card issued to a holder, with the key `jwk` for a chip. Return its token."""
        form = "chip" if kind is CardKind.CHIP else "tag"
        asked = ["card", "issue", holder, "--form", form, "--json"]
        if jwk is None:
            made = self._run(asked)
        else:
            with tempfile.NamedTemporaryFile(suffix=".jwk") as file:
                file.write(dumps(jwk))
                file.flush()
                made = self._run([*asked, "--key", file.name])
        shown = self._run(["card", "show", str(made.get("id", "")), "--token", "--json"])
        token = shown.get("token")
        if not isinstance(token, str):
            raise IssuerFault("the issuer told no token", "try: python -m issuer card show NAME --token --json")
        return token

    def withdraw(self, card: str) -> None:
        """Have a card revoked that was issued but could not be written: nobody holds it."""
        self._run(["card", "revoke", card, "--because", "damaged", "--json"])

    def _run(self, words: list[str]) -> dict[str, object]:
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own choice of command, never a shell
                [*self.command, *words], capture_output=True, text=True, timeout=ISSUER_SECONDS, check=False
            )
            found = loads(done.stdout) if done.returncode == 0 else None
        except (OSError, subprocess.TimeoutExpired, JsonError) as error:
            raise IssuerFault(f"the issuer's command failed ({type(error).__name__})", " ".join(self.command)) from None
        if not isinstance(found, dict):
            told = done.stderr.strip().splitlines()
            raise IssuerFault(told[0] if told else "the issuer refused", told[1] if len(told) > 1 else "")
        return found


@dataclass(frozen=True, slots=True)
class Setup:
    """The parameters for every card of a batch. No `repr` shows the keys."""

    kind: CardKind
    issuer: IssuerCommand
    management: ManagementKey | None = None
    masters: TagMasters | None = None
    base: str = ""
    lock: bool = False
    dictionaries: Mapping[int, Dictionary] = field(default_factory=dict)
    replace: bool = False


@dataclass
class BatchJob:
    """One holder's card. After an interrupted try, its parts are kept, so that nothing is issued twice.

    `begun`: a chip was free and may already have a new key, although the answer was lost.
    """

    holder: str
    begun: bool = False
    jwk: dict[str, str] | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One line of the report."""

    holder: str
    card: str | None
    done: bool
    fault: str | None
    tries: int
    exchanges: int

    def to_json(self) -> dict[str, object]:
        """Return the line as JSON values."""
        return {
            "holder": self.holder,
            "card": self.card,
            "done": self.done,
            "fault": self.fault,
            "tries": self.tries,
            "exchanges": self.exchanges,
        }


def write_card(tap: Tap, setup: Setup, job: BatchJob) -> Written:
    """Issue and write one card. After a fault, repeat with the same `job`."""
    if setup.kind is CardKind.CHIP:
        return _write_chip(tap, setup, job)
    if job.token is None:
        job.token = setup.issuer.issue(job.holder, setup.kind, None)
    if setup.kind is CardKind.TAG:
        return write_tag(tap, job.token, lock=setup.lock, dictionaries=setup.dictionaries)
    if setup.masters is None or not setup.base:
        raise DeviceFault("counting tags need master keys and a link", "--masters FILE --link https://…/t")
    return write_tag424(tap, setup.masters, setup.base, job.token)


def run(
    taps: Iterable[Callable[[Callable[[Tap], Written]], Written]],
    setup: Setup,
    holders: list[str],
    say: Callable[[str], None],
) -> Iterator[tuple[BatchRow, Written | None]]:
    """Write one card for each holder. `taps` gives one card after another, each as a function that runs work on it."""
    source = iter(taps)
    for holder in holders:
        job, fault, written, tries, ended = BatchJob(holder), None, None, 0, False
        while written is None and tries < TRIES_MOST:
            tries += 1
            try:
                written = next(source)(lambda tap, job=job: write_card(tap, setup, job))  # type: ignore[misc]
            except StopIteration:
                fault, ended = fault or "no card was put on", True
                break
            except IssuerFault as refused:
                fault = str(refused)
                break
            except DeviceFault as torn:
                fault = str(torn)
                say(f"{holder}: {torn}; put the same card on again ({torn.hint})")
        done = written is not None
        if not done and job.token is not None:
            fault = f"{fault}; {_withdrawn(setup.issuer, job.token)}"
        card = None if written is None else written.card_id
        yield BatchRow(holder, card, done, None if done else fault, tries, written.exchanges if written else 0), written
        if ended:
            return


def _withdrawn(issuer: IssuerCommand, token: str) -> str:
    """Revoke a card that was not written, and report this. If the issuer is away, report what is left to do."""
    card = str(parse_unverified(token, CARD).claims.get("jti"))
    try:
        issuer.withdraw(card)
    except IssuerFault:
        return f"card {card} was issued and is on no chip: revoke it (python -m issuer card revoke {card})"
    return f"card {card} was revoked again, since it is on no chip"


def read_holders(path: Path) -> list[str]:
    """Read the holders of a batch, one id on each line. Empty lines and `#` comments are skipped."""
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line]


def _write_chip(tap: Tap, setup: Setup, job: BatchJob) -> Written:
    if setup.management is None:
        raise DeviceFault("a chip is set up with its management key", "--management-key-file FILE")
    replacing = Replacing.ALL if setup.replace else Replacing.KEY if job.begun else Replacing.NOTHING
    if job.jwk is None:
        job.jwk = _made_key(tap, setup.management, job, replacing)
    elif not select(tap) or not holds_key(tap, key_from_jwk(job.jwk)):
        raise DeviceFault("this is another chip than the one before", "put the chip on that was torn away")
    if job.token is None:
        job.token = setup.issuer.issue(job.holder, setup.kind, job.jwk)
    return write_chip(tap, setup.management, job.token, replacing=replacing)


def _made_key(tap: Tap, management: ManagementKey, job: BatchJob, replacing: Replacing) -> dict[str, str]:
    """Make the job's key. An interrupted chip may already hold the new key: the same job may replace this key."""
    try:
        return make_key(tap, management, replacing=replacing)
    except CardGone:
        job.begun = True
        raise
