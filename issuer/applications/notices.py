"""Notices to applicants: queued in the transaction of what they tell, sent later. No more than a receipt number."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from issuer.applications.records import Application
from issuer.register.application_tables import NOTICES
from issuer.register.issuer import Issuer

MAIL, SMS = "mail", "sms"


def queue(issuer: Issuer, connection: Connection, application: Application, kind: str, *, at: datetime) -> None:
    """Queue a notice by every way that the applicant gave: e-mail, telephone. Nothing else of the person is kept."""
    ways = ((MAIL, application.content.email), (SMS, application.content.phone))
    for transport, address in ways:
        if not address:
            continue
        values = {
            "application_id": application.id,
            "kind": kind,
            "transport": transport,
            "address": issuer.register.seal(address.encode(), f"notices.address:{application.id}"),
            "language": application.language,
            "created_at": at,
            "next_at": at,
            "tries": 0,
        }
        connection.execute(NOTICES.insert().values(values))
