"""`python -m web.demo`: makes demonstration data if there is none, and shows where to click.

A second run makes nothing twice: it prints the same people and accounts with new one-time codes. Data that this program
did not make are left alone.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from accounts.factors import totp_code
from accounts.store import AccountStore
from audit.tree.sequencing import log_signers, open_home
from cards.programme.load import load_programme
from cards.wire import dictionary_of
from edge.clock import Clock, FixedClock, SystemClock
from edge.settings import Settings, SettingsError, load_settings
from issuer.publishing.publish import publish_if_due
from issuer.register.issuer import Issuer, open_issuer
from verifier.service import make_stores
from web.seeding import (
    DemoAccounts,
    DemoHolder,
    demo_points,
    device_code,
    printed_text,
    seed_accounts,
    seed_issuer,
    wallet_link,
)
from web.seeding_applications import seed_applications
from web.seeding_sandbox import POINT, RIGHTS, Sandbox, sandbox_text, seed_sandbox, tries
from web.seeding_uses import BEFORE, seed_uses

NOTE: Final = "demo.json"
"""In YUNJU_VAR: marks the data as a demonstration, and keeps its sign-ins (mode 0600)."""
AUDITORS: Final = {"auditor.li": "reads the log", "auditor.zhao": "may also ask for a name, saying what for"}
SHOWN: Final = "baiyun"
"""The programme whose applications the demonstration shows. Other programmes ask for other papers."""
LOCK: Final = ".demo-lock"
BEGUN: Final = "demo.begun"
"""In YUNJU_VAR from before the first data until NOTE is written: the data are incomplete during this time."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The parts of the demonstration."""

    holders: tuple[DemoHolder, ...]
    accounts: DemoAccounts
    sandbox: Sandbox | None = None
    """For programs that call the API. None in data of an older version, and of other programmes."""


@dataclass(frozen=True, slots=True)
class DemoOffice:
    """The open stores that the demonstration fills."""

    settings: Settings
    desk: Issuer
    accounts: AccountStore

    def close(self) -> None:
        """Close both stores."""
        self.desk.close()
        self.accounts.close()


def open_office(settings: Settings) -> DemoOffice:
    """Open the stores that the settings name. Make them if they are absent."""
    settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    return DemoOffice(settings, open_issuer(settings), AccountStore.open(settings.accounts_url, settings.secret()))


def demonstrate(office: DemoOffice, at: datetime, more: Callable[[Demo], Demo] | None = None) -> Demo:
    """Return the demonstration's data, with the additions of `more`. Make them if absent, and publish what is due."""
    note = office.settings.var / NOTE
    if note.exists():
        publish_if_due(office.desk, at)
        return _read(note)
    if office.settings.serves("verifier"):
        make_stores(office.settings, FixedClock(at))
    holders = tuple(seed_issuer(office.desk, at))
    made = Demo(holders, seed_accounts(office.accounts, at))
    made = made if more is None else more(made)
    write_whole(note, json.dumps(asdict(made), ensure_ascii=False))
    (office.settings.var / BEGUN).unlink(missing_ok=True)
    return made


