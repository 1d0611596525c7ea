"""The simplest possible ledger: a list of events, which is read from its start for every question."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from ledger.bookings import BookingChange, BookingEnd, ChangeKind, Hold, Window
from ledger.offline import OfflineUse
from ledger.values import Charge, CheckIn, CheckOut, Choice, TargetState, Void


@dataclass
class Used:
    """A granted check-in, what became of it, and of a re-entry the opening it belongs to."""

    id: str
    change: CheckIn
    at: datetime
    opening: Used | None = None
    left_before: datetime | None = None
    left_at: datetime | None = None
    voided: bool = False


@dataclass
class Booked:
    """A granted booking and what became of it."""

    id: str
    holder: str
    service: str
    state: str
    window: Window
    charges: tuple[Charge, ...]
    choice: Choice | None
    holds: bool = True


@dataclass
class Model:
    """Judges as docs/design.md §5 step 10 and §6 say, in the plainest words."""

    log: list[str] = field(default_factory=list)
    uses: dict[str, list[Used]] = field(default_factory=dict)
    proofs: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)
    bookings: dict[str, Booked] = field(default_factory=dict)

    def used(self, holder: str, limit: str, period: str) -> int:
        """Units of all uses that stand and of all bookings that hold."""
        return sum(
            charge.units
            for charges in (
                *(use.change.charges for use in self._standing_uses(holder)),
                *(booked.charges for booked in self._holding(holder)),
            )
            for charge in charges
            if (charge.limit, charge.period) == (limit, period)
        )

    def _standing_uses(self, holder: str) -> list[Used]:
        return [use for use in self.uses.get(holder, []) if not use.voided and use.opening is None]

    def _holding(self, holder: str) -> list[Booked]:
        return [booked for booked in self.bookings.values() if booked.holder == holder and booked.holds]

    def check_in(self, entry: str, change: CheckIn) -> str | None:
        """Return the reason of a denial, None for a grant."""
        holder = change.operation.subject
        opening = self._running(change)
        inside = None if opening is None else self._last_in(opening)
        comes_back = False
        reasons = list(change.findings)
        if opening is not None and inside is not None:
            entered = [use for use in self.uses[holder] if use.opening is opening and not use.voided]
            comes_back = self._left(opening) is not None and len(entered) < change.visit.re_entries
        if not comes_back:
            reasons += ["already-in"] * (opening is not None)
            reasons += ["quota-spent"] * any(
                self.used(holder, charge.limit, charge.period) + charge.units > charge.maximum
                for charge in change.charges
            )
            reasons += ["excluded"] * self._excluded(holder, change.choice)
        reasons += self._against_booking(change)
        reason = min(reasons, key=change.order.index) if reasons else None
        reason = self._proof(change, granted=reason is None) or reason
        if reason is None:
            left = self._left(opening) if comes_back else None
            self.uses.setdefault(holder, []).append(
                Used(entry, change, change.at, opening if comes_back else None, left)
            )
            if change.booking is not None:
                self.bookings[change.booking].state = "used"
        return reason

    def record_offline(self, entry: str, change: OfflineUse, *, known: bool = False) -> tuple[str | None, set[str]]:
        """Count what a device granted offline; return the refusal that goes before it (none for an operation that was
        refused before) and the marks. It lies in no visit here: `test_offline_order` is about those.
        """
        holder = change.operation.subject
        if not change.granted:
            return None, set()
        excluded = self._excluded(holder, change.choice)
        reasons = [] if known else [*change.findings, *["excluded"] * excluded]
        over = any(
            self.used(holder, charge.limit, charge.period) + charge.units > charge.maximum for charge in change.charges
        )
        replayed = self._proof(change, granted=True) is not None
        kept = CheckIn(change.operation, change.at, change.keep_until, change.draft, charges=change.charges)
        kept = replace(kept, choice=None if excluded else change.choice)
        self.uses.setdefault(holder, []).append(Used(entry, kept, change.at))
        marks = {"overdrawn"} if over else set()
        return min(reasons, key=change.order.index, default=None), marks | ({"replayed"} if replayed else set())

    def _against_booking(self, change: CheckIn) -> list[str]:
        if change.booking is None:
            return []
        booked = self.bookings.get(change.booking)
        if booked is None or booked.holder != change.operation.subject or booked.service != change.draft.service:
            return ["booking-needed"]
        if booked.state != "held":
            return [{"cancelled": "booking-needed", "used": "booking-used", "missed": "booking-missed"}[booked.state]]
        early, late = change.at < booked.window.opens_at, change.at > booked.window.closes_at
        return ["booking-too-early"] * early + ["booking-missed"] * late

    def hold(self, entry: str, change: Hold) -> str | None:
        """Book; return the reason of a denial, None for a grant."""
        wish, holder = change.wish, change.wish.operation.subject
        reason = self._move_reason(holder, wish.findings, wish.order, wish.charges, wish.choice)
        if reason is None:
            self.bookings[entry] = Booked(
                entry, holder, wish.draft.service, "held", change.window, wish.charges, wish.choice
            )
        return reason

    def _move_reason(self, holder, findings, order, charges, choice) -> str | None:
        over = any(self.used(holder, one.limit, one.period) + one.units > one.maximum for one in charges)
        reasons = [*findings, *["quota-spent"] * over, *["excluded"] * self._excluded(holder, choice)]
        return min(reasons, key=order.index) if reasons else None

    def change_booking(self, change: BookingChange) -> str | None:
        """Change a booking; return the reason of a denial, None for a grant."""
        booked = self._booked(change.booking, change.subject)
        reopens = change.kind is ChangeKind.REOPENED
        if booked.state != "held" and not (reopens and booked.state == "missed"):
            raise TargetState(f"booking-was-{booked.state}")
        charges, choice, held = booked.charges, booked.choice, booked.holds
        if change.kind is ChangeKind.REBOOKED:
            charges, choice = change.charges, change.choice
        moves = change.kind is ChangeKind.REBOOKED or not held
        booked.holds = held and not moves
        asked = (charges, choice) if moves else ((), None)
        reason = self._move_reason(booked.holder, change.findings, change.order, *asked)
        booked.holds = held
        if reason is None:
            booked.charges, booked.choice, booked.holds, booked.state = charges, choice, True, "held"
            booked.service, booked.window = change.draft.service, change.window
        return reason

    def end_booking(self, change: BookingEnd) -> None:
        """Cancel a booking or note it as missed."""
        booked = self._booked(change.booking, change.subject)
        if booked.state != "held":
            raise TargetState(f"booking-was-{booked.state}")
        if change.missed and change.at <= booked.window.closes_at:
            raise TargetState("booking-not-over")
        booked.state = "missed" if change.missed else "cancelled"
        booked.holds = change.missed and change.consume

    def _booked(self, booking: str, subject: str | None) -> Booked:
        booked = self.bookings.get(booking)
        if booked is None or subject not in (None, booked.holder):
            raise TargetState("not-found")
        return booked

    def _proof(self, change: CheckIn | OfflineUse, *, granted: bool) -> str | None:
        if change.claim is None:
            return None
        key = (change.claim.card, change.claim.proof)
        device, spent = self.proofs.get(key, (change.operation.device, False))
        if spent or device != change.operation.device:
            return "proof-used"
        self.proofs[key] = (device, granted)
        return None

    def _excluded(self, holder: str, asked: Choice | None) -> bool:
        chosen = [use.change.choice for use in self._standing_uses(holder)]
        chosen += [booked.choice for booked in self._holding(holder)]
        return asked is not None and any(
            choice is not None
            and choice.member != asked.member
            and (choice.group, choice.period) == (asked.group, asked.period)
            for choice in chosen
        )

    def _running(self, change: CheckIn) -> Used | None:
        """The opening, still standing and in its time, of the last visit opened at this service and point."""
        if change.visit is None:
            return None
        opened = [use for use in self._openings(change.operation.subject, change) if not use.voided]
        if not opened or change.at >= opened[-1].at + opened[-1].change.visit.length:
            return None
        return opened[-1]

    def _openings(self, holder: str, change: CheckIn) -> list[Used]:
        return [
            use
            for use in self.uses.get(holder, [])
            if use.opening is None
            and use.change.visit is not None
            and (use.change.draft.service, use.change.draft.point) == (change.draft.service, change.draft.point)
        ]

    def _last_in(self, opening: Used) -> Used:
        """The use by which the holder last came in, voided or not."""
        same = [use for use in self.uses[opening.change.operation.subject] if opening in (use, use.opening)]
        return same[-1]

    def _left(self, opening: Used | None) -> datetime | None:
        """When the visit was left, None while its holder is inside."""
        if opening is None:
            return None
        last = self._last_in(opening)
        if last.left_at is not None:
            return last.left_at
        return last.left_before if last.voided else None

    def find(self, entry: str) -> Used:
        """The granted check-in with this id."""
        found = [use for uses in self.uses.values() for use in uses if use.id == entry]
        if not found:
            raise TargetState("not-granted" if entry in self.log else "not-found")
        return found[0]

    def void(self, change: Void) -> None:
        """Take a use back."""
        use = self.find(change.target)
        if use.voided:
            raise TargetState("already-voided")
        if self._was_left(use) and not change.after_check_out:
            raise TargetState("checked-out")
        use.voided = True
        if use.change.booking is not None:
            booked = self.bookings[use.change.booking]
            in_grace = change.at <= booked.window.closes_at
            booked.state, booked.holds = ("held", True) if in_grace else ("cancelled", False)

    def _was_left(self, use: Used) -> bool:
        """Whether a departure was recorded since the use: its own, or one that closed its visit."""
        if use.opening is not None or use.change.visit is None:
            return use.left_at is not None
        same = [other for other in self.uses[use.change.operation.subject] if use in (other, other.opening)]
        return any(other.left_at is not None for other in same)

    def check_out(self, change: CheckOut) -> None:
        """Record a departure, of the visit's last way in when the visit is the last at its place."""
        use = self.find(change.target)
        delivered = change.draft.extra.get("delivered")
        if use.change.visit is None and not delivered:
            raise TargetState("no-visit")
        if use.voided:
            raise TargetState("already-voided")
        if use.change.visit is None:
            if use.left_at is not None:
                raise TargetState("checked-out")
            use.left_at = change.at
            return
        opening = use.opening or use
        if opening.voided:
            raise TargetState("no-visit")
        standing = self._openings(use.change.operation.subject, use.change)[-1]
        last = self._last_in(opening) if standing is opening else use
        if (self._left(opening) if standing is opening else use.left_at) is not None:
            raise TargetState("checked-out")
        if not last.at <= change.out_at <= change.at:
            raise TargetState("out-of-range")
        last.left_at = change.out_at
