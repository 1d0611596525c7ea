"""The office's view of holders, cards and log lines, as plain values for JSON. Identity numbers are masked."""

from __future__ import annotations

from cards.periods import last_day
from edge.instants import rfc3339, rfc3339_or_none
from issuer.issuing.issuing import IssuedCard, status_uri
from issuer.register.entitlement import HeldGround
from issuer.register.holders import Holder
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeEntry


def holder_view(holder: Holder, *, full: bool) -> dict[str, object]:
    """Return a holder. The full name is included only on request."""
    return {
        "id": holder.id,
        "name": holder.name if full else holder.masked_name,
        "id_type": holder.identity.kind.value,
        "id_country": holder.identity.country or None,
        "id_number": holder.identity.masked,
        "phone": (holder.phone or None) if full else None,
        "photo": holder.has_photo,
        "added_at": rfc3339(holder.added_at),
    }


def ground_view(ground: HeldGround) -> dict[str, object]:
    """Return a ground. `last_day` is None if it does not end by itself."""
    return {
        "id": ground.id,
        "code": ground.code,
        "limb": ground.limb,
        "tier": ground.tier,
        "reference": ground.reference,
        "body": ground.body,
        "last_day": None if ground.last_day is None else ground.last_day.isoformat(),
        "added_at": rfc3339(ground.added_at),
        "withdrawn_at": rfc3339_or_none(ground.withdrawn_at),
    }


def card_view(issuer: Issuer, card: IssuedCard, *, token: bool = False) -> dict[str, object]:
    """Return a card as plain values. The token is included only on request: the token of a printed card is the card."""
    shown: dict[str, object] = {
        "id": card.id,
        "holder": card.holder_id,
        "number": card.number,
        "form": card.form.value,
        "tier": card.tier,
        "state": card.state.value,
        "suspended_by": card.suspended_by,
        "issued_at": rfc3339(card.issued_at),
        "expires_at": rfc3339(card.expires_at),
        "valid_until": rfc3339(card.valid_until),
        "last_day": last_day(card.valid_until, issuer.programme.zone).isoformat(),
        "status": {"uri": status_uri(issuer, card.status_list), "idx": card.status_index},
        "ended_because": card.ended_because,
        "replaced_by": card.replaced_by,
    }
    return shown | {"token": card.token} if token else shown


def line_view(line: OfficeEntry) -> dict[str, object]:
    """Return a line of the office log."""
    return {
        "seq": line.seq,
        "at": rfc3339(line.at),
        "actor": line.actor,
        "action": line.action.value,
        "holder": line.holder_id,
        "card": line.card_id,
        "detail": line.detail,
    }


def as_text(shown: dict[str, object]) -> str:
    """Return plain values as aligned lines for a terminal, without None values."""
    rows = {name: value for name, value in shown.items() if value is not None}
    width = max((len(name) for name in rows), default=0)
    return "\n".join(f"{name:<{width}}  {_words(value)}" for name, value in rows.items())


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value)
