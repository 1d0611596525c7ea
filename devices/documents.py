"""The signed documents that a counter uses while the server is away: bundle, status lists, the programme's rules.

They are kept on disk. The bundle is checked with the root from the device's enrolment, and never goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from cards.binding import BindingListError, SignedBindingList, content_of, digest_of, verify_binding_list
from cards.offline_record import verify_time
from cards.periods import Period, PeriodUnit, period_of
from cards.status import SignedStatusList, StatusListError, StatusLists, verify_status_list
from cards.verify import Trust
from cards.wire import Dictionary, dictionary_for
from devices.faults import DeviceFault
from devices.server import Away, Server, ServerRefusedError
from edge.strictjson import JsonError, loads
from keys.bundle import BundleError, TrustBundle, verify_bundle
from keys.errors import TokenError
from keys.files import open_folder, read_private, replace_private

PROGRAMME_MOST: Final = 4 * 1024 * 1024
_BUNDLE, _PROGRAMME, _TIME = "trust-bundle.jwt", "programme.json", "server-time.jwt"


class NoDocuments(DeviceFault):
    """Without valid documents, nothing can be judged while the server is away."""

    hint = "connect this PC to the server once; refuse meanwhile, or record on paper"


@dataclass(frozen=True, slots=True)
class OfflineOffer:
    """What may be granted of one service while the server is away. `limit` None: no limit.

    `for_holder`: whether the holder may use it in person. An agent records no other beneficiary.
    """

    tiers: frozenset[str]
    limit: int | None
    unit: PeriodUnit
    needs_booking: bool
    open: bool
    least_assurance: str
    for_holder: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of the programme that an offline counter applies. `offered`: the services of each point."""

    audience: str
    zone: ZoneInfo
    dictionaries: Mapping[int, Dictionary]
    services: Mapping[str, OfflineOffer]
    offered: Mapping[str, frozenset[str]]

    def period(self, service: OfflineOffer, at: datetime) -> Period:
        """Return the period in which offline uses of a service are counted."""
        return period_of(service.unit, at, self.zone)


@dataclass(frozen=True, slots=True)
class HeldDocuments:
    """The documents in force: whom to trust, and what to allow."""

    trust: Trust
    rules: Rules


class DocumentFolder:
    """Fetches documents while the server is there, and reads them while it is not."""

    def __init__(self, folder: Path, root: str | None) -> None:
        """Keep documents under `folder`, checked with the root key of this thumbprint."""
        open_folder(folder)
        self._folder = folder
        self._root = root
        self._version = 0

    @property
    def folder(self) -> Path:
        """The agent's private folder."""
        return self._folder

    def refresh(self, server: Server, at: datetime) -> bool:
        """Fetch everything again and keep valid documents. Return False if the server is away or a document is not
        valid.
        """
        with suppress(NoDocuments):
            self._bundle(_content(self._folder / _BUNDLE), at)  # Nothing older than the kept documents
        try:
            text = server.document("/v1/trust-bundle")
            bundle = self._bundle(text, at)
            lists = [(uri, *self._list(uri, server, bundle, at)) for uri in bundle.status_lists]
            programme = server.document("/v1/programme")
            read_rules(programme)
        except (Away, ServerRefusedError, NoDocuments, StatusListError, BindingListError):
            return False
        replace_private(self._folder / _BUNDLE, text)
        for uri, listed, bound in lists:
            # The bindings come first, as at the issuer: a reader then never meets bindings older than their list.
            if bound is not None:
                replace_private(self._bindings_file(uri), bound)
            replace_private(self._folder / f"status-{_number(uri)}.jwt", listed)
        _write_whole(self._folder / _PROGRAMME, programme)
        self.keep_time(_signed_time(server), at)
        return True

    def held(self, at: datetime) -> HeldDocuments:
        """Return the documents in force at `at`. Raises NoDocuments without a valid bundle and programme.

        A missing or expired status list is left out: its cards are `status-unknown`.
        """
        bundle = self._bundle(_content(self._folder / _BUNDLE), at)
        rules = read_rules(_content(self._folder / _PROGRAMME))
        lists = StatusLists()
        for uri in bundle.status_lists:
            with suppress(StatusListError, BindingListError, OSError):
                lists.put(self._held_list(uri, bundle, at), self._held_bindings(uri, bundle, at))
        return HeldDocuments(Trust(bundle.key_set(), bundle.issuer, rules.audience, lists, bundle.version), rules)

    def keep_time(self, text: str, at: datetime) -> None:
        """Keep a time that the server signed (docs/design.md §6, Offline). Records carry it, so that this clock is
        believed.

        A time without a valid signature by a receipt key of the bundle, or older than the kept one, changes nothing.
        """
        with suppress(NoDocuments, TokenError):
            bundle = self._bundle(_content(self._folder / _BUNDLE), at)
            told = verify_time(text, bundle.key_set(), bundle.issuer, at)
            before = self.server_time()
            if before is None or verify_time(before, bundle.key_set(), bundle.issuer, at) <= told:
                replace_private(self._folder / _TIME, text.encode("ascii"))

    def server_time(self) -> str | None:
        """Return the newest signed time, or None before the first."""
        path = self._folder / _TIME
        return read_private(path).decode("ascii") if path.exists() else None

    def _list(self, uri: str, server: Server, bundle: TrustBundle, at: datetime) -> tuple[bytes, bytes | None]:
        """Fetch a status list that is not older than the kept one, then its bindings. Raises StatusListError or
        BindingListError.
        """
        content = server.document(f"/v1/status-lists/{_number(uri)}")
        lists = StatusLists()
        with suppress(StatusListError, BindingListError, OSError):
            lists.put(self._held_list(uri, bundle, at))
        bound = self._fetched_bindings(uri, server)
        bindings = None if bound is None else _bound(bound.decode("ascii", "replace"), uri, bundle, at)
        lists.put(_verified(content.decode("ascii", "replace"), uri, bundle, at), bindings)
        return content, bound

    def _fetched_bindings(self, uri: str, server: Server) -> bytes | None:
        """Fetch a list's bindings, or None if there are none. Their content is fetched only if it differs from the kept
        content.
        """
        path, file = f"/v1/binding-lists/{_number(uri)}", self._bindings_file(uri)
        try:
            token = server.document(path)
        except ServerRefusedError as error:
            if error.status == 404 and not file.exists():
                return None
            raise
        _, _, held = (file.read_bytes() if file.exists() else b"").partition(b"~")
        content = held if held and content_of(token.decode("ascii", "replace")) == digest_of(held) else None
        return token + b"~" + (server.document(f"{path}/content") if content is None else content)

    def _held_list(self, uri: str, bundle: TrustBundle, at: datetime) -> SignedStatusList:
        return _verified((self._folder / f"status-{_number(uri)}.jwt").read_text("ascii"), uri, bundle, at)

    def _held_bindings(self, uri: str, bundle: TrustBundle, at: datetime) -> SignedBindingList | None:
        file = self._bindings_file(uri)
        return _bound(file.read_text("ascii"), uri, bundle, at) if file.exists() else None

    def _bindings_file(self, uri: str) -> Path:
        return self._folder / f"bindings-{_number(uri)}.jwt"

    def _bundle(self, text: bytes, at: datetime) -> TrustBundle:
        if self._root is None:
            raise NoDocuments("this device was not told the root key when it enrolled")
        try:
            bundle = verify_bundle(text.decode("ascii", "replace"), self._root, at, seen_version=self._version)
        except BundleError as error:
            raise NoDocuments(f"the trust bundle does not hold ({error.reason})") from None
        self._version = bundle.version
        return bundle