def write_whole(note: Path, text: str) -> None:
    """Write a file for this user alone, whole or not at all: half a note would open nothing."""
    draft = note.with_name(f".{note.name}.draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(note)


def _read(note: Path) -> Demo:
    kept = json.loads(note.read_text(encoding="utf-8"))
    holders = tuple(DemoHolder(**holder) for holder in kept["holders"])
    sandbox = kept.get("sandbox")
    return Demo(holders, DemoAccounts(**kept["accounts"]), None if sandbox is None else Sandbox(**sandbox))


def holds_other_data(settings: Settings) -> bool:
    """Return whether there are data that are not the demonstration's."""
    if (settings.var / NOTE).exists() or (settings.var / BEGUN).exists():
        return False
    return any(path.exists() for path in (settings.keys, settings.published, settings.var / "register.db"))


def remove(settings: Settings) -> bool:
    """Empty the demonstration's folder. Return whether there was one. Never removes data of another kind."""
    if not (settings.var / NOTE).exists() and not (settings.var / BEGUN).exists():
        return False
    for path in settings.var.iterdir():
        if path.name in {BEGUN, LOCK}:
            continue  # After a stop here, the next run finds that the data are incomplete
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (settings.var / BEGUN).unlink(missing_ok=True)
    return True


def where_to_click(office: DemoOffice, demo: Demo, at: datetime) -> str:
    """Return what to click, to type and to paste, with one-time codes made for this text."""
    base = office.settings.base_url
    lines = [f"Yunju is at {base}", "", f"Counter   {base}/counter   one-time code for a tablet at:"]
    programme = office.desk.programme
    for code in demo_points(programme):
        name = programme.points[code].name.in_language("zh")
        lines.append(f"  {device_code(office.accounts, code, at)}  {name}")
    lines += ["", f"Wallet    {base}/wallet   open the link, then the last four characters of the ID:"]
    lines += [line for holder in demo.holders for line in _holder_lines(office, holder, at)]
    people = demo.accounts.people
    lines += ["", f"Audit     {base}/audit   sign in with a name and password of:"]
    lines += [f"  {name:<14} {password}   {told}" for name, told in AUDITORS.items() if (password := people.get(name))]
    lines += ["", f"Apply     {base}/apply   for anybody, without an account; the office decides at {base}/office"]
    lines += ["", f"Staff     {base}/sign-in   the others, by name and password:"]
    lines += [f"  {name:<14} {password}" for name, password in people.items() if name not in AUDITORS]
    if demo.accounts.second_steps:
        lines += ["  Asked for a second step, with one-time codes: " + ", ".join(demo.accounts.second_steps)]
        lines += ["  `python -m web.demo --code NAME` prints NAME's code of this half minute"]
    if demo.sandbox is not None:
        lines += [
            "",
            f"Programs  {base}/v1/openapi.json   docs/integrators.md; an organisation's server has the token:",
        ]
        lines += [f"  {demo.sandbox.token}", "  `python -m web.demo --sandbox` prints a card for each answer, as JSON"]
    lines += ["", "Operator  signs in at a counter, after the tablet's own code; may supervise too:"]
    lines += [f"  operator {code}  PIN {pin}" for code, pin in demo.accounts.operators.items()]
    return "\n".join(lines)


def witness_keys(settings: Settings, at: datetime) -> list[str]:
    """Return the keys of the usage log for a witness, as verifier keys."""
    home = open_home(settings, load_programme(settings.programme).issuer)
    return [signer.key.vkey for signer in log_signers(settings, home.origin, at)]


def print_code(settings: Settings, name: str, at: datetime) -> int:
    """Print the authenticator code of one of the demonstration's people. Return 1 if there is no such person."""
    note = settings.var / NOTE
    secret = _read(note).accounts.second_steps.get(name) if note.exists() else None
    if secret is None:
        print(
            f"error: no demonstration's person {name} has one-time codes\nhint: run it without --code", file=sys.stderr
        )
        return 1
    print(totp_code(secret, at))
    return 0


def print_sandbox(settings: Settings, at: datetime) -> int:
    """Print the data for trying a program. Return 1, with a remedy, if the data have no sandbox."""
    demo = _read(settings.var / NOTE) if (settings.var / NOTE).exists() else None
    if demo is None or demo.sandbox is None:
        hint = "make run makes one; where an older version made the data: python -m web.demo --fresh"
        print(f"error: {settings.var} has no sandbox\nhint: {hint}", file=sys.stderr)
        return 1
    office = open_office(settings)
    try:
        made = office.accounts.devices.make_code(
            POINT, needs_operator=False, by="demo", at=at, label="Sandbox", rights=RIGHTS
        )
        found = tries(office.desk, demo.holders, demo.sandbox)
        dictionary = dictionary_of(office.desk.programme)
        print(sandbox_text(settings.base_url, made.code, demo.sandbox, found, dictionary))
    finally:
        office.close()
    return 0


def _holder_lines(office: DemoOffice, holder: DemoHolder, at: datetime) -> list[str]:
    tier = office.desk.programme.tiers[holder.tier].name.in_language("zh")
    link = wallet_link(office.desk, holder, at) or "(this holder has enrolled too many phones)"
    lines = [
        f"  {holder.name}  {tier}{f' ({holder.told})' if holder.told else ''}",
        f"    phone          {link}   ID …{holder.id_last4}",
    ]
    text = printed_text(office.desk, holder)
    return [*lines, f"    printed card   {text}"] if text else lines


def prepare(settings: Settings, clock: Clock, *, fresh: bool = False) -> bool:
    """Make the demonstration's data if there are none. Return False, with nothing changed, if there are other data.

    Of two runs at the same time, one waits for the other. Data that an interrupted run left incomplete are made again.
    """
    if holds_other_data(settings):
        return False
    with _alone(settings.var):
        half_made = (settings.var / BEGUN).exists() and not (settings.var / NOTE).exists()
        if fresh or half_made:
            remove(settings)
        if not (settings.var / NOTE).exists():
            (settings.var / BEGUN).touch()
        office = open_office(settings)
        try:
            _fill(office, clock.now())
        finally:
            office.close()
    return True


def _fill(office: DemoOffice, at: datetime) -> None:
    """Make the demonstration's data. For the shipped programme, also make a day at the counters and applications."""
    if office.desk.programme.code != SHOWN:
        demonstrate(office, at)
        return
    day = partial(_with_a_day, office, at)
    demonstrate(office, at if (office.settings.var / NOTE).exists() else at - BEFORE, day)
    seed_applications(office.desk, office.accounts, at)


def _with_a_day(office: DemoOffice, at: datetime, made: Demo) -> Demo:
    made = replace(made, sandbox=seed_sandbox(office.desk, office.accounts, at - BEFORE))
    return replace(made, holders=seed_uses(office.settings, office.desk, office.accounts, made.holders, at))


def announce(settings: Settings, clock: Clock, *, prepared: bool = True) -> str:
    """Return the text to print: where to click and how to sign in, with new codes. For other data, only the address."""
    if not prepared:
        return f"Yunju is at {settings.base_url}; the data under {settings.var} is left as it is."
    with _alone(settings.var):
        office = open_office(settings)
        try:
            at = clock.now()
            return where_to_click(office, demonstrate(office, at), at)
        finally:
            office.close()


def run(settings: Settings, clock: Clock, *, fresh: bool) -> int:
    """Make and show the demonstration. Return 1, with a remedy, if `fresh` would remove somebody's real data."""
    prepared = prepare(settings, clock, fresh=fresh)
    if fresh and not prepared:
        print(f"error: {settings.var} is no demonstration's\nhint: remove it by hand", file=sys.stderr)
        return 1
    print(announce(settings, clock, prepared=prepared), flush=True)
    return 0


@contextmanager
def _alone(var: Path) -> Iterator[None]:
    var.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (var / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and the environment."""
    parser = argparse.ArgumentParser(prog="python -m web.demo", description="Demonstration data, and where to click.")
    parser.add_argument("--fresh", action="store_true", help="remove the demonstration's data first")
    parser.add_argument("--code", metavar="NAME", help="print NAME's one-time code of this half minute, nothing else")
    parser.add_argument("--sandbox", action="store_true", help="print what a program is tried with, as JSON")
    asked = parser.parse_args(arguments)
    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        print("\n".join(f"error: {fault}" for fault in error.faults), file=sys.stderr)
        return 2
    if asked.code is not None:
        return print_code(settings, asked.code, SystemClock().now())
    if asked.sandbox:
        return print_sandbox(settings, SystemClock().now())
    return run(settings, SystemClock(), fresh=asked.fresh)


if __name__ == "__main__":
    sys.exit(main())
