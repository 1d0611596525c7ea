"""Cards and proofs: verify, pack, unpack, render. The floor is one bare ES256 verification."""

from __future__ import annotations

from datetime import UTC, datetime

import qrcode
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench.rows import Row, microseconds
from bench.world import BenchWorld
from cards.parts import Presentation
from cards.presentation import read
from cards.verify import CardCache, verify_presentation
from cards.wire import dictionary_of, pack, unpack
from edge.clock import SystemClock
from verifier.service import open_verifier


def run(world: BenchWorld, *, full: bool) -> list[Row]:
    """Measure one presentation on its way in."""
    del full
    card = world.card(0)
    shown = Presentation(card, world.proof(card))
    floor = _bare_verification()
    dictionary = dictionary_of(world.programme)
    packed = pack(shown, dictionary)
    numbered = {dictionary.number: dictionary}
    of = "bare ES256 verify"
    rows = [
        Row("bare ES256 verify", floor, "µs"),
        *_verifications(world, shown, floor),
        Row("pack card and proof", microseconds(lambda: pack(shown, dictionary)), "µs", floor, of),
        Row("unpack card and proof", microseconds(lambda: unpack(packed, numbered)), "µs", floor, of),
        Row("read the plain text", microseconds(lambda: read(shown.text, numbered)), "µs", floor, of),
        Row("render the QR (qrcode, card and proof)", microseconds(lambda: _matrix(packed)), "µs", floor, of),
    ]
    return rows + _modules(world, shown)


def _bare_verification() -> float:
    private = ec.generate_private_key(ec.SECP256R1())
    message, public = b"x" * 500, private.public_key()
    signature = private.sign(message, ec.ECDSA(hashes.SHA256()))
    return microseconds(lambda: public.verify(signature, message, ec.ECDSA(hashes.SHA256())))


def _verifications(world: BenchWorld, shown: Presentation, floor: float) -> list[Row]:
    verifier = open_verifier(world.settings, SystemClock())
    at = datetime.now(UTC)
    trust, cache = verifier.published.current(at).trust, CardCache()
    verify_presentation(shown, trust, at, id_checked=False, cache=cache)
    whole = microseconds(lambda: verify_presentation(shown, trust, at, id_checked=False))
    known = microseconds(lambda: verify_presentation(shown, trust, at, id_checked=False, cache=cache))
    verifier.close()
    return [
        Row("verify card and proof (steps 2-6)", whole, "µs", 2 * floor, "two bare verifies", 1.3),
        Row("verify proof of a card seen before", known, "µs", floor, "bare ES256 verify", 1.3),
    ]


def _modules(world: BenchWorld, shown: Presentation) -> list[Row]:
    dictionary = dictionary_of(world.programme)
    forms = (("proof alone", Presentation(None, shown.proof), 49), ("card", Presentation(shown.card, None), 65),
             ("card and proof", shown, 77))  # fmt: skip
    return [
        Row(
            f"modules a side: {name} (at most {most})",
            float(len(_matrix(pack(part, dictionary)))),
            "modules",
            most,
            "aim",
        )
        for name, part, most in forms
    ]


def _matrix(text: str) -> list[list[bool | None]]:
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=0)
    code.add_data(text)
    code.make(fit=True)
    return code.modules
