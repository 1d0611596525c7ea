"""Every call for devices, integrators or anybody, as the OpenAPI document tells.

Written by tools/client_calls.py: edit nothing here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from yunju_client import shapes
from yunju_client.call import Call, Caller


class Calls(Caller):
    """The calls of a server. Each may raise what yunju_client.errors tells.

    `operation`: the id of the intended change, 16 to 64 characters, made before the call is first sent.
    Left out, one is made.
    """

    def hand_in_application(
        self,
        *,
        channel: str,
        receipt: str,
        person: shapes.ToldPerson,
        ground: str,
        limb: str = "",
        employer: str = "",
        employer_kind: str = "",
        post: str = "",
        figures: Mapping[str, str] | None = None,
        basis_ends: str | None = None,
        permit_ends: str | None = None,
        language: Literal["en", "zh"] = "zh",
    ) -> shapes.TakenApplication:
        """Hand in an application of another platform, by its channel and receipt number."""
        return self._call(
            Call("POST", "/v1/applications", "caller", repeatable=True, writes=False),
            shapes.TakenApplication,
            body={
                "channel": channel,
                "receipt": receipt,
                "person": person,
                "ground": ground,
                "limb": limb,
                "employer": employer,
                "employer_kind": employer_kind,
                "post": post,
                "figures": figures,
                "basis_ends": basis_ends,
                "permit_ends": permit_ends,
                "language": language,
            },
        )

    def binding_list(self, number: int) -> str:
        """The signed statement of a binding list: which cards the indexes of a status list belong to."""
        return self._call(
            Call("GET", "/v1/binding-lists/{number}", "nobody", repeatable=True, writes=False),
            str,
            path={"number": number},
        )

    def binding_list_content(self, number: int) -> str:
        """The content that a binding list's statement names by its SHA-256, base64url."""
        return self._call(
            Call("GET", "/v1/binding-lists/{number}/content", "nobody", repeatable=True, writes=False),
            str,
            path={"number": number},
        )

    def book(
        self,
        *,
        service: str,
        fields: Mapping[str, str | int | bool | Sequence[str] | None],
        presentation: str | None = None,
        card_number: str | None = None,
        called_back: bool = False,
        id_checked: bool = False,
        point: str | None = None,
        operation: str | None = None,
    ) -> shapes.BookingAnswer:
        """Book for a holder, at a counter or by telephone."""
        return self._call(
            Call("POST", "/v1/bookings", "caller", repeatable=True, writes=True),
            shapes.BookingAnswer,
            body={
                "service": service,
                "fields": fields,
                "presentation": presentation,
                "card_number": card_number,
                "called_back": called_back,
                "id_checked": id_checked,
                "point": point,
            },
            operation=operation,
        )

    def list_bookings(self, *, point: str, on: str | None = None) -> shapes.BookingList:
        """A point's bookings of a day, in the order of their expected times."""
        return self._call(
            Call("GET", "/v1/bookings", "caller", repeatable=True, writes=False),
            shapes.BookingList,
            query={"point": point, "on": on},
        )

    def list_missed(self) -> shapes.MissedList:
        """Holders who missed bookings often this year, for the office."""
        return self._call(
            Call("GET", "/v1/bookings/missed", "caller", repeatable=True, writes=False), shapes.MissedList
        )

    def cancel_booking(
        self,
        booking: str,
        *,
        reason: Literal[
            "by-holder", "card-ended", "carrier-cancelled", "mistake", "organiser-cancelled", "other"
        ] = "by-holder",
        operation: str | None = None,
    ) -> shapes.BookingAnswer:
        """Cancel a booking: its unit is given back."""
        return self._call(
            Call("DELETE", "/v1/bookings/{booking}", "caller", repeatable=True, writes=True),
            shapes.BookingAnswer,
            path={"booking": booking},
            query={"reason": reason},
            operation=operation,
        )

    def change_booking(
        self,
        booking: str,
        *,
        change: shapes.Rebook | None = None,
        delay: shapes.Delay | None = None,
        reopen: shapes.Reopen | None = None,
        operation: str | None = None,
    ) -> shapes.BookingAnswer:
        """Change a booking, move it by its carrier's delay, or reopen it."""
        return self._call(
            Call("PATCH", "/v1/bookings/{booking}", "caller", repeatable=True, writes=True),
            shapes.BookingAnswer,
            path={"booking": booking},
            body={"change": change, "delay": delay, "reopen": reopen},
            operation=operation,
        )

    def challenge(self) -> shapes.ChallengeAnswer:
        """A nonce that one chip may answer at this device, once, within 30 s."""
        return self._call(
            Call("POST", "/v1/challenges", "caller", repeatable=True, writes=False), shapes.ChallengeAnswer
        )

    def check_in(
        self,
        *,
        service: str,
        presentation: str | None = None,
        look: str | None = None,
        beneficiary: Literal["child", "dependent-child", "employer", "holder", "spouse"] = "holder",
        reference: str | None = None,
        id_checked: bool = False,
        not_holder: bool = False,
        represented: bool = False,
        booking: str | None = None,
        companions: int = 0,
        override: shapes.OverrideRequest | None = None,
        matter: shapes.MatterRequest | None = None,
        point: str | None = None,
        client_time: int | None = None,
        operation: str | None = None,
    ) -> shapes.CheckInAnswer:
        """Check a holder in: judge, record, answer."""
        return self._call(
            Call("POST", "/v1/check-ins", "caller", repeatable=True, writes=True),
            shapes.CheckInAnswer,
            body={
                "service": service,
                "presentation": presentation,
                "look": look,
                "beneficiary": beneficiary,
                "reference": reference,
                "id_checked": id_checked,
                "not_holder": not_holder,
                "represented": represented,
                "booking": booking,
                "companions": companions,
                "override": override,
                "matter": matter,
                "point": point,
                "client_time": client_time,
            },
            operation=operation,
        )

    def check_out(
        self, entry: str, *, at: str | None = None, delivered: Sequence[int] | None = None, operation: str | None = None
    ) -> shapes.ChangeAnswer:
        """Close a visit, now or as of an earlier time, and say what was delivered."""
        return self._call(
            Call("POST", "/v1/check-ins/{entry}/check-out", "caller", repeatable=True, writes=True),
            shapes.ChangeAnswer,
            path={"entry": entry},
            body={"at": at, "delivered": delivered},
            operation=operation,
        )

    def void(
        self,
        entry: str,
        *,
        reason: Literal["double-scan", "left-unused", "other", "service-failed", "wrong-person", "wrong-service"],
        note: str | None = None,
        operation: str | None = None,
    ) -> shapes.ChangeAnswer:
        """Take a check-in back, once."""
        return self._call(
            Call("POST", "/v1/check-ins/{entry}/void", "caller", repeatable=True, writes=True),
            shapes.ChangeAnswer,
            path={"entry": entry},
            body={"reason": reason, "note": note},
            operation=operation,
        )

    def enrol_device(self, *, code: str, jwk: shapes.PublicKey, label: str | None = None) -> shapes.EnrolledDevice:
        """Enrol a device with its one-time code and its own key."""
        return self._call(
            Call("POST", "/v1/devices/enrolments", "key", repeatable=False, writes=False),
            shapes.EnrolledDevice,
            body={"code": code, "jwk": jwk, "label": label},
        )

    def known_device(self) -> shapes.KnownDevice:
        """What this device is now: its point, its rights."""
        return self._call(Call("GET", "/v1/devices/self", "caller", repeatable=True, writes=False), shapes.KnownDevice)

    def keep_event(
        self,
        *,
        code: str,
        service: str,
        name: shapes.Named,
        starts_at: str,
        ends_at: str,
        capacity: int,
        point: str | None = None,
        operation: str | None = None,
    ) -> shapes.EventView:
        """Keep an event: its day, its seats."""
        return self._call(
            Call("POST", "/v1/events", "caller", repeatable=True, writes=True),
            shapes.EventView,
            body={
                "code": code,
                "service": service,
                "name": name,
                "starts_at": starts_at,
                "ends_at": ends_at,
                "capacity": capacity,
                "point": point,
            },
            operation=operation,
        )

    def list_events(self, *, point: str) -> shapes.EventList:
        """A point's events and how full they are."""
        return self._call(
            Call("GET", "/v1/events", "caller", repeatable=True, writes=False), shapes.EventList, query={"point": point}
        )

    def open_events(self, *, service: str) -> shapes.EventList:
        """Events to come, for whoever wants to sign up."""
        return self._call(
            Call("GET", "/v1/events/open", "nobody", repeatable=True, writes=False),
            shapes.EventList,
            query={"service": service},
        )

    def change_event(
        self,
        code: str,
        *,
        name: shapes.Named | None = None,
        starts_at: str | None = None,
        ends_at: str | None = None,
        capacity: int | None = None,
        operation: str | None = None,
    ) -> shapes.EventChanged:
        """Change an event; its bookings move with its day, each by an entry of its own."""
        return self._call(
            Call("PATCH", "/v1/events/{code}", "caller", repeatable=True, writes=True),
            shapes.EventChanged,
            path={"code": code},
            body={"name": name, "starts_at": starts_at, "ends_at": ends_at, "capacity": capacity},
            operation=operation,
        )

    def cancel_event(self, code: str, *, operation: str | None = None) -> shapes.EventChanged:
        """Cancel an event and every booking of it."""
        return self._call(
            Call("POST", "/v1/events/{code}/cancel", "caller", repeatable=True, writes=True),
            shapes.EventChanged,
            path={"code": code},
            operation=operation,
        )

    def report_breach(
        self, *, promise: str, found: Literal["absent", "bad-proof"], proof: str | None = None
    ) -> shapes.BreachTaken:
        """Report a promise that was not kept."""
        return self._call(
            Call("POST", "/v1/log/breaches", "caller", repeatable=False, writes=False),
            shapes.BreachTaken,
            body={"promise": promise, "found": found, "proof": proof},
        )

    def log_checkpoint(self) -> str:
        """The log's newest checkpoint, a signed note (C2SP tlog-checkpoint), with its cosignatures so far."""
        return self._call(Call("GET", "/v1/log/checkpoint", "nobody", repeatable=True, writes=False), str)

    def log_cosigned(self) -> str:
        """The newest checkpoint that a witness cosigned, with the cosignatures (C2SP tlog-cosignature)."""
        return self._call(Call("GET", "/v1/log/checkpoint.cosigned", "nobody", repeatable=True, writes=False), str)

    def trade_promises(self, *, promises: Sequence[str]) -> shapes.PromiseStandings:
        """Trade the promises of one's own answers for proofs."""
        return self._call(
            Call("POST", "/v1/log/promises", "caller", repeatable=True, writes=False),
            shapes.PromiseStandings,
            body={"promises": promises},
        )

    def log_proof(self, entry_id: str) -> shapes.ProofAnswer:
        """The proof that an entry is in the log."""
        return self._call(
            Call("GET", "/v1/log/proof/{entry_id}", "caller", repeatable=True, writes=False),
            shapes.ProofAnswer,
            path={"entry_id": entry_id},
        )

    def log_status(self) -> shapes.LogStatus:
        """The log's size, and its witnesses."""
        return self._call(Call("GET", "/v1/log/status", "nobody", repeatable=True, writes=False), shapes.LogStatus)

    def look_photo(self, look: str) -> bytes:
        """The photo of the holder looked at, relayed from the issuer; not found where the issuer is away."""
        return self._call(
            Call("GET", "/v1/looks/{look}/photo", "caller", repeatable=True, writes=False), bytes, path={"look": look}
        )

    def list_matters(self, *, point: str, state: Literal["closed", "open", "overdue"] = "open") -> shapes.MatterList:
        """A point's matters: open, overdue or closed."""
        return self._call(
            Call("GET", "/v1/matters", "caller", repeatable=True, writes=False),
            shapes.MatterList,
            query={"point": point, "state": state},
        )

    def reach_stage(
        self,
        entry: str,
        *,
        stage: Literal["closed", "complete", "followed-up", "forwarded"],
        outcome: Literal["done", "passed-on", "refused", "withdrawn"] | None = None,
        decides: str | None = None,
        limit_working_days: float | None = None,
        note: str | None = None,
        call_back: Literal["another-time", "not-reached", "reached"] | None = None,
        kind: str | None = None,
        operation: str | None = None,
    ) -> shapes.StageAnswer:
        """Record a stage of a matter: complete, forwarded, followed up, closed."""
        return self._call(
            Call("POST", "/v1/matters/{entry}/stages", "caller", repeatable=True, writes=True),
            shapes.StageAnswer,
            path={"entry": entry},
            body={
                "stage": stage,
                "outcome": outcome,
                "decides": decides,
                "limit_working_days": limit_working_days,
                "note": note,
                "call_back": call_back,
                "kind": kind,
            },
            operation=operation,
        )

    def upload_records(self, *, records: Sequence[str]) -> shapes.UploadAnswer:
        """Upload up to 200 records that a device signed while it was offline."""
        return self._call(
            Call("POST", "/v1/offline-check-ins", "caller", repeatable=True, writes=False),
            shapes.UploadAnswer,
            body={"records": records},
        )

    def held_records(self) -> shapes.HeldAnswer:
        """Records that wait for a supervisor of their service: what does not stand by itself, late ones."""
        return self._call(
            Call("GET", "/v1/offline-check-ins/held", "caller", repeatable=True, writes=False), shapes.HeldAnswer
        )

    def decide_record(
        self,
        digest: str,
        *,
        release: bool,
        reason: Literal["holder-confirmed", "not-allowed", "not-used", "other", "paper-record", "staff-confirmed"],
        note: str | None = None,
    ) -> shapes.RecordAnswer:
        """Let a record that waits count, or put it aside, once."""
        return self._call(
            Call("POST", "/v1/offline-check-ins/held/{digest}/decision", "caller", repeatable=False, writes=False),
            shapes.RecordAnswer,
            path={"digest": digest},
            body={"release": release, "reason": reason, "note": note},
        )

    def sign_operator_in(self, *, operator: str, pin: str | None = None) -> shapes.OperatorSignedIn:
        """Sign an operator in at this device, for twelve hours."""
        return self._call(
            Call("POST", "/v1/operators/sessions", "caller", repeatable=False, writes=False),
            shapes.OperatorSignedIn,
            body={"operator": operator, "pin": pin},
        )

    def sign_operator_out(self) -> None:
        """Sign the operator out."""
        self._call(Call("DELETE", "/v1/operators/sessions", "caller", repeatable=False, writes=False), type(None))

    def point(self, code: str) -> shapes.PointView:
        """A point and its services."""
        return self._call(
            Call("GET", "/v1/points/{code}", "nobody", repeatable=True, writes=False),
            shapes.PointView,
            path={"code": code},
        )

    def point_today(self, code: str) -> shapes.Today:
        """A point's counts and last entries today, without names."""
        return self._call(
            Call("GET", "/v1/points/{code}/today", "caller", repeatable=True, writes=False),
            shapes.Today,
            path={"code": code},
        )

    def programme(self) -> dict[str, Any]:
        """The whole programme."""
        return self._call(Call("GET", "/v1/programme", "nobody", repeatable=True, writes=False), dict)

    def programme_file(self) -> bytes:
        """The programme file, byte for byte: the trust bundle pins its SHA-256."""
        return self._call(Call("GET", "/v1/programme.toml", "nobody", repeatable=True, writes=False), bytes)

    def public_check(self, *, presentation: str) -> shapes.PublicAnswer:
        """Anyone: is this card valid?"""
        return self._call(
            Call("POST", "/v1/public-checks", "nobody", repeatable=True, writes=False),
            shapes.PublicAnswer,
            body={"presentation": presentation},
        )

    def ask(
        self,
        *,
        service: str,
        fields: Mapping[str, str | int | bool | Sequence[str] | None] | None = None,
        presentation: str | None = None,
        card_number: str | None = None,
        called_back: bool = False,
        id_checked: bool = False,
        reference: str | None = None,
        confirmed: bool = False,
        beneficiary: Literal["child", "dependent-child", "employer", "holder", "spouse"] | None = None,
        department: str | None = None,
        matter: shapes.MatterRequest | None = None,
        operation: str | None = None,
    ) -> shapes.RequestAnswer:
        """Take a request for a holder, or open a matter that no counter opens."""
        return self._call(
            Call("POST", "/v1/requests", "caller", repeatable=True, writes=True),
            shapes.RequestAnswer,
            body={
                "service": service,
                "fields": fields,
                "presentation": presentation,
                "card_number": card_number,
                "called_back": called_back,
                "id_checked": id_checked,
                "reference": reference,
                "confirmed": confirmed,
                "beneficiary": beneficiary,
                "department": department,
                "matter": matter,
            },
            operation=operation,
        )

    def list_requests(
        self, *, department: str, state: Literal["closed", "open", "overdue"] = "open"
    ) -> shapes.RequestList:
        """A department's requests: open, overdue or closed."""
        return self._call(
            Call("GET", "/v1/requests", "caller", repeatable=True, writes=False),
            shapes.RequestList,
            query={"department": department, "state": state},
        )

    def subscribers(self, *, service: str, period: str) -> shapes.Subscribers:
        """Who asked for a counted service in a period, with names and addresses."""
        return self._call(
            Call("GET", "/v1/requests/subscribers", "caller", repeatable=True, writes=False),
            shapes.Subscribers,
            query={"service": service, "period": period, "format": "json"},
        )

    def subscribers_file(self, *, service: str, period: str, format: Literal["csv"]) -> bytes:
        """Who asked for a counted service in a period, with names and addresses."""
        return self._call(
            Call("GET", "/v1/requests/subscribers", "caller", repeatable=True, writes=False),
            bytes,
            query={"service": service, "period": period, "format": format},
        )

    def take_back(self, entry: str, *, outcome: str, operation: str | None = None) -> shapes.TakenBack:
        """Close a request as refused or withdrawn: its unit returns."""
        return self._call(
            Call("POST", "/v1/requests/{entry}/take-back", "caller", repeatable=True, writes=True),
            shapes.TakenBack,
            path={"entry": entry},
            body={"outcome": outcome},
            operation=operation,
        )

    def slots(self, *, service: str, on: str, point: str | None = None) -> shapes.FreeSlots:
        """The hours of a day that can still be booked of a room or a visit."""
        return self._call(
            Call("GET", "/v1/slots", "nobody", repeatable=True, writes=False),
            shapes.FreeSlots,
            query={"service": service, "on": on, "point": point},
        )

    def point_statement(self, *, point: str, since: str, until: str) -> shapes.Statement:
        """A point's uses by service and month: those it is paid for, re-entries, voided ones."""
        return self._call(
            Call("GET", "/v1/statements", "caller", repeatable=True, writes=False),
            shapes.Statement,
            query={"point": point, "since": since, "until": until, "format": "json"},
        )

    def point_statement_file(
        self,
        *,
        point: str,
        since: str,
        until: str,
        format: Literal["csv; charset=utf-8", "vnd.openxmlformats-officedocument.spreadsheetml.sheet", "pdf"],
    ) -> bytes:
        """A point's uses by service and month: those it is paid for, re-entries, voided ones."""
        return self._call(
            Call("GET", "/v1/statements", "caller", repeatable=True, writes=False),
            bytes,
            query={"point": point, "since": since, "until": until, "format": format},
        )

    def department_statement(self, *, department: str, since: str, until: str) -> shapes.DepartmentStatement:
        """A department's uses at all its points by month and service, and who pays for them."""
        return self._call(
            Call("GET", "/v1/statements/department", "caller", repeatable=True, writes=False),
            shapes.DepartmentStatement,
            query={"department": department, "since": since, "until": until, "format": "json"},
        )

    def department_statement_file(
        self,
        *,
        department: str,
        since: str,
        until: str,
        format: Literal["csv; charset=utf-8", "vnd.openxmlformats-officedocument.spreadsheetml.sheet", "pdf"],
    ) -> bytes:
        """A department's uses at all its points by month and service, and who pays for them."""
        return self._call(
            Call("GET", "/v1/statements/department", "caller", repeatable=True, writes=False),
            bytes,
            query={"department": department, "since": since, "until": until, "format": format},
        )

    def close_month(self, *, department: str, month: str, operation: str | None = None) -> shapes.MonthAnswer:
        """Close a department's month: its figures stay, later changes stand as corrections of the next."""
        return self._call(
            Call("POST", "/v1/statements/months", "caller", repeatable=True, writes=True),
            shapes.MonthAnswer,
            body={"department": department, "month": month},
            operation=operation,
        )

    def month(self, *, department: str, month: str) -> shapes.MonthAnswer:
        """A department's month as it was closed or as it stands, with corrections of months closed before."""
        return self._call(
            Call("GET", "/v1/statements/months", "caller", repeatable=True, writes=False),
            shapes.MonthAnswer,
            query={"department": department, "month": month, "format": "json"},
        )

    def month_file(
        self,
        *,
        department: str,
        month: str,
        format: Literal["csv; charset=utf-8", "vnd.openxmlformats-officedocument.spreadsheetml.sheet", "pdf"],
    ) -> bytes:
        """A department's month as it was closed or as it stands, with corrections of months closed before."""
        return self._call(
            Call("GET", "/v1/statements/months", "caller", repeatable=True, writes=False),
            bytes,
            query={"department": department, "month": month, "format": format},
        )

    def status_list(self, number: int) -> str:
        """A signed status list."""
        return self._call(
            Call("GET", "/v1/status-lists/{number}", "nobody", repeatable=True, writes=False),
            str,
            path={"number": number},
        )

    def server_time(self) -> shapes.TimeAnswer:
        """The server's time, signed: what a device holds while it is offline."""
        return self._call(Call("GET", "/v1/time", "nobody", repeatable=True, writes=False), shapes.TimeAnswer)

    def trust_bundle(self) -> str:
        """The signed trust bundle."""
        return self._call(Call("GET", "/v1/trust-bundle", "nobody", repeatable=True, writes=False), str)

    def look(
        self, *, presentation: str, service: str | None = None, point: str | None = None, client_time: int | None = None
    ) -> shapes.LookAnswer:
        """Look at a presentation; nothing is consumed."""
        return self._call(
            Call("POST", "/v1/verifications", "caller", repeatable=True, writes=False),
            shapes.LookAnswer,
            body={"presentation": presentation, "service": service, "point": point, "client_time": client_time},
        )

    def webhooks(self) -> shapes.Webhooks:
        """How the integrator's own webhooks stand."""
        return self._call(Call("GET", "/v1/webhooks", "caller", repeatable=True, writes=False), shapes.Webhooks)

    def dead_letters(self, webhook: str, *, limit: int = 50, offset: int = 0) -> shapes.DeadLetters:
        """The events that were given up for one of the integrator's webhooks."""
        return self._call(
            Call("GET", "/v1/webhooks/{webhook}/dead-letters", "caller", repeatable=True, writes=False),
            shapes.DeadLetters,
            path={"webhook": webhook},
            query={"limit": limit, "offset": offset},
        )

    def send_dead_letters(self, webhook: str, *, webhook_ids: Sequence[str] | None = None) -> shapes.SentAgain:
        """Have events that were given up sent again, under the same webhook-id; a repeated call changes nothing."""
        return self._call(
            Call("POST", "/v1/webhooks/{webhook}/dead-letters", "caller", repeatable=True, writes=False),
            shapes.SentAgain,
            path={"webhook": webhook},
            body={"webhook_ids": webhook_ids},
        )
