"""A phone: a key of its own, the wallet's calls, and the QR it shows. What the pages do, without a browser."""

import secrets

from cards.parts import SEPARATOR, Presentation
from cards.proof import sign_proof
from cards.wire import dictionary_of, pack
from edge.encoding import b64u
from edge.strictjson import dumps
from keys.jwk import public_jwk
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof
from tests.issuer.builders import BASE_URL


class Phone:
    """One phone over one issuer's test client and its clock."""

    def __init__(self, client, clock, *, signer=None):
        self.client = client
        self.clock = clock
        self.signer = signer or FileSigner.generate()
        self.card = None
        self.number = None
        self.recovery_code = None

    @property
    def jwk(self):
        return public_jwk(self.signer.public_key)

    def call(self, path, value, *, card=None, signer=None, at=None, proof=None, url=None, signed_body=None):
        """Send one signed call; each part can be made wrong."""
        body = dumps(value)
        signed = SignedCall("POST", url or BASE_URL + path, body if signed_body is None else signed_body, card)
        header = proof or sign_wallet_proof(signer or self.signer, signed, at or self.clock.now())
        return self.client.post(
            path, data=body, content_type="application/json", headers={"Wallet-Proof": header} if header else {}
        )

    def enrol(self, code, id_last4, **wrong):
        """Enrol; keeps card, number and recovery code when it worked."""
        answer = self.call("/v1/wallet/enrolments", {"code": code, "id_last4": id_last4, "jwk": self.jwk}, **wrong)
        if answer.status_code == 201:
            self.card, self.number = answer.json["card"], answer.json["number"]
            self.recovery_code = answer.json["recovery_code"]
        return answer

    def refresh(self, *, card=None, **wrong):
        """Ask for a fresh token; keeps it when it worked."""
        shown = card or self.card
        answer = self.call("/v1/wallet/refresh", {"card": shown}, **({"card": shown} | wrong))
        if answer.status_code == 200:
            self.card, self.number = answer.json["card"], answer.json["number"]
        return answer

    def presentation(self, programme, *, packed=True):
        """Return what the phone's QR says now: the card and a fresh proof."""
        proof = sign_proof(
            self.signer,
            card=self.card,
            audience=programme.audience,
            proof_id=b64u(secrets.token_bytes(16)),
            issued_at=self.clock.now(),
        )
        if not packed:
            return self.card + SEPARATOR + proof
        return pack(Presentation(self.card, proof), dictionary_of(programme))
