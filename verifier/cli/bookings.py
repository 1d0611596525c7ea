"""`python -m verifier bookings` and `matters`: sweep what was missed, list whom to tell, rebuild what follows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from edge.cli import Refusal, emit, json_option
from edge.clock import SystemClock
from edge.problems import Problem
from edge.settings import Settings, load_settings
from keys.files import StoreError
from ledger.values import LedgerError
from verifier.service import Verifier, open_verifier
from verifier.trust.published import Untrusted

CLOCK = SystemClock()


@click.group()
def bookings() -> None:
    """Bookings that nobody asks about any more."""


@bookings.command()
@json_option
def sweep(as_json: bool) -> None:
    """Note bookings whose time is over as missed, and erase details whose time is over. Safe to run at any time."""
    with _opened(load_settings(os.environ)) as verifier:
        done, erased = verifier.upkeep.sweep(CLOCK.now()), verifier.store.sweep(CLOCK.now())
    text = f"{done.missed} missed, {done.released} released without a card, {erased} rows erased"
    emit(asdict(done) | {"erased": erased}, as_json, text)


@bookings.command()
@json_option
def missed(as_json: bool) -> None:
    """List the holders, by their name in the log, who missed so many bookings this year that the office is told."""
    with _opened(load_settings(os.environ)) as verifier:
        found = verifier.upkeep.missed_often(CLOCK.now())
    lines = [f"{one.holder}  {one.rule:<10} {one.missed} missed, last {one.last}" for one in found]
    emit([asdict(one) for one in found], as_json, "\n".join(lines) or "nobody missed that many")


@click.group()
def matters() -> None:
    """Matters that windows opened, as the log tells them."""


@matters.command()
@json_option
def rebuild(as_json: bool) -> None:
    """Forget the list of matters and read it anew from the log."""
    with _opened(load_settings(os.environ)) as verifier:
        told = verifier.matters.rebuild()
    emit({"entries": told}, as_json, f"{told} entries told of matters")


@contextmanager
def _opened(settings: Settings) -> Iterator[Verifier]:
    try:
        verifier = open_verifier(settings, CLOCK)
        try:
            yield verifier
        finally:
            verifier.close()
    except (Untrusted, StoreError) as error:
        raise Refusal(str(error), "`python -m issuer publish` writes the signed documents") from None
    except (LedgerError, Problem) as error:
        raise Refusal(f"the ledger cannot be used: {error}", "check YUNJU_LEDGER_URL") from None
