"""Make the golden file of binding lists anew: `python -m tests.cards.golden.make_bindings`. New keys every time."""

import json
from dataclasses import replace
from datetime import timedelta

from cards.binding import BindingList, SignedBindingList, card_binding, pool_binding, sign_binding_list
from cards.claims import CardClaims, Form
from edge.encoding import b64u
from edge.instants import rfc3339
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.cards.golden.make import BASE, FOLDER, ISSUER, NOW, claims, identifier

STATUS_KEY, OTHER_PHONE = FileSigner.generate(), FileSigner.generate()
SIZE = 1024


def cases() -> tuple[dict[int, bytes], list[dict[str, object]]]:
    """Return the bindings of a list, and cards with whether each fits its index."""
    phone, printed = claims(), claims(Form.PRINT)
    waiting = claims(index="unassigned")
    pool = identifier()
    drawn = replace(claims(status_index=200), card_id=pool)
    bindings = {card.status_index: card_binding(card) for card in (phone, printed)}
    bindings |= {200: pool_binding(f"{BASE}1", 200, pool), 1023: pool_binding(f"{BASE}1", 1023, identifier())}
    others_key = public_jwk(OTHER_PHONE.public_key)
    shown = [
        ("a phone's card", phone, True),
        ("the same card refreshed: its times alone differ", replace(phone, expires_at=NOW + timedelta(days=7)), True),
        ("a printed card", printed, True),
        ("a card on an index of the pool, with the id drawn for it", drawn, True),
        ("an id that was not drawn, on an index of the pool", replace(drawn, card_id=identifier()), False),
        ("a new card on another holder's index", replace(phone, card_id=identifier(), subject=identifier()), False),
        ("another's id with an own key", replace(phone, key=others_key), False),
        ("another's id with another tier", replace(phone, tier="diamond"), False),
        ("another's id in another form", replace(phone, form=Form.PRINT, key=None), False),
        ("another's id with another name", replace(phone, name="王*"), False),
        ("another's id with another holder", replace(phone, subject=identifier()), False),
        ("a card on an index that is bound to nothing", waiting, False),
    ]
    return bindings, [_case(name, card, fits=fits) for name, card, fits in shown]


def _case(name: str, card: CardClaims, *, fits: bool) -> dict[str, object]:
    binding = card_binding(card)
    return {"name": name, "claims": card.to_claims(), "card_binding": binding.hex(), "fits": fits}


def main() -> None:
    """Write the file."""
    bindings, shown = cases()
    listed = BindingList.of(bindings, SIZE)
    signed = SignedBindingList(f"{BASE}1", ISSUER, NOW, NOW + timedelta(days=1), listed)
    value = {
        "at": rfc3339(NOW),
        "issuer": ISSUER,
        "uri": f"{BASE}1",
        "status_key": public_jwk(STATUS_KEY.public_key),
        "binding_list": sign_binding_list(STATUS_KEY, signed),
        "bitmap_base64url": b64u(listed.bitmap),
        "bindings": {str(index): binding.hex() for index, binding in sorted(bindings.items())},
        "cards": shown,
    }
    text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    (FOLDER / "bindings.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
