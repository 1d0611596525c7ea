"""`python -m verifier bookings` and `matters`: sweep missed bookings, list holders who often miss, rebuild matters."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from edge.cli import emit, json_option
from edge.settings import load_settings
from verifier.cli.opening import CLOCK, VerifierCli, refusals


@click.group()
def bookings() -> None:
    """Bookings after their time."""


@bookings.command()
@json_option
def sweep(as_json: bool) -> None:
    """Record bookings whose time is over as missed, and erase expired details. Safe to run at any time."""
    with refusals(), VerifierCli(load_settings(os.environ)).verifier() as verifier:
        done, erased = verifier.upkeep.sweep(CLOCK.now()), verifier.store.sweep(CLOCK.now())
    text = f"{done.missed} missed, {done.released} released without a card, {erased} rows erased"
    emit(asdict(done) | {"erased": erased}, as_json, text)


@bookings.command()
@json_option
def missed(as_json: bool) -> None:
    """List the holders, by their name in the log, whose missed bookings this year reached the number to report."""
    with refusals(), VerifierCli(load_settings(os.environ)).verifier() as verifier:
        found = verifier.upkeep.missed_often(CLOCK.now())
    lines = [f"{one.holder}  {one.rule:<10} {one.missed} missed, last {one.last}" for one in found]
    emit([asdict(one) for one in found], as_json, "\n".join(lines) or "nobody missed that many")


@click.group()
def matters() -> None:
    """Matters that windows opened, as the log tells them."""


@matters.command()
@json_option
def rebuild(as_json: bool) -> None:
    """Delete the list of matters and read it again from the log."""
    with refusals(), VerifierCli(load_settings(os.environ)).verifier() as verifier:
        told = verifier.matters.rebuild()
    emit({"entries": told}, as_json, f"{told} entries told of matters")
