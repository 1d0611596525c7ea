"""A data folder to measure in: keys, published documents and a device as on a real machine, and hundreds of cards."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from accounts.store import AccountStore
from cards.binding import BindingList, SignedBindingList, pool_binding, sign_binding_list
from cards.claims import CardClaims, Form, sign_card
from cards.programme.types import Programme
from cards.proof import sign_proof
from cards.status import LIST_SIZE, SignedStatusList, Status, build, sign_status_list
from edge.encoding import b64u
from edge.settings import Settings, load_settings
from issuer.publishing.setup import set_up
from issuer.register.issuer import open_issuer
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.keyset import Purpose
from keys.signer import FileSigner
from keys.store import KeyStore

CARDS_MOST = 2_000


@dataclass
class Device:
    """A device that signs calls."""

    signer: FileSigner
    token: str

    def headers(self, method: str, url: str, body: bytes) -> dict[str, str]:
        """Return the headers of one signed call."""
        operation = b64u(os.urandom(16))
        proof = build_proof(self.signer, method, url, body, self.token, datetime.now(UTC), operation=operation)
        return {
            "Authorization": f"DPoP {self.token}",
            "DPoP": proof,
            "Idempotency-Key": operation,
            "Content-Type": "application/json",
        }


class BenchWorld:
    """A folder with everything a verifier needs."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.environ = {"YUNJU_VAR": str(folder), "YUNJU_BASE_URL": base_url, "YUNJU_LOG_LEVEL": "warning"}
        self.settings: Settings = load_settings(self.environ)
        self.now = datetime.now(UTC).replace(microsecond=0)
        desk = open_issuer(self.settings)
        set_up(desk, self.now)
        self.programme: Programme = desk.programme
        desk.close()
        AccountStore.open(self.settings.accounts_url, self.settings.secret()).close()
        keys = KeyStore(self.settings.keys)
        self._card_key = keys.signer(Purpose.CARD, self.now)
        self._card_ids = [b64u(os.urandom(16)) for _ in range(CARDS_MOST)]
        self._publish_all_valid(keys)
        self.phone = FileSigner.generate()
        self.cards: list[str] = []

    def _publish_all_valid(self, keys: KeyStore) -> None:
        uri = f"{self.programme.status_base}0"
        statuses = build(dict.fromkeys(range(CARDS_MOST), Status.VALID))
        ends = self.now + timedelta(days=1)
        signed = SignedStatusList(uri, self.programme.issuer, self.now, ends, timedelta(seconds=300), 1, statuses)
        path = self.settings.published / "status-lists" / "0.jwt"
        status_key = keys.signer(Purpose.STATUS, self.now)
        path.write_text(sign_status_list(status_key, signed))
        # Each index is bound to the id of the card that will take it, as the issuer binds its pool.
        bound = {index: pool_binding(uri, index, card_id) for index, card_id in enumerate(self._card_ids)}
        listed = BindingList.of(bound, LIST_SIZE)
        bindings = SignedBindingList(uri, self.programme.issuer, self.now, ends, listed)
        folder = self.settings.published / "binding-lists"
        folder.mkdir(exist_ok=True)
        (folder / "0.jwt").write_text(sign_binding_list(status_key, bindings))

    def card(self, index: int, tier: str | None = None) -> str:
        """Return a phone card of its own holder; all share one phone key, which no verifier minds."""
        claims = CardClaims(
            issuer=self.programme.issuer,
            subject=b64u(os.urandom(16)),
            card_id=self._card_ids[index % CARDS_MOST],
            tier=tier or next(iter(self.programme.tiers)),
            form=Form.PHONE,
            name="张*明",
            issued_at=self.now,
            not_before=self.now,
            expires_at=self.now + timedelta(days=30),
            key=public_jwk(self.phone.public_key),
            status_uri=f"{self.programme.status_base}0",
            status_index=index % CARDS_MOST,
        )
        return sign_card(self._card_key, claims)

    def proof(self, card: str) -> str:
        """Return a fresh proof."""
        return sign_proof(
            self.phone,
            card=card,
            audience=self.programme.audience,
            proof_id=b64u(os.urandom(16)),
            issued_at=datetime.now(UTC).replace(microsecond=0),
        )

    def device(self, point: str) -> Device:
        """Enrol a device at a point."""
        store, signer = AccountStore.open(self.settings.accounts_url, self.settings.secret()), FileSigner.generate()
        code = store.devices.make_code(point, needs_operator=False, by="bench", at=self.now).code
        _, token = store.devices.enrol(code, public_jwk(signer.public_key), at=self.now)
        store.close()
        return Device(signer, token)


def check_in_body(presentation: str, service: str) -> bytes:
    """Return the body of a check-in."""
    return json.dumps({"presentation": presentation, "service": service}).encode()
