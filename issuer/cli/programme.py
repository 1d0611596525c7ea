"""`python -m issuer programme …`: check a programme file before it replaces the present one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import click

from cards.programme.export import programme_json
from cards.programme.load import ProgrammeError, load_programme
from cards.programme.playing import Played, play_month
from cards.programme.types import Programme, Service
from edge.cli import Refusal, emit, json_option
from issuer.cli.office import IssuerCli

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OWN = frozenset({"sha256"})
_YEARS = (2000, 2200)
_TOUCHES: Mapping[str, Callable[[Service, str], bool]] = {
    "services": lambda service, code: service.code == code,
    "quotas": lambda service, code: service.quota == code,
    "exclusions": lambda service, code: service.exclusion is not None and service.exclusion[0] == code,
    "booking_rules": lambda service, code: service.booking == code,
    "points": lambda service, code: code in service.points,
}
"""Which services a change in a section concerns."""


@click.group()
def programme() -> None:
    """Programme files: check one, compare two, play a month on paper. These commands change nothing."""


@programme.command()
@click.argument("file", type=_FILE)
@json_option
def check(*, file: Path, as_json: bool) -> None:
    """Name every fault of a programme file, each with its place and the remedy. Exits 1 if there is a fault."""
    found = _loaded(file)
    counts = {"services": len(found.services), "grounds": len(found.grounds), "assumptions": len(found.assumptions)}
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    emit({"version": found.version, **counts}, as_json, f"{found.code} {found.version}: no fault; {told}")


@programme.command()
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@json_option
def diff(*, old: Path, new: Path, as_json: bool) -> None:
    """Show the differences between two programme files, and the tiers that each concerns."""
    rows = list(_differences(_loaded(old), _loaded(new)))
    lines = [f"{row['place']}: {row['old']} -> {row['new']}{_whom(row)}" for row in rows]
    emit(rows, as_json, "\n".join(lines) or "nothing differs")


@programme.command("try")
@click.argument("file", type=_FILE)
@click.option(
    "--month", type=click.DateTime(["%Y-%m"]), help="The month to play, YYYY-MM; the present month if none is given."
)
@click.option("--tier", help="Only this tier.")
@json_option
@click.pass_obj
def try_month(office: IssuerCli, /, *, file: Path, month: datetime | None, tier: str | None, as_json: bool) -> None:
    """Play a month of a holder of each tier on paper: each counter service, tried once a day."""
    found = _loaded(file)
    if tier is not None and tier not in found.tiers:
        raise Refusal("the programme has no such tier", f"one of {', '.join(found.tiers)}")
    day = (office.now().astimezone(found.zone) if month is None else month).date()
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise Refusal("nobody plays so far from today", f"a month from {_YEARS[0]}-01 to {_YEARS[1]}-12")
    rows = [
        _played_row(one.code, played)
        for one in sorted(found.tiers.values(), key=lambda each: each.rank)
        if tier in (None, one.code)
        for played in play_month(found, one.code, day)
    ]
    emit(rows, as_json, "\n".join(_played_line(row) for row in rows))


def _played_row(tier: str, played: Played) -> dict[str, object]:
    return {
        "tier": tier,
        "service": played.service.code,
        "granted": played.granted,
        "refused_on": None if played.refused_on is None else played.refused_on.isoformat(),
        "reason": played.reason,
        "again_on": None if played.again_on is None else played.again_on.isoformat(),
        "booking": played.service.booking,
    }


def _played_line(row: Mapping[str, object]) -> str:
    refused = f", then {row['reason']} from {row['refused_on']}" if row["reason"] else ""
    again = f", again on {row['again_on']}" if row["again_on"] else ""
    booked = f" (booked: {row['booking']})" if row["booking"] else ""
    return f"{row['tier']:<8} {row['service']:<26} {row['granted']:>3} granted{refused}{again}{booked}"


def _loaded(file: Path) -> Programme:
    try:
        return load_programme(file)
    except ProgrammeError as error:
        raise Refusal(str(error), "; ".join(fault.remedy for fault in error.faults[:5])) from None


def _differences(old: Programme, new: Programme) -> Iterator[dict[str, object]]:
    before, after = dict(_leaves(programme_json(old))), dict(_leaves(programme_json(new)))
    for place in sorted(before.keys() | after.keys()):
        if before.get(place) != after.get(place) and place not in _OWN:
            tiers = _tiers(place, old, new)
            yield {"place": place, "old": before.get(place), "new": after.get(place), "tiers": tiers}


def _leaves(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _leaves(part, f"{place}.{name}" if place else str(name))
    else:
        yield place, value


def _tiers(place: str, old: Programme, new: Programme) -> list[str]:
    """Return the tiers that a change concerns, in the old file or the new file: those of the services that it touches,
    of the ground, or the tier itself.
    """
    section, _, rest = place.partition(".")
    code = rest.partition(".")[0]
    return sorted({tier for one in (old, new) for tier in _concerned(one, section, code)})


def _concerned(programme: Programme, section: str, code: str) -> Iterator[str]:
    if section == "tiers":
        yield code
    elif section == "grounds" and code in programme.grounds:
        tier = programme.grounds[code].tier
        yield from programme.tiers if tier is None else (tier,)
    elif (touches := _TOUCHES.get(section)) is not None:
        for service in programme.services.values():
            if touches(service, code):
                yield from service.tiers


def _whom(row: Mapping[str, object]) -> str:
    tiers = row["tiers"]
    return f"  (for {', '.join(tiers)})" if isinstance(tiers, list) and tiers else ""
