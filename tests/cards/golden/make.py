"""Make the golden files anew: `python -m tests.cards.golden.make`. New keys every time; none is kept.

Only a change of the format is a reason to run it, and a format that has shipped changes by a new version alone.
"""

import json
import os
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cards.base45 import decode, encode
from cards.claims import CARD, CardClaims, Form, sign_card
from cards.marks import HolderMarks, Mark, MarkKind, sign_marks
from cards.parts import Presentation
from cards.proof import ChipProofClaims, card_digest, chip_signing_input, complete_chip_proof, sign_proof
from cards.status import SignedStatusList, Status, build, sign_status_list
from cards.wire import dictionary_for, pack
from edge.encoding import b64u
from edge.instants import rfc3339
from keys.bundle import ProgrammePin, TrustBundle, sign_bundle
from keys.jwk import public_jwk
from keys.keyset import Purpose, VerificationKey
from keys.signer import FileSigner
from keys.tokens import sign_token

FOLDER = Path(__file__).parent
ISSUER, AUDIENCE, NUMBER = "https://cards.example", "example-card", 42
BASE = f"{ISSUER}/v1/status-lists/"
NOW = datetime(2026, 11, 22, 8, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)
NONCE = bytes(range(32))
DICTIONARY = dictionary_for(ISSUER, BASE, NUMBER, audience=AUDIENCE)
ROOT, CARD_KEY, STATUS_KEY, PHONE, CHIP, STRANGER = (FileSigner.generate() for _ in range(6))
INDEXES = {"phone": 11, "chip": 12, "print": 13, "revoked": 14, "suspended": 15, "unassigned": 16}


def identifier() -> str:
    """Return a random identifier."""
    return b64u(os.urandom(16))


def claims(form: Form = Form.PHONE, index: str | None = None, **changes: object) -> CardClaims:
    """Return a card's claims, valid at NOW."""
    key = {Form.PHONE: PHONE, Form.CHIP: CHIP}.get(form)
    made = CardClaims(
        ISSUER, identifier(), identifier(), "gold", form, "欧**华", NOW - DAY, NOW - DAY, NOW + 29 * DAY,
        None if key is None else public_jwk(key.public_key), f"{BASE}1", INDEXES[index or form.value],
    )  # fmt: skip
    return replace(made, **changes)


def card(form: Form = Form.PHONE, index: str | None = None, signer: FileSigner = CARD_KEY, **changes: object) -> str:
    """Return a card token."""
    return sign_card(signer, claims(form, index, **changes))


def proof(token: str, signer: FileSigner = PHONE, at: datetime = NOW, audience: str = AUDIENCE) -> str:
    """Return a phone's proof."""
    return sign_proof(signer, card=token, audience=audience, proof_id=identifier(), issued_at=at)


def chip_proof(token: str) -> str:
    """Return a chip's answer."""
    written = chip_signing_input(ChipProofClaims(AUDIENCE, "reader-1", NONCE, NOW, card_digest(token)))
    return complete_chip_proof(written, CHIP.sign(written.encode("ascii")), CHIP.public_key)


def trust() -> dict[str, object]:
    """Return what a verifier goes by."""
    validity = (NOW - 30 * DAY, NOW + 300 * DAY)
    keys = tuple(
        VerificationKey.of(signer.public_key, purpose, *validity)
        for signer, purpose in ((CARD_KEY, Purpose.CARD), (STATUS_KEY, Purpose.STATUS))
    )
    pin = ProgrammePin("2026.1", "0" * 64, NOW - 30 * DAY)
    bundle = TrustBundle(5, ISSUER, NOW - DAY, NOW + 80 * DAY, keys, (f"{BASE}1",), pin)
    valid = dict.fromkeys((INDEXES[name] for name in ("phone", "chip", "print")), Status.VALID)
    statuses = build(valid | {INDEXES["suspended"]: Status.SUSPENDED}, size=1024)
    status_list = SignedStatusList(f"{BASE}1", ISSUER, NOW, NOW + DAY, timedelta(seconds=300), 5, statuses)
    marks = HolderMarks(ISSUER, NOW, NOW + DAY, 1, (Mark(identifier(), MarkKind.BENEFIT, "state-council-allowance"),))
    return {
        "at": rfc3339(NOW),
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "status_base": BASE,
        "dictionary": {"number": NUMBER, "content_base64url": b64u(DICTIONARY.content)},
        "outstanding_challenge": {"reader": "reader-1", "nonce": b64u(NONCE)},
        "root_thumbprint": ROOT.kid,
        "trust_bundle": sign_bundle(bundle, ROOT),
        "status_list": sign_status_list(STATUS_KEY, status_list),
        "holder_marks": sign_marks(STATUS_KEY, marks),
    }


def good() -> list[dict[str, object]]:
    """Return presentations that hold, each in its three texts."""
    phone, chip, printed = card(), card(Form.CHIP), card(Form.PRINT)
    odd = sign_token(CARD_KEY, CARD, dict(reversed(claims().to_claims().items())))
    made = {
        "phone card with proof": Presentation(phone, proof(phone)),
        "phone card with a proof 45 s old": Presentation(phone, proof(phone, at=NOW - timedelta(seconds=45))),
        "phone card with a proof 5 s ahead": Presentation(phone, proof(phone, at=NOW + timedelta(seconds=5))),
        "proof alone": Presentation(None, proof(phone)),
        "chip card with its answer (packed raw)": Presentation(chip, chip_proof(chip)),
        "printed card, ID checked": Presentation(printed, None),
        "phone card, claims in another order": Presentation(odd, proof(odd)),
        "phone card, Latin name": Presentation(latin := card(name="A*** L**"), proof(latin)),
    }
    return [
        {
            "name": name,
            "plain": p.text,
            "base45": pack(p, DICTIONARY),
            "digits": pack(p, DICTIONARY, digits=True),
            "card": p.card,
            "proof": p.proof,
            "id_checked": p.proof is None,
            # A proof alone names its card by `ath`; a verifier that knows the card goes on with it.
            "known_card": phone if p.card is None else None,
            "assurance": "copyable" if p.proof is None else "proved",
        }
        for name, p in made.items()
    ]


