"""How people are found although their names are stored nowhere: keyed hashes of full names and masked numbers."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from cards import typed
from issuer.register.database import Register
from issuer.register.identity import Identity, IdType
from issuer.register.tables import HOLDERS

_FILLED_AT_ONCE: Final = 500


def name_hash(register: Register, name: str) -> str:
    """Return the hash of a full name, whatever its blanks and capitals."""
    return register.hash("name", "".join(typed.characters(name).split()).casefold())


def masked_id_hash(register: Register, masked: str) -> str:
    """Return the hash of a masked identity number, with any number of stars."""
    first, _, rest = masked.strip().upper().partition("*")
    return register.hash("masked-identity", f"{first}*{rest.lstrip('*')}")


def search_hashes(register: Register, name: str, identity: Identity) -> dict[str, str]:
    """Return the keyed hashes for finding a person: of the full name, and of the masked identity number."""
    return {
        "name_hash": name_hash(register, name),
        "masked_id_hash": masked_id_hash(register, identity.masked),
    }


def fill_search_hashes(register: Register) -> int:
    """Add the hashes to holders that were registered before hashes existed. Return the number of these holders."""
    asked = sa.select(HOLDERS).where(HOLDERS.c.name_hash.is_(None), HOLDERS.c.name != b"").limit(_FILLED_AT_ONCE)
    filled = 0
    while True:
        with register.read() as connection:
            rows = connection.execute(asked).all()
        if not rows:
            return filled
        with register.change() as connection:
            for row in rows:
                name = register.unseal(row.name, f"holders.name:{row.id}").decode()
                number = register.unseal(row.id_number, f"holders.id_number:{row.id}").decode()
                identity = Identity(IdType(row.id_type), number, row.id_country)
                found = HOLDERS.update().where(HOLDERS.c.id == row.id)
                connection.execute(found.values(search_hashes(register, name, identity)))
        filled += len(rows)