def _signed_time(server: Server) -> str:
    """Ask for the signed time. Return an empty text if the server does not give it."""
    with suppress(Away, ServerRefusedError):
        return str(server.call("GET", "/v1/time").get("time", ""))
    return ""


def _verified(text: str, uri: str, bundle: TrustBundle, at: datetime) -> SignedStatusList:
    return verify_status_list(text, bundle.key_set(), at, uri=uri, issuer=bundle.issuer, bundle_version=bundle.version)


def _bound(text: str, uri: str, bundle: TrustBundle, at: datetime) -> SignedBindingList:
    return verify_binding_list(text, bundle.key_set(), at, uri=uri, issuer=bundle.issuer)


def read_rules(content: bytes) -> Rules:
    """Read what an offline counter needs from the programme's JSON. Raises NoDocuments if something is missing."""
    try:
        found = loads(content, max_bytes=PROGRAMME_MOST)
        return _rules(found) if isinstance(found, dict) else _no_rules()
    except (JsonError, KeyError, TypeError, ValueError) as error:
        raise NoDocuments(f"the programme cannot be read ({type(error).__name__})") from None


def _no_rules() -> Rules:
    raise TypeError("not an object")


def _rules(found: dict[str, object]) -> Rules:
    audience, number = str(found["audience"]), int(str(found["wire_dictionary"]))
    dictionary = dictionary_for(str(found["issuer"]), str(found["status_base"]), number, audience=audience)
    services, quotas = _mapping(found["services"]), _mapping(found["quotas"])
    known = {code: _service(_mapping(one), quotas) for code, one in services.items()}
    points = {code: _texts(_mapping(one)["services"]) for code, one in _mapping(found["points"]).items()}
    return Rules(audience, ZoneInfo(str(found["zone"])), {number: dictionary}, known, points)


def _service(one: Mapping[str, object], quotas: Mapping[str, object]) -> OfflineOffer:
    limit, quota = one["offline_limit"], one["quota"]
    unit = PeriodUnit.EVER if quota is None else PeriodUnit(str(_mapping(quotas[str(quota)])["unit"]))
    return OfflineOffer(
        tiers=_texts(one["tiers"]),
        limit=None if limit is None else int(str(limit)),
        unit=unit,
        needs_booking=one["booking"] is not None,
        open=one["closed"] is None,
        least_assurance=str(one["least_assurance"]),
        for_holder="holder" in _texts(one["beneficiaries"]),
    )


def _texts(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return frozenset(str(text) for text in value)


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _number(uri: str) -> int:
    last = uri.rpartition("/")[2]
    return int(last) if last.isdecimal() else 0


def _content(path: Path) -> bytes:
    if not path.exists():
        raise NoDocuments(f"{path.name} was never fetched")
    return read_private(path) if path.name != _PROGRAMME else path.read_bytes()


def _write_whole(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(path)
