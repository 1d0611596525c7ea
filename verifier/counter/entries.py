"""What every entry says of who asked, where and by which documents: told once for all kinds of changes."""

from __future__ import annotations

from typing import Any, Protocol

from ledger.values import Draft
from verifier.trust.published import Documents


class Requester(Protocol):
    """Who asks for a change: a caller of the accounts, a holder's phone, the sweeper."""

    @property
    def id(self) -> str:
        """The device, the integrator or the person: the scope of its operations."""
        ...

    @property
    def kind(self) -> str:
        """What kind of caller it is, as the log names it."""
        ...

    @property
    def operator_id(self) -> str | None:
        """The member of staff who is signed in, or None if nobody is."""
        ...


class Place(Protocol):
    """Where a use is: a point with counters, or a department's place."""

    @property
    def code(self) -> str:
        """The point's code in the programme."""
        ...

    @property
    def department(self) -> str:
        """The department that answers for the place."""
        ...


def draft_by(by: Requester, documents: Documents, place: Place, service: str, **said: Any) -> Draft:  # noqa: ANN401 - the draft's own fields
    """Return what an entry says of who asked, where and for which service, by which documents; `said` is the rest."""
    return Draft(
        point=place.code,
        department=place.department,
        service=service,
        device=by.id,
        caller=by.kind,
        programme=documents.programme.version,
        bundle=documents.bundle.version,
        operator=by.operator_id,
        **said,
    )
