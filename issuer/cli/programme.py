"""`python -m issuer programme …`: look at a programme file before it is put in the place of the one that is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from cards.programme.export import programme_json
from cards.programme.load import ProgrammeError, load_programme
from cards.programme.types import Programme
from edge.cli import Refusal, emit, json_option

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OWN = frozenset({"sha256"})


@click.group()
def programme() -> None:
    """Programme files: check one, compare two. Nothing is changed by this."""


@programme.command()
@click.argument("file", type=_FILE)
@json_option
def check(*, file: Path, as_json: bool) -> None:
    """Say every fault of a programme file, each with its place and the remedy; exit 1 where there is one."""
    found = _loaded(file)
    counts = {"services": len(found.services), "grounds": len(found.grounds), "assumptions": len(found.assumptions)}
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    emit({"version": found.version, **counts}, as_json, f"{found.code} {found.version}: no fault; {told}")


@programme.command()
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@json_option
def diff(*, old: Path, new: Path, as_json: bool) -> None:
    """Tell what differs between two programme files, and which tiers a changed service concerns."""
    rows = list(_differences(_loaded(old), _loaded(new)))
    lines = [f"{row['place']}: {row['old']} -> {row['new']}{_whom(row)}" for row in rows]
    emit(rows, as_json, "\n".join(lines) or "nothing differs")


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
    """Return the tiers that a service's change concerns, in the old file or the new one."""
    section, _, rest = place.partition(".")
    code = rest.partition(".")[0]
    found = [one.services[code].tiers for one in (old, new) if section == "services" and code in one.services]
    return sorted(frozenset().union(*found))


def _whom(row: Mapping[str, object]) -> str:
    tiers = row["tiers"]
    return f"  (for {', '.join(tiers)})" if isinstance(tiers, list) and tiers else ""