def refused() -> list[tuple[str, Presentation, str]]:
    """Return presentations that read well and do not hold, with the reason."""
    phone = card()
    header, _payload, signature = phone.split(".")
    swapped = f"{header}.{card().split('.')[1]}.{signature}"
    unknown = claims(index="phone").to_claims() | {"surprise": 1}
    unsigned = ".".join([header, b64u(json.dumps(unknown).encode()), signature])
    old = {"issued_at": NOW - 29 * DAY, "not_before": NOW - 29 * DAY, "expires_at": NOW}
    cases = [
        ("card by an unknown key", card(signer=STRANGER), "unknown-key"),
        ("card by a status key", card(signer=STATUS_KEY), "unknown-key"),
        ("payload of another card", swapped, "bad-signature"),
        ("an unknown claim, unsigned", unsigned, "bad-signature"),
        ("card of another issuer's name", card(issuer="https://other.example"), "bad-claims"),
        ("card not yet valid", card(not_before=NOW + timedelta(seconds=6)), "not-yet-valid"),
        ("card that expires this second", card(**old), "expired"),
        ("revoked card", card(index="revoked"), "revoked"),
        ("card on an unassigned index", card(index="unassigned"), "revoked"),
        ("suspended card", card(index="suspended"), "suspended"),
        ("card in a list nobody holds", card(status_uri=f"{BASE}2"), "status-unknown"),
        ("card beyond the end of its list", card(status_index=1024), "status-unknown"),
    ]
    found = [(name, Presentation(token, proof(token)), reason) for name, token, reason in cases]
    chip, printed = card(Form.CHIP), card(Form.PRINT)
    return [
        *found,
        ("phone card without a proof", Presentation(phone, None), "proof-missing"),
        ("proof by another key", Presentation(phone, proof(phone, STRANGER)), "bad-proof"),
        ("proof of another card", Presentation(phone, proof(card())), "bad-proof"),
        ("proof for another programme", Presentation(phone, proof(phone, audience="other")), "bad-proof"),
        ("phone's proof for a chip card", Presentation(chip, proof(chip, CHIP)), "bad-proof"),
        ("proof beside a printed card", Presentation(printed, proof(printed)), "bad-proof"),
        ("proof 46 s old", Presentation(phone, proof(phone, at=NOW - timedelta(seconds=46))), "stale-proof"),
        ("proof 6 s ahead", Presentation(phone, proof(phone, at=NOW + timedelta(seconds=6))), "clock-ahead"),
        ("printed card, ID not checked", Presentation(printed, None), "id-check-needed"),
    ]


def malformed() -> list[tuple[str, str]]:
    """Return texts that are no presentation."""
    phone = card()
    both = Presentation(phone, proof(phone))
    packed = pack(both, DICTIONARY)
    body = decode(packed[5:])
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflater.compress(bytes(1_000_000)) + deflater.flush()
    return [
        ("empty", ""),
        ("no token", "hello"),
        ("two cards", f"{phone}~{phone}"),
        ("proof before card", f"{both.proof}~{phone}"),
        ("padding after the signature", f"{phone}=="),
        ("spare bits set in the signature", phone[:-1] + chr(ord(phone[-1]) + 1)),
        ("a signature in DER's length", phone + "AAAA"),
        ("unknown dictionary", "YJ41:" + packed[5:]),
        ("a base45 group beyond two bytes", packed[:-3] + ":::"),
        ("a character outside base45", packed[:-1] + "_"),
        ("a reserved bit in the first byte", f"YJ42:{encode(bytes([body[0] | 16]) + body[1:])}"),
        ("part kind 3", f"YJ42:{encode(bytes([7]) + body[1:])}"),
        ("no part", f"YJ42:{encode(bytes(1))}"),
        ("cut short", f"YJ42:{encode(body[:-1])}"),
        ("a byte left over", f"YJ42:{encode(body + bytes(1))}"),
        ("a bomb", f"YJ42:{encode(bytes([1]) + bytes(64) + len(bomb).to_bytes(2, 'big') + bomb)}"),
        ("digits of an impossible number", pack(both, DICTIONARY, digits=True) + "1"),
        ("a chunk of digits beyond its bytes", "9342" + "9" * 17),
        ("longer than 4,096 characters", "YJ42:" + "0" * 4095),
    ]


def broken() -> list[dict[str, object]]:
    """Return texts that must not be granted: `malformed` ends in step 1, every other reason in its own."""
    read = [
        {"name": name, "text": p.text, "base45": pack(p, DICTIONARY), "id_checked": False, "reason": reason}
        for name, p, reason in refused()
    ]
    return read + [{"name": name, "text": text, "reason": "malformed"} for name, text in malformed()]


def main() -> None:
    """Write the three files."""
    for name, value in (("trust", trust()), ("good", good()), ("broken", broken())):
        text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
