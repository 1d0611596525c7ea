"""Publishing: turns the register into the signed files that verifiers trust. Repeating it is harmless and repairs.

The order is: the transaction that says what will be published; the files; the transaction that says it was published.
After a crash in between, the files are true of an earlier moment, and the next publication updates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards.binding import BindingList, SignedBindingList, sign_binding_list
from cards.claims import CARD, parse
from cards.marks import HOLDER_MARKS, HolderMarks, Mark, sign_marks
from cards.status import LIST_SIZE, SignedStatusList, Status, build, sign_status_list
from edge.instants import from_epoch, to_epoch
from edge.strictjson import dumps
from issuer.publishing import folder as files
from issuer.publishing import office_checkpoint
from issuer.publishing.bundles import Bundle, bundle_version, current_bundle, jwks, programme_bytes, root_jwk
from issuer.register import indexes
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.marks import all_marks
from issuer.register.tables import CARDS, PUBLICATIONS, STATUS_INDEXES, IndexState
from keys.errors import TokenError
from keys.keyset import Purpose
from keys.tokens import parse_unverified

LISTS_LIVE: Final = timedelta(hours=24)
"""How long an offline counter may use a status list (docs/design.md §4)."""
MARKS_LIVE: Final = timedelta(days=7)
_KEPT_PUBLICATIONS: Final = 1000
T = PUBLICATIONS


@dataclass(frozen=True, slots=True)
class Publication:
    """One publication. `bundle_due` is None, or the reason why a due trust bundle could not be signed here."""

    serial: int
    at: datetime
    bundle_version: int
    status_lists: tuple[str, ...]
    bundle_due: RefusedError | None


@dataclass(frozen=True, slots=True)
class _Listed:
    """The content of one status list for each index, and what each index is bound to."""

    statuses: dict[int, Status]
    bindings: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of one publication, read in one transaction."""

    serial: int
    at: datetime
    bundle: Bundle
    due: RefusedError | None
    pooled: list[tuple[int, int]]
    lists: dict[int, _Listed]
    marks: list[Mark]
    office: str


def publish(issuer: Issuer, at: datetime) -> Publication:
    """Publish everything, durable when this returns. Refused if there is no trust bundle yet and no root key.

    A due trust bundle is signed if the root key is available. If not, everything else is published, and `bundle_due`
    says so.
    """
    with files.publishing(issuer.published):
        content = _decide(issuer, at)
        _write_files(issuer, content)
        with issuer.register.change() as connection:
            indexes.make_ready(connection, content.pooled)
            connection.execute(T.update().where(T.c.serial == content.serial).values(finished_at=content.at))
    uris = tuple(_uri(issuer, number) for number in content.lists)
    return Publication(content.serial, content.at, content.bundle.version, uris, content.due)


def publish_if_due(issuer: Issuer, at: datetime) -> Publication | None:
    """Publish if the last publication is older than half the status lists' `ttl` or was not finished. Return None
    otherwise.
    """
    with issuer.register.read() as connection:
        last = connection.execute(sa.select(T).order_by(T.c.serial.desc()).limit(1)).one_or_none()
    fresh = last is not None and last.finished_at is not None and at < last.finished_at + issuer.status_ttl / 2
    return None if fresh else publish(issuer, at)


def after_change(issuer: Issuer, at: datetime) -> None:
    """Publish after a change of a card, unless the office leaves this to its caller."""
    if issuer.publishes:
        publish(issuer, at)


def ensure_pool(issuer: Issuer, at: datetime) -> None:
    """Publish first if no index is ready, so that a card can have one."""
    ready = sa.select(STATUS_INDEXES.c.index).where(STATUS_INDEXES.c.state == IndexState.READY).limit(1)
    if not issuer.publishes:
        return
    with issuer.register.read() as connection:
        found = connection.execute(ready).first()
    if found is None:
        publish(issuer, at)


def _decide(issuer: Issuer, at: datetime) -> _Content:
    shown_serial = _shown_serial(issuer)
    document = files.read_file(issuer.published, files.BUNDLE_FILE) or b""
    with issuer.register.change() as connection:
        serial, instant = _begin(connection, at, shown_serial)
        indexes.top_up(connection, instant, issuer.pool_size)
        shown_version = bundle_version(document.decode("ascii", "replace"))
        bundle, due = current_bundle(issuer, connection, instant, published_version=shown_version)
        if bundle is None:
            raise due or RefusedError("there is no trust bundle", "python -m issuer init")
        _bind_earlier_cards(issuer, connection)
        pooled = indexes.pooled(connection)
    # Outside the transaction, so that a long list does not delay the office: changes meanwhile are only newer truth.
    with issuer.register.read() as connection:
        numbers = indexes.list_numbers(connection)
        lists = {number: _listed(issuer, connection, number, instant) for number in numbers}
        office = office_checkpoint.signed_checkpoint(issuer, connection)
        return _Content(serial, instant, bundle, due, pooled, lists, all_marks(connection), office)


