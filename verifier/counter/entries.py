"""What every entry says about the requester, the place and the documents: one definition for all kinds of changes."""

from __future__ import annotations

from typing import Any, Protocol

from ledger.values import Draft
from verifier.trust.published import Documents


class Requester(Protocol):
    """Who asks for a change: a caller with an account, a holder's phone, or the sweeper."""

    @property
    def id(self) -> str:
        """The device, the integrator or the person. It is the scope of the requester's operations."""
        ...

    @property
    def kind(self) -> str:
        """The kind of the requester, as the log names it."""
        ...

    @property
    def operator_id(self) -> str | None:
        """The signed-in member of staff, or None if nobody is signed in."""
        ...


class Place(Protocol):
    """The place of a use: a point with counters, or a department's place."""

    @property
    def code(self) -> str:
        """The point's code in the programme."""
        ...

    @property
    def department(self) -> str:
        """The department that is responsible for the place."""
        ...


def draft_by(by: Requester, documents: Documents, place: Place, service: str, **said: Any) -> Draft:  # noqa: ANN401 - the draft's own fields
    """Return an entry's draft: the requester, the place, the service and the documents. `said` holds the other
    fields.
    """
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
