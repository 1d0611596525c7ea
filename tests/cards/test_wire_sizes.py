"""How many modules a side the QR codes of both programmes have at level M (docs/design.md §4), measured with
`qrcode`.
"""

import re
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
import qrcode
from qrcode.constants import ERROR_CORRECT_M

from cards.claims import Form, sign_card
from cards.names import mask
from cards.parts import Presentation
from cards.programme.load import load_programme
from cards.proof import sign_proof
from cards.wire import dictionary_of, pack
from tests.cards.builders import ISSUER_KEY, NOW, PHONE, card_claims, identifier

PROGRAMMES = sorted(resources.files("cards").joinpath("programmes").iterdir(), key=str)
NAMES = [
    "王明",
    "欧阳明华",
    "阿卜杜热合曼·买买提依明",
    "Wolfeschlegelsteinhausen Hubert Blaine",
    "María de los Ángeles Fernández-Castro",
]
FEW_ROUNDS = 8  # identifiers are random, and with them the last byte or two of the deflate


def modules(text: str) -> int:
    """Return the modules a side of a code that carries `text` at level M."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(text)
    return 17 + 4 * code.best_fit()


def worst(programme, name, *, digits):
    """Return the most modules of a proof alone, a card alone and both, over a few cards of the longest tier's name."""
    dictionary = dictionary_of(programme)
    tier = max(programme.tiers, key=len)
    sizes = [0, 0, 0]
    for index in range(FEW_ROUNDS):
        issued = NOW + timedelta(days=200 * index, seconds=7919 * index)
        claims = card_claims(
            Form.PHONE, issuer=programme.issuer, tier=tier, name=mask(name), issued_at=issued, not_before=issued,
            expires_at=issued + timedelta(days=30), status_uri=f"{programme.status_base}{index * 14}",
            status_index=131_071 - 9973 * index,
        )  # fmt: skip
        card = sign_card(ISSUER_KEY, claims)
        proof = sign_proof(
            PHONE, card=card, audience=programme.audience, proof_id=identifier(), issued_at=issued + timedelta(days=3)
        )
        parts = [Presentation(None, proof), Presentation(card, None), Presentation(card, proof)]
        found = [modules(pack(part, dictionary, digits=digits)) for part in parts]
        sizes = [max(pair) for pair in zip(sizes, found, strict=True)]
    return sizes


@pytest.mark.parametrize("digits", [False, True], ids=["base45", "digits"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "path", [path for path in PROGRAMMES if path.name.endswith(".toml")], ids=lambda path: path.name
)
def test_codes_stay_within_the_sizes_of_the_design(path, name, digits):
    """Proof alone 49, card 65, card and proof 77 modules at most, for every programme, long names and both variants."""
    proof, card, both = worst(load_programme(path), name, digits=digits)
    assert proof <= 49
    assert card <= 65
    assert both <= 77


ROW = re.compile(r"^\| ([a-z ]+) \| about [\d,]+ \| (\d+) to (\d+) \((\d+) to (\d+)\) \|", re.MULTILINE)
NEAR = 8  # characters that random identifiers may add or take


@pytest.mark.parametrize("path", PROGRAMMES, ids=lambda path: path.name)
def test_the_documents_sizes_are_those_of_cards(path):
    """docs/card-format.md: a phone's card, with its proof, and a printed card, for short names and long ones."""
    programme = load_programme(path)
    dictionary = dictionary_of(programme)
    document = (Path(__file__).parents[2] / "docs" / "card-format.md").read_text("utf-8")
    told = {name: tuple(map(int, bounds)) for name, *bounds in ROW.findall(document)}
    assert set(told) == {"phone or chip card", "card and proof", "printed card or tag"}
    for name in ["王", *NAMES]:
        for form in (Form.PHONE, Form.PRINT):
            claims = card_claims(
                form, issuer=programme.issuer, tier="gold", name=mask(name), status_uri=f"{programme.status_base}1",
                status_index=12_345,
            )  # fmt: skip
            card = sign_card(ISSUER_KEY, claims)
            shown = {"printed card or tag" if form is Form.PRINT else "phone or chip card": Presentation(card, None)}
            if form is Form.PHONE:
                proof = sign_proof(
                    PHONE, card=card, audience=programme.audience, proof_id=identifier(), issued_at=NOW
                )  # fmt: skip
                shown["card and proof"] = Presentation(card, proof)
            for kind, presentation in shown.items():
                least, most, least_digits, most_digits = told[kind]
                assert least - NEAR <= len(pack(presentation, dictionary)) <= most + NEAR, (kind, name)
                assert least_digits - NEAR <= len(pack(presentation, dictionary, digits=True)) <= most_digits + NEAR