def _listed(issuer: Issuer, connection: Connection, number: int, at: datetime) -> _Listed:
    bound = indexes.bindings(connection, number, at, _uri(issuer, number))
    return _Listed(indexes.entries(connection, number, at), bound)


def _uri(issuer: Issuer, number: int) -> str:
    return f"{issuer.programme.status_base}{number}"


def _bind_earlier_cards(issuer: Issuer, connection: Connection) -> None:
    """Bind the cards of a register that kept no bindings. The first publication binds them all."""
    for card_id in indexes.unbound_cards(connection):
        sealed = connection.execute(sa.select(CARDS.c.token).where(CARDS.c.id == card_id)).scalar_one()
        token = issuer.register.unseal(sealed, f"cards.token:{card_id}").decode("ascii")
        indexes.bind(connection, parse(parse_unverified(token, CARD).claims))


def _begin(connection: Connection, at: datetime, shown_serial: int) -> tuple[int, datetime]:
    """Begin a publication: its serial and instant never go back, even with a wrong clock or a restored backup."""
    last = connection.execute(sa.select(T).order_by(T.c.serial.desc()).limit(1)).one_or_none()
    whole = from_epoch(to_epoch(at))
    serial = max(shown_serial, 0 if last is None else last.serial) + 1
    instant = whole if last is None else max(whole, last.begun_at)
    connection.execute(T.insert().values(serial=serial, begun_at=instant))
    connection.execute(T.delete().where(T.c.serial <= serial - _KEPT_PUBLICATIONS))
    return serial, instant


def _write_files(issuer: Issuer, content: _Content) -> None:
    """Write files in the order in which a reader needs them: the programme, the bundle that pins it, then what its keys
    sign.
    """
    at = content.at
    programme = programme_bytes(issuer)
    if programme is not None:
        files.replace_published(issuer.published, files.PROGRAMME_FILE, programme)
    files.replace_published(issuer.published, files.BUNDLE_FILE, content.bundle.document.encode("ascii"))
    files.replace_published(issuer.published, files.JWKS_FILE, dumps(jwks(issuer, at)))
    root = root_jwk(issuer, at)
    if root is not None:
        files.replace_published(issuer.published, files.ROOT_FILE, dumps(root))
    for number, listed in content.lists.items():
        # The bindings come first: a reader takes the list first, and so never meets bindings older than the list.
        bound = _signed_bindings(issuer, content, number, listed.bindings)
        files.replace_published(issuer.published, files.bindings_file(number), bound.encode("ascii"))
        text = _signed_list(issuer, content, number, listed.statuses)
        files.replace_published(issuer.published, files.list_file(number), text.encode("ascii"))
    files.replace_published(issuer.published, files.MARKS_FILE, _signed_marks(issuer, content).encode("ascii"))
    files.replace_published(issuer.published, office_checkpoint.FILE, content.office.encode("utf-8"))


def _signed_list(issuer: Issuer, content: _Content, number: int, entries: dict[int, Status]) -> str:
    signed = SignedStatusList(
        uri=_uri(issuer, number),
        issuer=issuer.programme.issuer,
        issued_at=content.at,
        expires_at=content.at + LISTS_LIVE,
        ttl=issuer.status_ttl,
        bundle=content.bundle.version,
        statuses=build(entries),
    )
    return sign_status_list(issuer.keys.signer(Purpose.STATUS, content.at), signed)


def _signed_bindings(issuer: Issuer, content: _Content, number: int, bindings: dict[int, bytes]) -> str:
    signed = SignedBindingList(
        uri=_uri(issuer, number),
        issuer=issuer.programme.issuer,
        issued_at=content.at,
        expires_at=content.at + LISTS_LIVE,
        listed=BindingList.of(bindings, LIST_SIZE),
    )
    return sign_binding_list(issuer.keys.signer(Purpose.STATUS, content.at), signed)


def _signed_marks(issuer: Issuer, content: _Content) -> str:
    marks = HolderMarks(
        issuer=issuer.programme.issuer,
        issued_at=content.at,
        expires_at=content.at + MARKS_LIVE,
        serial=content.serial,
        marks=tuple(content.marks),
    )
    return sign_marks(issuer.keys.signer(Purpose.STATUS, content.at), marks)


def _shown_serial(issuer: Issuer) -> int:
    """Return the serial in the folder's holder marks, unverified, or 0 if there is none."""
    text = (files.read_file(issuer.published, files.MARKS_FILE) or b"").decode("ascii", "replace")
    try:
        serial = parse_unverified(text, HOLDER_MARKS).claims["serial"]
    except TokenError:
        return 0
    return serial if isinstance(serial, int) else 0
