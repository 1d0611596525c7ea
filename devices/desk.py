"""The counter's desk: turns a tap or a scan into a verdict, online if the server answers, otherwise by the device's
rules.

Every check-in has its operation id before it is first sent, and keeps it in retries and in the offline record.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final

from cards.claims import CardClaims, Form
from cards.parts import Presentation, PresentationError
from cards.presentation import read
from cards.programme.types import Assurance
from cards.verify import RefusedCard as CardRefused
from cards.verify import Verified, verify_presentation
from devices.documents import DocumentFolder, HeldDocuments, NoDocuments, OfflineOffer
from devices.faults import DeviceFault
from devices.offline import LocalUse, OfflineQueue, claimed_subject
from devices.profiles import CardRead, ChipChallenge, Profile, answer_chip, tap_card
from devices.promises import PromiseBook
from devices.server import Away, Server
from devices.transport import Tap
from devices.verdict import CounterVerdict, VerdictKind, VerdictText, of_answer, of_fault, of_look
from devices.words import CLONED, NOT_NAMED, OFFLINE_WORDS, TAPPED
from edge.clock import Clock
from edge.encoding import b64u
from edge.instants import to_epoch

NONCE_BYTES: Final = 32
NONCES_MOST: Final = 1000
"""How many unanswered nonces are remembered. If one is dropped, the visitor must tap again."""

OFFLINE_HINT: Final = VerdictText(
    "离线办理，联网后由服务器复核。", "Judged offline; the server judges it again on upload."
)


@dataclass(frozen=True, slots=True)
class Pending:
    """A look, or an offline presentation, that waits for the operator's answer about the person's ID."""

    look: str | None
    text: str


class OwnNonces:
    """The reader's own nonces while the server is away, each valid for one tap."""

    def __init__(self, reader: str) -> None:
        """Make challenges in this device's name."""
        self._reader = reader
        self._open: set[bytes] = set()

    def make(self, audience: str, clock: Clock) -> ChipChallenge:
        """Return a challenge of the reader's own."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        made = ChipChallenge(audience, self._reader, nonce, clock.now())
        self.took(made)
        return made

    def took(self, challenge: ChipChallenge) -> None:
        """Remember a nonce that the server gave to this device."""
        if len(self._open) >= NONCES_MOST:
            self._open.clear()
        self._open.add(challenge.nonce)

    def outstanding(self, reader: str, nonce: bytes, at: object) -> bool:  # noqa: ARG002 - its age was judged by `iat`
        """Return whether this nonce is the device's own and unused, and use it up."""
        known = nonce in self._open
        self._open.discard(nonce)
        return known and reader == self._reader


