"""The places that answer for a use: their supervisors may release, refuse or void it (docs/design.md §6). Pure."""

from __future__ import annotations

from accounts.rights import DEPARTMENT, Caller, Right
from cards.programme.types import Programme


def departments_of(programme: Programme, service: str) -> tuple[str, ...]:
    """Return the places of the departments that answer for a service, or nothing for a service that was removed."""
    found = programme.services.get(service)
    return () if found is None else tuple(f"{DEPARTMENT}{code}" for code in found.departments)


def answering_places(programme: Programme, point: str, service: str) -> tuple[str, ...]:
    """Return the places that answer for a use of `service` recorded at `point`.

    These are the point itself if it offers the service, otherwise the points that offer it: a gym never answers for an
    airport's uses. The service's departments always answer.
    """
    place = programme.points.get(point)
    if place is not None and service in place.services:
        return (point, *departments_of(programme, service))
    own = tuple(code for code, one in programme.points.items() if service in one.services)
    return (*own, *departments_of(programme, service))


def answers_for(caller: Caller, right: Right, programme: Programme, point: str, service: str) -> bool:
    """Return whether a caller has a supervisor's right over a use."""
    return any(caller.may(right, place, service) for place in answering_places(programme, point, service))


def of_department(caller: Caller, right: Right, programme: Programme, service: str) -> bool:
    """Return whether a caller has the right at the place of a department that answers for the service."""
    return any(caller.may(right, place, service) for place in departments_of(programme, service))
