"""What a thief with the issuer's card key mints; a phone key of the thief's own goes with each card."""

from __future__ import annotations

from dataclasses import replace

from cards.claims import Form, sign_card
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.verifier.world import Card, Signers, World, identifier

MINTED = (
    "unassigned index",
    "pool index",
    "index of another holder",
    "id of another, own key",
    "id of another, higher tier",
    "id of another, another form",
    "id of another, another holder",
)


def mint(world: World, victim: Card, pool_index: int, way: str) -> Card:
    """Return a card that the stolen key signed, as `way` of MINTED says; `victim`'s token was read by the thief."""
    thief = FileSigner.generate()
    claims = replace(victim.claims, subject=identifier(), card_id=identifier(), key=public_jwk(thief.public_key))
    taken = replace(victim.claims, key=public_jwk(thief.public_key))
    changed = {
        "unassigned index": replace(claims, tier="diamond", status_index=99_000),
        "pool index": replace(claims, tier="diamond", status_index=pool_index),
        "index of another holder": replace(claims, tier="diamond"),
        "id of another, own key": taken,
        "id of another, higher tier": replace(taken, tier="diamond"),
        "id of another, another form": replace(victim.claims, form=Form.PRINT, key=None),
        "id of another, another holder": replace(taken, subject=identifier()),
    }[way]
    return Card(world, changed, sign_card(Signers.card, changed), thief if changed.key else None)


def bound_world(world: World) -> tuple[World, Card, int, str]:
    """Return a world with a holder whose card is bound, an index of the pool, and the id that was drawn for it."""
    victim, drawn = world.card("silver"), identifier()
    world.bind(drawn)
    return world, victim, len(world.statuses) - 1, drawn


def from_the_pool(world: World, victim: Card, pool_index: int, drawn: str) -> Card:
    """Return a genuine card issued a moment ago: on the pool's index, with the id drawn for it, not published yet."""
    phone = FileSigner.generate()
    own = {"subject": identifier(), "card_id": drawn, "status_index": pool_index}
    claims = replace(victim.claims, key=public_jwk(phone.public_key), tier="diamond", **own)
    return Card(world, claims, sign_card(Signers.card, claims), phone)
