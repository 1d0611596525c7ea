"""How often each device granted a holder a service while it was offline: the server's own count, compared with the
limit.

A place is taken before the ledger counts, and given back if nothing was counted. So two simultaneous uploads cannot
exceed the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from edge.database import Database
from edge.instants import to_epoch
from edge.sealing import derive, keyed_hash
from verifier.records.tables import OFFLINE_GRANTS as GRANTS
from verifier.records.tables import OFFLINE_RECORDS as RECORDS

_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class GrantedHere:
    """The group of grants that are counted together: a device, a service, a holder's subject, a period and its end."""

    device: str
    service: str
    subject: str
    period: str
    ends_at: datetime | None


class OfflineGrants:
    """Counts in the verifier's store, where holders are keyed hashes."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database and the server's secret."""
        self._database = database
        self._key_of_holders = derive(secret, "offline-grants")

    def take(self, here: GrantedHere, digest: str, most: int, costs: Callable[[str], bool], at: datetime) -> bool:
        """Take one of `most` places for a record, by its digest. Return False if all are taken. A place that the record
        took before stays taken.

        `costs` tells whether the use of an entry still counts. The places of voided uses are given back.
        """
        for _ in range(_TRIES):
            try:
                if self._take(here, digest, most, at):
                    return True
            except IntegrityError:
                continue  # Another worker took this very place: look again
            if not self._give_back(here, costs):
                return False
        return False

    def give_back(self, digest: str) -> None:
        """Give back a record's place, because its use counted nothing."""
        with self._database.write() as connection:
            connection.execute(GRANTS.delete().where(GRANTS.c.digest == digest))

    def _take(self, here: GrantedHere, digest: str, most: int, at: datetime) -> bool:
        with self._database.write() as connection:
            connection.execute(GRANTS.delete().where(GRANTS.c.ends_at < to_epoch(at)))
            if connection.execute(sa.select(GRANTS.c.number).where(GRANTS.c.digest == digest)).first() is not None:
                return True
            taken = {row.number for row in self._rows(connection, here)}
            free = next((number for number in range(1, most + 1) if number not in taken), None)
            if free is None:
                return False
            ends_at = None if here.ends_at is None else to_epoch(here.ends_at)
            place = {**self._key(here), "number": free, "digest": digest, "ends_at": ends_at}
            connection.execute(GRANTS.insert().values(place))
            return True

    def _give_back(self, here: GrantedHere, costs: Callable[[str], bool]) -> bool:
        """Give back the places of uses that no longer count. Return whether there were any."""
        with self._database.read() as connection:
            digests = [row.digest for row in self._rows(connection, here)]
            known = sa.select(RECORDS.c.digest, RECORDS.c.entry).where(RECORDS.c.digest.in_(digests))
            entries = [(row.digest, row.entry) for row in connection.execute(known) if row.entry is not None]
        free = [digest for digest, entry in entries if not costs(entry)]
        for digest in free:
            self.give_back(digest)
        return bool(free)

    def _rows(self, connection: Connection, here: GrantedHere) -> list[Any]:
        mine = [GRANTS.c[name] == value for name, value in self._key(here).items()]
        return list(connection.execute(sa.select(GRANTS.c.number, GRANTS.c.digest).where(*mine)))

    def _key(self, here: GrantedHere) -> dict[str, object]:
        holder = keyed_hash(self._key_of_holders, here.device, here.subject)
        return {"device": here.device, "service": here.service, "holder": holder, "period": here.period}