class AgentCounter:
    """Checks in for one service at a time. Safe between threads. Each reader or scanner is a separate lane."""

    def __init__(
        self,
        server: Server,
        documents: DocumentFolder,
        queue: OfflineQueue,
        clock: Clock,
        service: str,
        *,
        matter: Mapping[str, str] | None = None,
        promises: PromiseBook | None = None,
    ) -> None:
        """Keep the opened parts. A tap asks for `service` until another service is chosen.

        `matter` is what a tap opens where the service has kinds of matters: `kind`, `decides`. `promises` keeps the
        server's promise for each entry.
        """
        self._promises = promises
        self.choose(service, matter)
        self._server = server
        self._documents = documents
        self._queue = queue
        self._clock = clock
        self._nonces = OwnNonces(server.identity.device)
        self._pending: dict[str, Pending] = {}
        self._lock = Lock()

    def choose(self, service: str, matter: Mapping[str, str] | None = None) -> None:
        """Ask for another service from the next tap on, and for its kind of matter if the service has kinds."""
        self.service, self._matter = service, dict(matter or {})

    def tapped(self, tap: Tap, lane: str) -> CounterVerdict:
        """Read a card, have a chip prove itself, and check in. Any fault becomes a verdict."""
        return self._guarded(lambda: self._tapped(tap, lane))

    def shown(self, text: str, lane: str, profile: str = "qr") -> CounterVerdict:
        """Check in a scanned text, or a tag that proves nothing by itself."""
        return self._guarded(lambda: replace(self._shown(text, lane), profile=profile))

    def confirm(self, lane: str, *, id_checked: bool) -> CounterVerdict | None:
        """Answer the question that waits in a lane. Return None if there is none. Nothing is sent if the ID was not
        compared.
        """
        with self._lock:
            pending = self._pending.pop(lane, None)
        if pending is None or not id_checked:
            return None
        return self._guarded(lambda: self._confirmed(pending))

    def waiting(self) -> list[str]:
        """Return the lanes that wait for the operator's answer, newest last."""
        with self._lock:
            return list(self._pending)

    def _guarded(self, work: Callable[[], CounterVerdict]) -> CounterVerdict:
        try:
            return work()
        except DeviceFault as fault:
            return of_fault(fault)

    def _tapped(self, tap: Tap, lane: str) -> CounterVerdict:
        card = tap_card(tap)
        if card.profile is not Profile.CHIP:
            return replace(self._shown(card.text, lane), profile=card.profile.value)
        return replace(self._chip(tap, card), profile=card.profile.value)

    def _chip(self, tap: Tap, card: CardRead) -> CounterVerdict:
        try:
            challenge = self._server.challenge()
        except Away:
            held = self._documents.held(self._clock.now())
            presentation = answer_chip(tap, card, self._nonces.make(held.rules.audience, self._clock))
            return self._offline(_operation(), presentation, id_checked=False)
        # If the server goes away before it has recorded the answer, its nonce is judged here.
        self._nonces.took(challenge)
        return self._check_in({"presentation": answer_chip(tap, card, challenge)})

    def _shown(self, text: str, lane: str) -> CounterVerdict:
        try:
            look = self._server.call("POST", "/v1/verifications", {"presentation": text, "service": self.service})
        except Away:
            return self._shown_offline(text, lane)
        needs = look.get("needs")
        if look.get("valid") is True and isinstance(needs, list) and "id_check" in needs:
            self._wait(lane, Pending(str(look["id"]), text))
            return replace(of_look(look), service=self.service)
        # Refused looks are checked in too: a refusal at a counter is an entry.
        made = self._check_in({"look": str(look.get("id", ""))}, text)
        if made.kind is not VerdictKind.DENIED or not isinstance(look.get("reason"), str):
            return made
        # The look gives the better reason, such as a used link. The entry would stop at the ID that was not compared.
        seen = of_look(look)
        return replace(made, reason=str(look["reason"]), message=seen.message, hint=seen.hint)

    def _shown_offline(self, text: str, lane: str) -> CounterVerdict:
        held = self._documents.held(self._clock.now())
        presentation = _read(text, held)
        verdict = self._verified(presentation, held, id_checked=False)
        if isinstance(verdict, CardRefused) and verdict.reason == "id-check-needed" and self._server.on_duty:
            self._wait(lane, Pending(None, presentation.text))
            hint = VerdictText(
                "请核对本人证件与卡面姓名。", "Compare the person's ID with the name printed on the card."
            )
            return CounterVerdict(
                VerdictKind.ASK, VerdictText("离线：需核对证件", "Offline: compare the person's ID"), hint, offline=True
            )
        return self._offline(_operation(), presentation.text, id_checked=False)

    def _confirmed(self, pending: Pending) -> CounterVerdict:
        if pending.look is None:
            return self._offline(_operation(), pending.text, id_checked=True)
        return self._check_in({"look": pending.look, "id_checked": True}, pending.text)

    def _wait(self, lane: str, pending: Pending) -> None:
        with self._lock:
            self._pending.pop(lane, None)
            self._pending[lane] = pending

    def _check_in(self, what: dict[str, object], text: str | None = None) -> CounterVerdict:
        operation, body = _operation(), {**what, "service": self.service, "client_time": to_epoch(self._clock.now())}
        if self._matter:
            body["matter"] = self._matter
        for _ in range(2):
            try:
                found = self._server.call("POST", "/v1/check-ins", body, operation=operation)
            except Away:
                continue
            if self._promises is not None:
                self._promises.keep(found)
            return of_answer(found)
        presentation = text or str(what["presentation"])
        return self._offline(operation, presentation, id_checked=bool(what.get("id_checked")))

    def _offline(self, operation: str, text: str, *, id_checked: bool) -> CounterVerdict:
        """Judge by the documents here, record, and only then tell the visitor (docs/design.md §6, Offline)."""
        at = self._clock.now()
        held = self._documents.held(at)
        presentation = _read(text, held)
        verdict = self._verified(presentation, held, id_checked=id_checked)
        reason = verdict.reason if isinstance(verdict, CardRefused) else self._refusal(presentation, verdict, held)
        if self._unstaffed(verdict, reason):
            reason = "operator-unproved"
        use = LocalUse(operation, self.service, presentation, reason, id_checked, self._server.on_duty)
        self._queue.append(use, at, self._documents.server_time())
        message = VerdictText("离线准许", "Granted offline") if reason is None else _words_of(reason, verdict.card)
        kind = VerdictKind.DENIED if reason else VerdictKind.GRANTED
        card = verdict.card
        assurance = verdict.assurance.word if isinstance(verdict, Verified) else None
        return CounterVerdict(
            kind, message, OFFLINE_HINT, reason, self.service, offline=True, assurance=assurance,
            name=card.name if card else None, tier=card.tier if card else None,
        )  # fmt: skip

    def _verified(self, presentation: Presentation, held: HeldDocuments, *, id_checked: bool) -> Verified | CardRefused:
        least = Assurance[self._rules_of(held).least_assurance.upper()]
        return verify_presentation(
            presentation, held.trust, self._clock.now(), id_checked=id_checked, least=least, challenges=self._nonces
        )

    def _unstaffed(self, verdict: Verified | CardRefused, reason: str | None) -> bool:
        """Return whether nobody is signed in although somebody must be: at this device, or to compare a person's ID."""
        if self._server.on_duty is not None:
            return False
        compares = verdict.assurance is not Assurance.PROVED if isinstance(verdict, Verified) else False
        asked = reason == "id-check-needed" or (reason is None and compares)
        return asked or (reason is None and self._server.identity.needs_operator)

    def _rules_of(self, held: HeldDocuments) -> OfflineOffer:
        found = held.rules.services.get(self.service)
        if found is None:
            raise NoDocuments(f"the programme kept here has no service {self.service}")
        return found

    def _refusal(self, presentation: Presentation, verdict: Verified, held: HeldDocuments) -> str | None:
        rules = self._rules_of(held)
        if presentation.proof is not None and self._queue.has_granted(presentation):
            return "proof-used"
        # Reasons of the rules alone come first, as at the server. Reasons that need the server come after.
        if verdict.card.tier not in rules.tiers:
            return "not-entitled"
        if not rules.open:
            return "service-not-open"
        if self.service not in held.rules.offered.get(self._server.identity.point, ()):
            return "not-offered-here"
        if not rules.for_holder:
            return "not-for-beneficiary"
        if rules.limit == 0 or rules.needs_booking:
            return "online-only"
        if rules.limit is None:
            return None
        period = held.rules.period(rules, self._clock.now())
        used = self._queue.granted(self.service, claimed_subject(presentation), period)
        return "offline-limit" if used >= rules.limit else None


def _read(text: str, held: HeldDocuments) -> Presentation:
    """Step 1, offline: a link needs the server's counters, and a proof alone needs a card that only the server
    knows.
    """
    try:
        presentation = read(text, held.rules.dictionaries)
    except PresentationError:
        raise NoDocuments(
            "this can be judged by the server alone", "wait for the network; admit nobody by it"
        ) from None
    if presentation.card is None:
        raise NoDocuments("the short code needs the server", "ask the holder to show the full code") from None
    return presentation


def _words_of(reason: str, card: CardClaims | None) -> VerdictText:
    """Return the words of a refusal. A tapped card has no phone to reopen it on, and no next code."""
    tapped = card is not None and card.form in {Form.CHIP, Form.TAG}
    otherwise = {"bad-proof": CLONED, "proof-used": TAPPED} if tapped else {}
    return otherwise.get(reason) or OFFLINE_WORDS.get(reason, NOT_NAMED)


def _operation() -> str:
    return b64u(secrets.token_bytes(16))
