"""The yearly notices that receipts answer. Their organiser keeps them, one for each service and year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.rights import Caller, Right
from cards.programme.types import BookingBasis, Service
from edge.fields import invalid
from edge.problems import Problem
from verifier.rules.notices import Notice
from verifier.service import Verifier


@dataclass(frozen=True, slots=True)
class NoticeSeen:
    """A notice and its service."""

    service: Service
    notice: Notice


class NoticeDesk:
    """Lists and changes notices for a caller."""

    def __init__(self, verifier: Verifier) -> None:
        """Work with the verifier's store."""
        self._verifier = verifier

    def services(self, caller: Caller) -> tuple[Service, ...]:
        """Return the services with a yearly notice whose bookings a caller handles at some point."""
        programme = self._verifier.programme
        offered = [(point.code, code) for point in programme.points.values() for code in point.services]
        mine = {code for point, code in offered if caller.may(Right.BOOKINGS, point, code)}
        rules = programme.booking_rules
        return tuple(
            one
            for one in programme.services.values()
            if one.code in mine and one.booking is not None and rules[one.booking].basis is BookingBasis.NOTICE
        )

    def listed(self, caller: Caller) -> tuple[NoticeSeen, ...]:
        """Return the notices of these services, the newest year first."""
        found = [
            NoticeSeen(service, one)
            for service in self.services(caller)
            for one in self._verifier.store.notices.of_service(service.code)
        ]
        return tuple(sorted(found, key=lambda seen: -seen.notice.year))

    def keep(self, caller: Caller, notice: Notice, at: datetime) -> None:
        """Keep a notice in place of the earlier one. Problems: `not-permitted`, `invalid-field` for days out of order.

        Earlier receipts stay as they are. New days count for receipts and appointments from now on.
        """
        if notice.service not in {one.code for one in self.services(caller)}:
            raise Problem("not-permitted")
        if not notice.in_order:
            raise invalid("$.days", "a notice's days end after they begin")
        self._verifier.store.notices.keep(notice, caller.operator_id or caller.id, at)
