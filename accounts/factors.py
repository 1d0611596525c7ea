"""The second step of signing in: one-time codes by time (RFC 6238), passkeys (WebAuthn), recovery codes.

A reader of this store learns no secret of a one-time code, because it is sealed under the server's secret. Passkeys are
public keys, and recovery codes are hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

import pyotp
import sqlalchemy as sa
import webauthn
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError
from webauthn.helpers import exceptions, options_to_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts import journal
from accounts.credentials import hash_code, new_code
from accounts.database import AccountsDatabase
from accounts.journal import AccountAction
from accounts.tables import PERSON_FACTORS, RECOVERY_CODES
from edge.encoding import b64u, unb64u
from edge.ids import new_id
from edge.instants import to_epoch
from edge.sealing import Sealer
from edge.strictjson import JsonError, loads

CODES: Final = 10
FACTORS_MOST: Final = 10
ANSWER_MOST: Final = 16_384
STEP_SECONDS: Final = 30
LEEWAY_STEPS: Final = 1
"""A phone's clock may be wrong by this many steps of 30 s, before or after."""


class FactorRefused(Exception):
    """The code or the passkey's answer is wrong, used, or another person's. The answer is the same for all three."""


class TooManyFactors(ValueError):
    """A person already has `FACTORS_MOST`."""


