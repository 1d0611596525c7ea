"""The accounts store: everything that is kept about who may do what, behind one door.

Whoever can change this store can give any right to anybody; whoever can only read it learns no token, code or password,
but could find a PIN of few digits by trying them all, and must not be able to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from accounts import attempts, journal
from accounts.attempts import Attempt
from accounts.database import AccountsDatabase
from accounts.devices import Devices
from accounts.integrators import Integrators
from accounts.journal import JournalNote
from accounts.operators import Operators
from accounts.people import People


class AccountStore:
    """People, devices, integrators and operators of one server. Safe between threads; open it after a fork.

    Each method is one transaction, durable when it returns. Instants are parameters; the store reads no clock.
    """

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        self.revision: Callable[[], int] = partial(getattr, database, "revision")
        """Grows whenever this process takes a right away: what is remembered from before is to be read anew."""
        self.people = People(database)
        self.devices = Devices(database)
        self.integrators = Integrators(database)
        self.operators = Operators(database)

    @classmethod
    def open(cls, url: str) -> AccountStore:
        """Open the store at `url` (`sqlite:///file` or `postgresql://…`) with its tables up to date."""
        return cls(AccountsDatabase(url))

    def migrate(self) -> None:
        """Bring the tables up to date; `open` has done so."""
        self._database.migrate()

    def log(self, limit: int = 100) -> Sequence[JournalNote]:
        """Return the last lines of the account log, newest first."""
        with self._database.read() as connection:
            return journal.newest(connection, limit)

    def admit_enrolment(self, source: str, at: datetime) -> Attempt:
        """Count an enrolment from `source` as failed before it is tried; TooSoon after several failures from there."""
        attempt = Attempt.of("enrolment", "", source)
        with self._database.write() as connection:
            attempts.admit(connection, attempt, at, attempts.ENROLMENT)
        return attempt

    def enrolment_succeeded(self, attempt: Attempt, at: datetime) -> None:
        """Take the count back."""
        with self._database.write() as connection:
            attempts.succeeded(connection, attempt, at)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()
