"""The accounts store: all data about who may do what, behind one interface.

An attacker who can change this store can give any right to anybody. An attacker who can only read it learns no token,
code or password, but could find a short PIN by trying all PINs, and so must not be able to read it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from accounts import attempts, journal
from accounts.attempts import Attempt, TooSoon
from accounts.database import AccountsDatabase
from accounts.devices import Devices
from accounts.factors import FactorRefused, Factors, RelyingParty
from accounts.integrators import Integrators
from accounts.journal import JournalNote
from accounts.operators import Operators
from accounts.people import People, Person
from accounts.security import SecurityKind, SecurityLog
from accounts.sessions import Sessions
from accounts.steps import Steps

LONGEST_TOTP: Final = 8
"""A one-time code has six digits, perhaps with a space. A recovery code has twelve letters."""


class AccountStore:
    """People, devices, integrators and operators of one server. Safe between threads. Open it after a fork.

    Each method is one transaction, durable on return. Instants are parameters: the store reads no clock.
    """

    def __init__(self, database: AccountsDatabase, secret: bytes) -> None:
        self._database = database
        self.revision: Callable[[], int] = partial(getattr, database, "revision")
        """Grows whenever this process takes a right away. Rows remembered from before are then read again."""
        self.security = SecurityLog(database, secret)
        self.people = People(database, self.security)
        self.sessions = Sessions(database, self.security)
        self.factors = Factors(database, secret)
        self.steps = Steps(database)
        self.devices = Devices(database)
        self.integrators = Integrators(database)
        self.operators = Operators(database, self.security)

    @classmethod
    def open(cls, url: str, secret: bytes | None = None) -> AccountStore:
        """Open the store at `url` (`sqlite:///file` or `postgresql://…`) and update its tables.

        `secret` is the server's. Second steps are sealed under it, and it is the key of the security log's hashes.
        Without it, a random secret is used, which is enough only for a caller that needs neither.
        """
        return cls(AccountsDatabase(url), secret or secrets.token_bytes(32))

    def migrate(self) -> None:
        """Update the tables; `open` has already done this."""
        self._database.migrate()

    def log(self, limit: int = 100, offset: int = 0) -> Sequence[JournalNote]:
        """Return lines of the account log, newest first. `offset` newer lines are left out."""
        with self._database.read() as connection:
            return journal.newest(connection, limit, offset)

    def count_wrong_code(self, source: str, at: datetime) -> None:
        """Count a wrong device code from `source`, after it failed. Raises TooSoon after several from there.

        A right code is never counted and never refused: it has 60 bits, so that guessing cannot find it.
        """
        try:
            with self._database.write() as connection:
                attempts.admit(connection, Attempt.of("enrolment", "", source), at, attempts.ENROLMENT)
        except TooSoon:
            self.security.note(SecurityKind.DEVICE_CODE_LOCKED, at=at, place=source)
            raise

    def admit_factor(self, person: Person, source: str, at: datetime) -> Attempt:
        """Count a second step as failed before it is tried. Raises TooSoon after several failures from there."""
        attempt = Attempt.of("factor", person.id, source)
        try:
            with self._database.write() as connection:
                attempts.admit(connection, attempt, at, attempts.SIGN_IN)
        except TooSoon:
            self.security.note(SecurityKind.FACTOR_LOCKED, at=at, who=("person", person.name), place=source)
            raise
        return attempt

    def has_second_step(self, person: Person) -> bool:
        """Return whether a person has set up a second step. Then no session is opened without it."""
        return bool(self.factors.of(person.id))

    def take_second_step(self, person: Person, code: str, *, source: str, at: datetime) -> None:
        """Use up a one-time code or a recovery code. Raises FactorRefused, or TooSoon after several failures from
        there.
        """
        attempt = self.admit_factor(person, source, at)
        try:
            if "-" in code or len(code) > LONGEST_TOTP:
                self.factors.use_code(person.id, code, at)
            else:
                self.factors.check_totp(person.id, code, at)
        except FactorRefused:
            self.security.note(SecurityKind.FACTOR_FAILED, at=at, who=("person", person.name), place=source)
            raise
        self.attempt_succeeded(attempt, at)

    def answer_passkey(  # A browser's answer, its question, and the person
        self, person: Person, answer: str, challenge: str, party: RelyingParty, *, source: str, at: datetime
    ) -> None:
        """Check a passkey's answer with the person's passkeys. Raises FactorRefused, or TooSoon as for codes."""
        attempt = self.admit_factor(person, source, at)
        try:
            self.factors.check_passkey(person.id, answer, challenge, party, at)
        except FactorRefused:
            self.security.note(SecurityKind.FACTOR_FAILED, at=at, who=("person", person.name), place=source)
            raise
        self.attempt_succeeded(attempt, at)

    def attempt_succeeded(self, attempt: Attempt, at: datetime) -> None:
        """Take back the count of an attempt that was admitted."""
        with self._database.write() as connection:
            attempts.succeeded(connection, attempt, at)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()