class FactorKind(StrEnum):
    """The ways of a second step that a person can set up."""

    TOTP = "totp"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class Factor:
    """One way of a person's second step, as its owner sees it."""

    id: str
    kind: FactorKind
    label: str
    added_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class PasskeyChallenge:
    """The text for a browser to sign. `options` is its JSON, `challenge` is what the server keeps meanwhile."""

    options: str
    challenge: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site that asks for passkeys: its name, host and origin. Passkeys of another host do not work here."""

    name: str
    host: str
    origin: str

    @classmethod
    def of(cls, base_url: str, name: str) -> RelyingParty:
        """Return the party for the address that clients use."""
        parts = urlsplit(base_url)
        return cls(name, parts.hostname or "", f"{parts.scheme}://{parts.netloc}")


class Factors:
    """The second steps of the people of one store."""

    def __init__(self, database: AccountsDatabase, secret: bytes) -> None:
        self._database = database
        self._sealer = Sealer(secret, "second-factor")

    def of(self, person_id: str) -> Sequence[Factor]:
        """Return a person's factors, oldest first."""
        mine = sa.select(PERSON_FACTORS).where(PERSON_FACTORS.c.person_id == person_id)
        with self._database.read() as connection:
            return [_factor(row) for row in connection.execute(mine.order_by(PERSON_FACTORS.c.added_at))]

    def codes_left(self, person_id: str) -> int:
        """Return the number of a person's unused recovery codes."""
        left = sa.and_(RECOVERY_CODES.c.person_id == person_id, RECOVERY_CODES.c.used_at.is_(None))
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(RECOVERY_CODES).where(left)).scalar_one()

    def add_totp(self, person_id: str, secret: str, code: str | None, label: str, *, by: str, at: datetime) -> Factor:
        """Keep the secret of one-time codes (base32) after its owner has entered a right `code`. Raises FactorRefused
        otherwise.

        `code` is None if an operator sets up the factor and hands the secret over.
        """
        step = -1
        if code is not None and (step := _step_of(secret, code, at)) < 0:
            raise FactorRefused
        made = Factor(new_id(), FactorKind.TOTP, label, at, None)
        values = {"secret": self._sealer.seal(secret.encode(), made.id), "last_step": step}
        self._add(made, person_id, values, by=by, at=at)
        return made

    def check_totp(self, person_id: str, code: str, at: datetime) -> None:
        """Use up a one-time code. Raises FactorRefused for a wrong code, a used code, or a code older than a used
        one.
        """
        mine = sa.and_(PERSON_FACTORS.c.person_id == person_id, PERSON_FACTORS.c.kind == FactorKind.TOTP.value)
        with self._database.write() as connection:
            for row in connection.execute(sa.select(PERSON_FACTORS).where(mine)).all():
                step = _step_of(self._sealer.open(row.secret, row.id).decode(), code, at)
                if step > row.last_step and _use(connection, row, at, last_step=step):
                    return
        raise FactorRefused

    def new_codes(self, person_id: str, *, by: str, at: datetime) -> list[str]:
        """Return new recovery codes, given only this once. The older codes end."""
        made = [new_code() for _ in range(CODES)]
        with self._database.write() as connection:
            connection.execute(RECOVERY_CODES.delete().where(RECOVERY_CODES.c.person_id == person_id))
            rows = [{"code_hash": hash_code(code), "person_id": person_id, "made_at": at} for code in made]
            connection.execute(RECOVERY_CODES.insert(), rows)
            journal.append(connection, AccountAction.PERSON_CODES_MADE, person_id, by=by, at=at)
        return made

    def use_code(self, person_id: str, code: str, at: datetime) -> None:
        """Use up a recovery code. Raises FactorRefused for a wrong or used code."""
        held = RECOVERY_CODES.c
        mine = sa.and_(held.code_hash == hash_code(code), held.person_id == person_id, held.used_at.is_(None))
        with self._database.write() as connection:
            if connection.execute(RECOVERY_CODES.update().where(mine).values(used_at=at)).rowcount != 1:
                raise FactorRefused
            actor = f"person:{person_id}"
            journal.append(connection, AccountAction.PERSON_CODE_USED, person_id, by=actor, at=at)

    def registration(self, person_id: str, name: str, party: RelyingParty) -> PasskeyChallenge:
        """Return the options for a new passkey. They name the existing passkeys, so that none is made twice."""
        options = webauthn.generate_registration_options(
            rp_id=party.host,
            rp_name=party.name,
            user_name=name,
            user_id=person_id.encode(),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=self._descriptors(person_id),
        )
        return PasskeyChallenge(options_to_json(options), b64u(options.challenge))

    def add_passkey(
        self, person_id: str, answer: str, challenge: str, label: str, party: RelyingParty, *, by: str, at: datetime
    ) -> Factor:
        """Keep a new passkey from the browser's answer to `registration`. Raises FactorRefused for an answer that does
        not fit.
        """
        if not challenge:
            raise FactorRefused
        try:
            found = webauthn.verify_registration_response(
                credential=_parsed(answer),
                expected_challenge=unb64u(challenge),
                expected_rp_id=party.host,
                expected_origin=party.origin,
                require_user_verification=True,
            )
        except (exceptions.WebAuthnException, ValueError):
            raise FactorRefused from None
        made = Factor(new_id(), FactorKind.PASSKEY, label, at, None)
        values = {
            "secret": found.credential_public_key,
            "credential_id": b64u(found.credential_id),
            "sign_count": found.sign_count,
        }
        self._add(made, person_id, values, by=by, at=at)
        return made

    def question(self, person_id: str, party: RelyingParty) -> PasskeyChallenge:
        """Return the text for a browser to sign with one of a person's passkeys."""
        options = webauthn.generate_authentication_options(
            rp_id=party.host,
            allow_credentials=self._descriptors(person_id),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return PasskeyChallenge(options_to_json(options), b64u(options.challenge))

    def check_passkey(self, person_id: str, answer: str, challenge: str, party: RelyingParty, at: datetime) -> None:
        """Check a browser's answer to `question` with the person's passkeys. Raises FactorRefused if it does not
        fit.
        """
        given = _parsed(answer)
        if not challenge:
            raise FactorRefused
        with self._database.write() as connection:
            held = PERSON_FACTORS.c
            mine = sa.and_(held.person_id == person_id, held.credential_id == str(given.get("id", "")))
            row = connection.execute(sa.select(PERSON_FACTORS).where(mine)).one_or_none()
            if row is None:
                raise FactorRefused
            try:
                found = webauthn.verify_authentication_response(
                    credential=given,
                    expected_challenge=unb64u(challenge),
                    expected_rp_id=party.host,
                    expected_origin=party.origin,
                    credential_public_key=row.secret,
                    credential_current_sign_count=row.sign_count,
                    require_user_verification=True,
                )
            except (exceptions.WebAuthnException, ValueError):
                raise FactorRefused from None
            _use(connection, row, at, sign_count=found.new_sign_count)

    def remove(self, person_id: str, factor_id: str, *, by: str, at: datetime) -> bool:
        """Remove one of a person's factors. Return False for an unknown factor."""
        mine = sa.and_(PERSON_FACTORS.c.id == factor_id, PERSON_FACTORS.c.person_id == person_id)
        with self._database.write() as connection:
            gone = connection.execute(PERSON_FACTORS.delete().where(mine)).rowcount == 1
            if gone:
                journal.append(connection, AccountAction.PERSON_FACTOR_REMOVED, person_id, by=by, at=at)
        return gone

    def reset(self, person_id: str, *, by: str, at: datetime) -> None:
        """Remove all factors and recovery codes of a person who lost them and came in person."""
        with self._database.write() as connection:
            connection.execute(PERSON_FACTORS.delete().where(PERSON_FACTORS.c.person_id == person_id))
            connection.execute(RECOVERY_CODES.delete().where(RECOVERY_CODES.c.person_id == person_id))
            journal.append(connection, AccountAction.PERSON_FACTORS_RESET, person_id, by=by, at=at)

    def _add(self, made: Factor, person_id: str, values: Mapping[str, object], *, by: str, at: datetime) -> None:
        row = {"id": made.id, "person_id": person_id, "kind": made.kind.value, "label": made.label, "added_at": at}
        count = sa.select(sa.func.count()).select_from(PERSON_FACTORS).where(PERSON_FACTORS.c.person_id == person_id)
        with self._database.write() as connection:
            if connection.execute(count).scalar_one() >= FACTORS_MOST:
                raise TooManyFactors
            try:
                connection.execute(PERSON_FACTORS.insert().values({**row, **values}))
            except IntegrityError:  # A passkey that somebody already has
                raise FactorRefused from None
            detail = {"kind": made.kind.value}
            journal.append(connection, AccountAction.PERSON_FACTOR_ADDED, person_id, by=by, at=at, detail=detail)

    def _descriptors(self, person_id: str) -> list[PublicKeyCredentialDescriptor]:
        held = PERSON_FACTORS.c
        mine = sa.and_(held.person_id == person_id, held.credential_id.is_not(None))
        with self._database.read() as connection:
            ids = connection.execute(sa.select(held.credential_id).where(mine)).scalars().all()
        return [PublicKeyCredentialDescriptor(id=unb64u(one)) for one in ids]


def new_totp_secret() -> str:
    """Return a new secret for one-time codes: 160 bits in base32."""
    return pyotp.random_base32()


def totp_address(secret: str, name: str, issuer: str) -> str:
    """Return the address that an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def totp_code(secret: str, at: datetime) -> str:
    """Return the code of an authenticator at an instant."""
    return pyotp.TOTP(secret).at(to_epoch(at))


def _step_of(secret: str, code: str, at: datetime) -> int:
    """Return the time step of a code, or -1 if no step near `at` has it. Every step is compared in every case."""
    given = "".join(code.split())
    if not (given.isascii() and given.isdecimal() and len(given) == 6):
        return -1
    now, fits = to_epoch(at) // STEP_SECONDS, -1
    for step in range(now - LEEWAY_STEPS, now + LEEWAY_STEPS + 1):
        if pyotp.utils.strings_equal(pyotp.TOTP(secret).at(step * STEP_SECONDS), given):
            fits = step
    return fits


def _use(connection: Connection, row: Row[Any], at: datetime, **values: int) -> bool:
    """Record a factor's use. Return False if another request used this very code first."""
    mine = PERSON_FACTORS.c.id == row.id
    if "last_step" in values:
        mine = sa.and_(mine, PERSON_FACTORS.c.last_step < values["last_step"])
    return connection.execute(PERSON_FACTORS.update().where(mine).values(used_at=at, **values)).rowcount == 1


def _parsed(answer: str) -> dict[str, Any]:
    try:
        found = loads(answer, max_bytes=ANSWER_MOST)
    except JsonError:
        raise FactorRefused from None
    if not isinstance(found, dict):
        raise FactorRefused
    return found


def _factor(row: Row[Any]) -> Factor:
    return Factor(row.id, FactorKind(row.kind), row.label, row.added_at, row.used_at)
