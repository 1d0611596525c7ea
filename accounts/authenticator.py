"""Finds the caller of a request: a device (DPoP), an integrator or a person (bearer token), or a person (cookie).

All failures of one kind have the same answer. A device learns that it was revoked only after it has proved its key.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlsplit

from flask import Request, g, has_app_context
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response as BaseResponse

from accounts.attempts import TooSoon
from accounts.credentials import DEVICE_TOKEN, INTEGRATOR_TOKEN, PERSON_TOKEN, TOKEN_PATTERN, hash_token
from accounts.devices import SEEN_EVERY, Device
from accounts.integrators import USED_EVERY, Integrator
from accounts.memory import ReplayWindow, RowMemory
from accounts.operators import OperatorSession
from accounts.people import Person, WrongCredentials
from accounts.problems import OPERATOR_SIGNED_OUT
from accounts.reports import HEADER as REPORT_HEADER
from accounts.reports import DeviceReport, is_due, parse_report
from accounts.rights import Caller, Operator, needs_factor, rights_of_grants, without_factor
from accounts.security import SecurityKind
from accounts.sessions import NOTED_EVERY, Arrival, PersonSession
from accounts.store import AccountStore
from edge.clock import Clock
from edge.instants import rfc3339
from edge.limits import Limiter, Network, client_key
from edge.problems import Problem
from keys.dpop import ClockOff, DpopProof, HttpCall, ProofKey, verify_dpop
from keys.tokens import TokenError

COOKIE: Final = "yunju_session"
"""The session's cookie for clients by plain http. By https it is `__Host-…`, which no sub-domain can set."""
OPERATOR_HEADER: Final = "Yunju-Operator"
_CALLER: Final = "yunju.caller"
_DEVICE: Final = "yunju.device"
_CALL: Final = "yunju.call"
_SESSION: Final = "yunju.session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN_FAILURES_A_SECOND: Final = 0.5
SIGN_IN_FAILURES_AT_ONCE: Final = 30
"""The limit of wrong passwords from one place, over all names. Beyond it, the place waits."""
_log = logging.getLogger("yunju.accounts")


