"""A register of the size of a city: holders with cards, applications in every state, their histories, the office log.

The rows are written in bulk, in the form in which the services write them: sealed, hashed and chained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from random import Random

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards import numbers
from cards.names import mask
from edge.ids import new_id
from issuer.applications import records
from issuer.applications.content import Content
from issuer.applications.papers import ground_of, requirements
from issuer.applications.states import State
from issuer.register import office_log
from issuer.register.application_tables import APPLICATION_EVENTS, APPLICATION_PAPERS, APPLICATIONS, NOTICES
from issuer.register.identity import Identity, IdType
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.searching import search_hashes
from issuer.register.tables import CARDS, GROUNDS, HOLDERS, OFFICE_CHAIN, OFFICE_LOG, CardState

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "明华丽强伟芳娜敏静磊洋勇艳杰娟涛超霞平刚英"
GROUND, LIMB, TIER = "gold-6", "a", "gold"
LOG_LINES = 5
"""So many lines of the office log a holder: registered, ground, card, printed, letter."""
_AT_ONCE = 2_000
Values = dict[str, object]
_SHARES = (
    (State.APPROVED, 70),
    (State.REFUSED, 8),
    (State.WITHDRAWN, 4),
    (State.SUBMITTED, 6),
    (State.IN_REVIEW, 6),
    (State.SUPPLEMENT, 3),
    (State.IN_DECISION, 3),
)


@dataclass(frozen=True, slots=True)
class Known:
    """What somebody types to find a person, and the ids of this person."""

    holder: str
    name: str
    masked: str
    number: str


@dataclass(frozen=True, slots=True)
class Handed:
    """One application: its id and receipt."""

    id: str
    receipt: str


class OfficeFill:
    """Fills a register that holds only the demonstration. `people` and `handed` are samples to ask for."""

    def __init__(self, issuer: Issuer, at: datetime, person: str) -> None:
        """Take the register, the instant and who did it all."""
        self.issuer, self.at, self.person = issuer, at, person
        self.people: list[Known] = []
        self.handed: list[Handed] = []
        self._random = Random(7)
        self._numbers: set[str] = set()

    def fill(self, holders: int, applications: int) -> None:
        """Put in so many holders and applications."""
        for start in range(0, holders, _AT_ONCE):
            self._holders(start, min(_AT_ONCE, holders - start))
        for start in range(0, applications, _AT_ONCE):
            self._applications(start, min(_AT_ONCE, applications - start))
        self._log(holders * LOG_LINES)
        with self.issuer.register.change() as connection:
            connection.execute(sa.text("ANALYZE"))

    def _name(self) -> str:
        draw = self._random.choice
        return draw(SURNAMES) + draw(GIVEN) + draw(GIVEN)

    def _number(self) -> str:
        """Return a card number that was not drawn before."""
        while (drawn := numbers.generate(self.issuer.programme.card_prefix, self._random)) in self._numbers:
            pass
        self._numbers.add(drawn)
        return drawn

    def _identity(self, number: int) -> Identity:
        day = date(1950, 1, 1) + timedelta(days=number // 900)
        return Identity(IdType.RESIDENT_ID, f"440111{day:%Y%m%d}{number % 900:03d}X", "CHN")

    def _holders(self, start: int, count: int) -> None:
        holders: list[Values] = []
        grounds: list[Values] = []
        cards: list[Values] = []
        for place in range(start, start + count):
            who, name, identity = new_id(), self._name(), self._identity(place)
            number = self._number()
            holders.append(self._holder(who, name, identity))
            grounds.append(self._ground(who))
            cards += self._cards(who, number, place)
            if place % 97 == 0:
                self.people.append(Known(who, name, identity.masked, number))
        with self.issuer.register.change() as connection:
            connection.execute(HOLDERS.insert(), holders)
            made = connection.execute(GROUNDS.insert().returning(GROUNDS.c.id, sort_by_parameter_order=True), grounds)
            ground_ids = dict(zip((row["id"] for row in holders), made.scalars(), strict=True))
            connection.execute(CARDS.insert(), [card | {"ground_id": ground_ids[card["holder_id"]]} for card in cards])

    def _holder(self, who: str, name: str, identity: Identity) -> Values:
        register = self.issuer.register
        return {
            "id": who,
            "name": register.seal(name.encode(), f"holders.name:{who}"),
            "masked_name": mask(name),
            "id_type": identity.kind.value,
            "id_country": identity.country,
            "id_number": register.seal(identity.number.encode(), f"holders.id_number:{who}"),
            "id_hash": register.hash("identity", identity.unique_text),
            "phone": register.seal(b"13800001234", f"holders.phone:{who}"),
            "added_at": self.at - timedelta(days=300),
            **search_hashes(register, name, identity),
        }

    def _ground(self, who: str) -> Values:
        told = {"code": GROUND, "limb": LIMB, "tier": TIER, "contract_ends": date(2029, 6, 30)}
        return {"holder_id": who, "added_at": self.at - timedelta(days=300), **told}

    def _cards(self, who: str, number: str, place: int) -> Iterator[Values]:
        """Yield a printed card, and for every third holder the card that it replaced."""
        if place % 3 == 0:
            yield self._card(who, self._number(), place * 2, CardState.REPLACED)
        yield self._card(who, number, place * 2 + 1, CardState.VALID)

    def _card(self, who: str, number: str, place: int, state: CardState) -> Values:
        card, begun = new_id(), self.at - timedelta(days=self._random.randrange(300))
        ends = self.at + timedelta(days=self._random.randrange(1, 900))
        return {
            "id": card,
            "holder_id": who,
            "number": number,
            "form": "print",
            "tier": TIER,
            "status_list": place // 131_072,
            "status_index": place % 131_072,
            "state": state.value,
            "issued_at": begun,
            "not_before": begun,
            "expires_at": ends,
            "valid_until": ends,
            "token": self.issuer.register.seal(b"e" * 700, f"cards.token:{card}"),
            "ended_at": None if state.live else self.at,
            "ended_because": None if state.live else "damaged",
            "printed_at": begun if place % 1_000 else None,
        }

    def _applications(self, start: int, count: int) -> None:
        rows: list[Values] = []
        papers: list[Values] = []
        events: list[Values] = []
        waiting: list[Values] = []
        for place in range(start, start + count):
            row = self._application(place)
            rows.append(row)
            papers += self._papers(str(row["id"]))
            events += self._events(str(row["id"]))
            waiting.append(self._notice(str(row["id"]), place))
            if place % 41 == 0:
                self.handed.append(Handed(str(row["id"]), str(row["receipt"])))
        with self.issuer.register.change() as connection:
            connection.execute(APPLICATIONS.insert(), rows)
            connection.execute(APPLICATION_PAPERS.insert(), papers)
            connection.execute(APPLICATION_EVENTS.insert(), events)
            connection.execute(NOTICES.insert(), waiting)

    def _application(self, place: int) -> Values:
        made, name, identity = new_id(), self._name(), self._identity(place * 5)
        content = Content(
            name, "resident-id", identity.number, "", "13800001234", "", "某公司", "registered-or-taxed", "工程师"
        )
        state = self._random.choices([one for one, _ in _SHARES], [share for _, share in _SHARES])[0]
        day = self.at.date() + timedelta(days=self._random.randrange(-20, 20))
        decided = state in (State.APPROVED, State.REFUSED)
        return {
            "id": made,
            "receipt": f"{self.issuer.programme.card_prefix}{self.at:%Y%m%d}-{place:06d}",
            "channel": "own",
            "state": state.value,
            "ground": GROUND,
            "limb": LIMB,
            "tier": TIER,
            "department": self.issuer.programme.second_reviewer,
            "masked_name": mask(name),
            "language": "zh",
            "created_at": self.at,
            "submitted_at": self.at - timedelta(hours=place % 5_000),
            "due_on": day if state.open else None,
            "lacking": [] if place % 3 else ["check:contract:0"],
            "recorded_by": "applicant",
            "claimed_by": self.person if state is State.IN_REVIEW and place % 2 else None,
            "decided_by": self.person if decided else None,
            "decided_at": self.at if decided else None,
            "refusal": "other" if state is State.REFUSED else None,
            **records.seal_content(self.issuer, made, content),
        }

    def _papers(self, made: str) -> Iterator[Values]:
        named = ground_of(self.issuer.programme, GROUND, LIMB)
        if named is None:
            raise ValueError("the programme lost a ground of the bench")
        for asked in requirements(self.issuer.programme, *named, IdType.RESIDENT_ID):
            told = {"variant": None, "begins": None, "ends": None, "confirmed": [], "seen": [0]}
            yield {"application_id": made, "key": asked.key, "seen_by": self.person, "seen_at": self.at, **told}

    def _events(self, made: str) -> Iterator[Values]:
        for act in ("begin", "fill-in", "ground", "attach", "attach", "attach", "submit", "claim", "check", "forward"):
            yield {"application_id": made, "at": self.at, "actor": self.person, "act": act, "detail": {}, "note": None}

    def _notice(self, made: str, place: int) -> Values:
        sent = place % 50 != 0
        return {
            "application_id": made,
            "kind": "received",
            "transport": "sms",
            "address": b"" if sent else b"sealed",
            "language": "zh",
            "created_at": self.at,
            "next_at": None,
            "tries": 1,
            "sent_at": self.at if sent else None,
            "given_up_at": None if sent else self.at,
        }

    def _log(self, count: int) -> None:
        """Write the office log's lines with their chain, several thousand at a time."""
        with self.issuer.register.change() as connection:
            end = office_log.chain_end(connection)
            lines = self._lines(connection, end.last)
            link = end.link
            for _ in range(0, count, _AT_ONCE):
                part = list(islice(lines, _AT_ONCE))
                chained = []
                for line in part:
                    seq = line["seq"]
                    if not isinstance(seq, int):
                        raise TypeError("a line's number is a number")
                    link = office_log.link_of(link, seq, {name: told for name, told in line.items() if name != "seq"})
                    chained.append({"seq": seq, "link": link})
                connection.execute(OFFICE_LOG.insert(), part)
                connection.execute(OFFICE_CHAIN.insert(), chained)
            if connection.dialect.name == "postgresql":  # the lines brought their own numbers: the next one follows
                connection.execute(sa.text("SELECT setval('office_log_seq_seq', max(seq)) FROM office_log"))

    def _lines(self, connection: Connection, last: int) -> Iterator[Values]:
        actions = (OfficeAction.HOLDER_ADDED, OfficeAction.GROUND_ADDED, OfficeAction.CARD_ISSUED,
                   OfficeAction.CARD_PRINTED, OfficeAction.CODE_MADE)  # fmt: skip
        asked = sa.select(CARDS.c.holder_id, CARDS.c.id).where(CARDS.c.state == CardState.VALID.value)
        for holder, card in connection.execute(asked).all():
            for action in actions:
                last += 1
                named = card if action.value.startswith("card") else None
                told: Values = {"seq": last, "at": self.at, "actor": self.person, "action": action.value}
                yield told | {"holder_id": holder, "card_id": named, "detail": {"tier": TIER}}