class Authenticator:
    """Tells who sent a request.

    `base_urls` are the addresses under which clients know this server (`settings.base_url`). A DPoP proof, or a page's
    writing call, for any other address is refused. The default is only for Flask's test client. `departments` are the
    points of each department, where a desk of the department has its rights. `limiter`: the limits that all workers
    count together, or None for this process alone.
    """

    def __init__(
        self,
        store: AccountStore,
        clock: Clock,
        base_urls: Sequence[str] = ("http://localhost",),
        *,
        trusted_proxies: Iterable[Network] = (),
        departments: Mapping[str, Collection[str]] | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.limiter = limiter or Limiter(clock)
        self.bases = tuple(url.rstrip("/") for url in base_urls)
        self._origins = frozenset(_origin(url) for url in self.bases)
        self._proxies = tuple(trusted_proxies)
        self._departments = departments or {}
        self._seen = ReplayWindow()
        self._noted: dict[str, datetime] = {}
        self._reports: dict[str, DeviceReport] = {}
        self._passwords = self.limiter.turns("sign-in", SIGN_IN_FAILURES_A_SECOND, SIGN_IN_FAILURES_AT_ONCE)
        self._devices: RowMemory[Device] = RowMemory(store.revision)
        self._integrators: RowMemory[Integrator] = RowMemory(store.revision)
        self._operators: RowMemory[OperatorSession] = RowMemory(store.revision)

    def __call__(self, request: Request) -> Caller:
        """Return who sent `request`. A second call for the same request gives the same answer.

        Problems: unauthenticated, bad-token, bad-dpop-proof, clock-off, device-revoked, operator-signed-out and
        not-permitted.
        """
        known = request.environ.get(_CALLER)
        if isinstance(known, Caller):
            return known
        caller = self._caller(request)
        _remember(request, _CALLER, caller)
        return caller

    def device(self, request: Request) -> Device:
        """Return the device that sent `request`, whoever is signed in there. Problem not-permitted for other
        callers.
        """
        scheme, token = _authorization(request)
        if scheme != "dpop":
            raise Problem("not-permitted" if token or self.cookie in request.cookies else "unauthenticated")
        return self._device(request, token)

    def source(self, request: Request) -> str:
        """Return the place of `request`, for limits and back-off."""
        return client_key(request, self._proxies)

    def check_password(self, request: Request, name: str, password: str, at: datetime) -> Person:
        """Return the person with the name and password in `request`. Raises WrongCredentials or TooSoon otherwise.

        The place is also counted after each failure, in addition to the back-off of each name. A right password is
        accepted from such a place, however many wrong ones came from it, but the slow hash runs there only once at a
        time.
        """
        place, store = self.source(request), self.store
        with self._passwords.turn(place) as granted:
            if not granted:
                raise TooSoon(1)
            try:
                return store.people.check(name, password, source=place, at=at)
            except WrongCredentials:
                wait = self._passwords.failed(place)
                if wait is None:
                    raise
                store.security.note(SecurityKind.SIGN_IN_LOCKED, at=at, place=place)
                raise TooSoon(wait) from None

    def prove(
        self,
        request: Request,
        key: ProofKey,
        access_token: str | None,
        *,
        seen_as: str,
        at: datetime | None = None,
    ) -> None:
        """Check the request's DPoP proof with a key, for this very call and the present time, and use up the proof.

        Problems: bad-dpop-proof, which says what is wrong; clock-off, with the server's time. `seen_as` is the name
        under which proofs are remembered.
        """
        at = at or self._instant()
        path = quote(request.path)
        urls = [base + path for base in self.bases]
        operation, operator = request.headers.get("Idempotency-Key"), request.headers.get(OPERATOR_HEADER)
        call = HttpCall(request.method, urls, request.get_data(), access_token, operation, operator)
        try:
            proof = verify_dpop(request.headers.get("DPoP", ""), key, call, at)
        except TokenError as error:
            told = str(error) if request.headers.get("DPoP") else "there is no DPoP header"
            raise Problem("bad-dpop-proof", f"{told}.") from None
        except ClockOff:
            raise Problem("clock-off", extra={"server_time": rfc3339(at)}) from None
        if not self._first(request, seen_as, proof, at):
            raise Problem("bad-dpop-proof", "This proof was used before; sign a new one for each request.")
        request.environ[_CALL] = proof.call

    def _first(self, request: Request, seen_as: str, proof: DpopProof, at: datetime) -> bool:
        """Use up a proof. For a call that writes nothing, all workers share this memory, because no ledger names such a
        call.
        """
        if not self._seen.first(seen_as, proof.proof_id, proof.expires_at, at):
            return False
        if "Idempotency-Key" in request.headers:
            return True
        return self.limiter.first(f"{seen_as}/{proof.call}", proof.expires_at)

    def secure(self) -> bool:
        """Return whether clients reach this server only by https, so that cookies may require it."""
        return all(url.startswith("https://") for url in self.bases)

    @property
    def cookie(self) -> str:
        """The name of the session's cookie."""
        return f"__Host-{COOKIE}" if self.secure() else COOKIE

    def keep_session(self, response: BaseResponse, token: str, lives: timedelta) -> None:
        """Give a browser its session: no script can read it, and only pages of this site send it."""
        response.set_cookie(
            self.cookie, token, max_age=lives, secure=self.secure(), httponly=True, samesite="Strict", path="/"
        )

    def forget_session(self, response: BaseResponse) -> None:
        """Remove the session's cookie from a browser."""
        response.delete_cookie(self.cookie, secure=self.secure(), httponly=True, samesite="Strict", path="/")

    def caller_of(self, session: PersonSession) -> Caller:
        """Return the caller behind a session."""
        person = session.person
        rights = rights_of_grants(person.grants, self._departments)
        lacks = session.factor_at is None and needs_factor(person.grants)
        return Caller(
            "person",
            person.id,
            without_factor(rights) if lacks else rights,
            label=person.name,
            grants=person.grants,
            session=session.id,
            confirmed_at=session.confirmed_at,
            lacks_factor=lacks,
        )

    def arrival(self, request: Request) -> Arrival:
        """Return where a sign-in comes from."""
        return Arrival(self.source(request), request.headers.get("User-Agent", "")[:300])

    def session(self, request: Request) -> PersonSession:
        """Return the session of the person who sent `request`. Problem unauthenticated for everybody else."""
        self(request)
        found = request.environ.get(_SESSION)
        if not isinstance(found, PersonSession):
            raise Problem("unauthenticated")
        return found

    def _caller(self, request: Request) -> Caller:
        scheme, token = _authorization(request)
        if scheme == "dpop":
            return self._at_device(request, self._device(request, token))
        if OPERATOR_HEADER in request.headers:
            raise Problem(OPERATOR_SIGNED_OUT.code)  # Only a device has operators
        if scheme == "bearer":
            return self._bearer(request, token)
        if scheme:
            raise Problem("bad-token")
        return self._by_cookie(request)

    def _device(self, request: Request, token: str) -> Device:
        known = request.environ.get(_DEVICE)
        if isinstance(known, Device):
            return known  # Its proof is used up: it would not pass twice
        at = self._instant()
        device = self._devices.get(_hashed(token, DEVICE_TOKEN), at, self.store.devices.by_token_hash)
        if device is None:
            raise Problem("bad-token")
        self.prove(request, device.key, token, seen_as=device.id, at=at)
        if device.revoked_at is not None:
            raise Problem("device-revoked")
        self._note_use(device, at)
        self._note_report(request, device, at)
        _remember(request, _DEVICE, device)
        return device

    def _instant(self) -> datetime:
        """Return the request's single instant if it was read before, otherwise the clock's."""
        instant: datetime | None = g.get("instant") if has_app_context() else None
        return instant or self.clock.now()

    def _note_use(self, device: Device, at: datetime) -> None:
        # The remembered row stays old for seconds, and a busy store may refuse: one try is enough.
        if at - max(device.last_seen_at, self._noted.get(device.id, device.last_seen_at)) < SEEN_EVERY:
            return
        self._noted[device.id] = at
        try:
            self.store.devices.seen(device, at)
        except OperationalError:
            _log.warning("a device's last use was not noted")  # A busy store must not turn a visitor away

    def _note_report(self, request: Request, device: Device, at: datetime) -> None:
        sent = request.headers.get(REPORT_HEADER)
        told = None if sent is None else parse_report(sent, at)
        if told is None or not is_due(told, self._reports.get(device.id, device.report)):
            return
        self._reports[device.id] = told
        try:
            self.store.devices.told(device.id, told)
        except OperationalError:
            _log.warning("a device's report was not kept")  # As its last use

    def _note_integrator(self, found: Integrator, at: datetime) -> None:
        last = self._noted.get(found.id, found.used_at)
        if last is not None and at - last < USED_EVERY:
            return
        self._noted[found.id] = at
        try:
            self.store.integrators.used(found, at)
        except OperationalError:
            _log.warning("an integrator's last use was not noted")  # as a device's

    def _note_session(self, session: PersonSession, at: datetime) -> None:
        try:
            self.store.sessions.used(session, at)
        except OperationalError:
            _log.warning("a session's last use was not noted")  # as a device's

    def _at_device(self, request: Request, device: Device) -> Caller:
        operator = self._operator(request, device)
        return Caller(
            "device",
            device.id,
            device.scope,
            device.point,
            operator,
            device.label,
            needs_operator=device.needs_operator,
            call=request.environ.get(_CALL),
        )

    def _operator(self, request: Request, device: Device) -> Operator | None:
        token = request.headers.get(OPERATOR_HEADER)
        if token is None:
            return None
        at = self._instant()
        session = self._operators.get(hash_token(token), at, self.store.operators.session)
        if session is None or session.device_id != device.id or not session.alive(at):
            raise Problem(OPERATOR_SIGNED_OUT.code)
        return Operator(session.operator.id, session.operator.name, session.operator.effective)

    def _bearer(self, request: Request, token: str) -> Caller:
        if token.startswith(PERSON_TOKEN):
            return self._person(request, token)
        at = self._instant()
        found = self._integrators.get(_hashed(token, INTEGRATOR_TOKEN), at, self.store.integrators.by_token_hash)
        if found is None or not found.alive(at):
            raise Problem("bad-token")
        self._note_integrator(found, at)
        return Caller("integrator", found.id, found.rights, label=found.label)

    def _person(self, request: Request, token: str) -> Caller:
        at = self._instant()
        # Read again each time, so that a session that ended anywhere is over here at once.
        session = self.store.sessions.by_token_hash(_hashed(token, PERSON_TOKEN))
        if session is None or not session.alive(at):
            raise Problem("bad-token")
        if at - session.used_at >= NOTED_EVERY:
            self._note_session(session, at)
        request.environ[_SESSION] = session
        return self.caller_of(session)

    def _by_cookie(self, request: Request) -> Caller:
        token = request.cookies.get(self.cookie)
        if token is None:
            raise Problem("unauthenticated")
        # A browser sends the cookie by itself, so a writing call must also come from a page of this server.
        # SameSite=Strict stops other sites; this check stops other ports and sub-domains of this site.
        if request.method not in _SAFE and request.headers.get("Origin") not in self._origins:
            raise Problem("not-permitted")
        return self._person(request, token)


def _authorization(request: Request) -> tuple[str, str]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower(), token.strip()


def _remember(request: Request, name: str, who: Caller | Device) -> None:
    request.environ[name] = who
    if has_app_context():
        g.caller = who  # The access log names it by its id


def _hashed(token: str, prefix: str) -> str:
    if TOKEN_PATTERN.fullmatch(token) is None or not token.startswith(prefix):
        raise Problem("bad-token")
    return hash_token(token)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
