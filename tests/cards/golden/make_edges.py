"""Make the golden file of edge cases anew: `python -m tests.cards.golden.make_edges`. New keys every time.

What somebody who writes a verifier from docs/card-format.md alone may read in two ways, each with the one answer.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from cards.base45 import encode
from cards.claims import Form, sign_card
from cards.parts import Presentation
from cards.wire import pack
from edge.encoding import b64u
from edge.instants import to_epoch
from keys.jwk import public_jwk
from tests.cards.golden.make import (
    BASE,
    CARD_KEY,
    DICTIONARY,
    FOLDER,
    INDEXES,
    NOW,
    PHONE,
    STRANGER,
    card,
    chip_proof,
    claims,
    proof,
    trust,
)

HEADER = {"alg": "ES256", "kid": CARD_KEY.kid, "typ": "card+jwt"}
Claims = dict[str, object]


def compact(value: object) -> str:
    """Return JSON as writers write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def signed(payload: str, header: object = HEADER) -> str:
    """Return a printed card with this very payload and header, signed whatever they say."""
    text = ".".join(b64u(part.encode("utf-8", "surrogatepass")) for part in (compact(header), payload))
    return f"{text}.{b64u(CARD_KEY.sign(text.encode('ascii')))}"


def printed(change: Callable[[Claims], object] | None = None, form: Form = Form.PRINT) -> str:
    """Return a card whose claims were changed in place, or by another value that was returned."""
    made = claims(form).to_claims()
    other = change(made) if change is not None else None
    return signed(compact(other if isinstance(other, dict) else made))


def spelled(name: str, spelling: str) -> str:
    """Return a printed card in whose payload a number is spelled otherwise."""
    made = claims(Form.PRINT).to_claims()
    value = made.pop(name)
    assert isinstance(value, int)
    return signed(compact(made)[:-1] + f',"{name}":{spelling.format(value)}}}')


def index_spelled(spelling: str) -> str:
    """Return a printed card whose index is spelled otherwise."""
    return signed(compact(claims(Form.PRINT).to_claims()).replace('"idx":13', f'"idx":{spelling}'))


def numbers() -> list[tuple[str, str, str | None]]:
    """Numbers are digits alone: no fraction, no exponent, no minus before a nought."""
    return [
        ("iat with a fraction of nought", spelled("iat", "{0}.0"), "bad-claims"),
        ("iat with an exponent", spelled("iat", "{0}e0"), "bad-claims"),
        ("exp as text", spelled("exp", '"{0}"'), "bad-claims"),
        ("iat with a leading nought is no JSON", spelled("iat", "0{0}"), "bad-claims"),
        ("idx with a fraction of nought", index_spelled("13.0"), "bad-claims"),
        ("idx as minus nought is index 0, which nobody has", index_spelled("-0"), "revoked"),
        ("idx as minus nought with a fraction", index_spelled("-0.0"), "bad-claims"),
        ("idx as true", index_spelled("true"), "bad-claims"),
        ("idx of 2^31", index_spelled(str(2**31)), "bad-claims"),
    ]


def names() -> list[tuple[str, str, str | None]]:
    """What a name may hold, by code points."""

    def named(name: str) -> str:
        return printed(lambda made: made.update(name=name))

    good = {
        "a name of CJK extension I (U+2EBF0)": "李\U0002ebf0",
        "a name of CJK extension H (U+31350)": "李\U00031350",
        "a name with a code point that no version has assigned (U+0378)": "a\u0378",
        "a name of 100 code points beyond the basic plane": "\U00020000" * 100,
        "a name with a zero-width joiner": "a\u200db",
        "a name that begins with a blank": " 王*",
    }
    bad = {
        "a name with a byte order mark": "王\ufeff*",
        "a name with a line separator": "王\u2028*",
        "a name with a paragraph separator": "王\u2029*",
        "a name with a C1 control": "王\x85*",
        "a name with a private-use character": "王\ue000",
        "a name with a private-use character of plane 16": "王\U00100000",
        "a name with a noncharacter": "王\ufdd0",
        "a name with a noncharacter of plane 1": "王\U0001ffff",
        "a name with an Arabic letter mark": "a\u061cb",
        "a name with a right-to-left override": "a\u202eb",
        "a name with an isolate": "a\u2066b",
        "a name of blanks alone": " \u3000\u00a0",
        "a name of 101 code points": "a" * 101,
    }
    return [(what, named(name), None) for what, name in good.items()] + [
        (what, named(name), "bad-claims") for what, name in bad.items()
    ]


def members() -> list[tuple[str, str, str | None]]:
    """Order of members, addresses, keys."""
    uri = f"{BASE}1"

    def at(address: str) -> str:
        return printed(lambda made: made.update(status={"status_list": {"idx": 13, "uri": address}}))

    jwk = public_jwk(PHONE.public_key)
    off = b64u(bytes(31) + b"\x05")

    def keyed(**changed: str) -> str:
        return printed(lambda made: made.update(cnf={"jwk": {**jwk, **changed}}), Form.PHONE)

    turned = printed(lambda made: made.update(status={"status_list": {"uri": uri, "idx": 13}}))
    bent = keyed(x=off, y=off)
    header = dict(reversed(HEADER.items()))
    reordered = compact(dict(reversed(claims(Form.PRINT).to_claims().items())))
    return [
        ("members of header and payload in another order", signed(reordered, header), None),
        ("uri in the status before idx", turned, None),
        ("an address whose scheme is in capitals", at(uri.replace("https", "HTTPS")), "bad-claims"),
        ("an address of another scheme", at(uri.replace("https", "ftp")), "bad-claims"),
        ("an address with a blank", at(f"{uri} "), "bad-claims"),
        ("an address beyond ASCII", at(f"{uri}é"), "bad-claims"),
        ("an address that nobody publishes", at(f"{uri}0"), "status-unknown"),
        ("a phone's key that is off the curve", f"{bent}~{proof(bent)}", "bad-claims"),
        ("a key with another curve's name", keyed(crv="P-384"), "bad-claims"),
        ("a key with a member more", keyed(use="sig"), "bad-claims"),
        ("cnf of null on a printed card", printed(lambda made: made.update(cnf=None)), "bad-claims"),
        ("a kid of an unknown key", signed(reordered, HEADER | {"kid": STRANGER.kid}), "unknown-key"),
        ("a kid that is no thumbprint", signed(reordered, HEADER | {"kid": "key-1"}), "malformed"),
        ("a kid with padding", signed(reordered, HEADER | {"kid": CARD_KEY.kid + "="}), "malformed"),
        ("a header with a member more", signed(reordered, HEADER | {"cty": "x"}), "malformed"),
        ("alg in small letters", signed(reordered, HEADER | {"alg": "es256"}), "malformed"),
    ]  # fmt: skip


def texts() -> list[tuple[str, str, str | None]]:
    """White space around a text, and what stands in the raw slots of the wire form."""
    token = card(Form.PRINT)
    packed = pack(Presentation(token, None), DICTIONARY)
    chip = card(Form.CHIP)
    answer = chip_proof(chip)

    def raw(first: int, *parts: str) -> str:
        body = bytes([first]) + b"".join(len(part).to_bytes(2, "big") + part.encode() for part in parts)
        return f"YJ42:{encode(body)}"

    return [
        ("white space around a token", f" \t\r\n\x1c\x1f\x85\u00a0\u2003\u3000{token}\u3000\x0b\x0c\n", None),
        ("a byte order mark around a wire form", f"\ufeff{packed}\ufeff", None),
        ("a byte order mark around a token", f"\ufeff{token}", "malformed"),
        ("a zero-width blank around a token", f"\u200b{token}", "malformed"),
        ("white space inside a token", token[:40] + " " + token[40:], "malformed"),
        ("a card raw in the card's slot", raw(2, token), None),
        ("a card raw in the proof's slot", raw(8, token), None),
        ("a chip's card and answer, each raw in its slot", raw(10, answer, chip), None),
        ("a chip's card and answer, each raw in the other's slot", raw(10, chip, answer), "malformed"),
        ("two cards, raw", raw(10, token, token), "malformed"),
    ]


def younger() -> list[tuple[str, str, str | None]]:
    """A card issued after the list: at an index that nobody had, the list cannot speak of it."""
    return [
        ("a card 3 s younger than the list, at an index that nobody had", aged(3, 900), "status-unknown"),
        ("a card as old as the list, at an index that nobody has", aged(0, 900), "revoked"),
        ("a card 3 s younger than the list, at an index that was ready", aged(3, INDEXES["print"]), None),
        ("a card 3 s younger than the list, at a suspended index", aged(3, INDEXES["suspended"]), "suspended"),
    ]


def aged(seconds: int, index: int) -> str:
    """Return a printed card issued so long after the status list."""
    at = NOW + timedelta(seconds=seconds)
    return sign_card(CARD_KEY, replace(claims(Form.PRINT), issued_at=at, not_before=at, status_index=index))


def cases() -> list[dict[str, object]]:
    """Return the cases: `reason` is null where the presentation holds, the person's ID compared where it needs that."""
    found = [*numbers(), *names(), *members(), *texts(), *younger()]
    return [{"name": name, "text": text, "id_checked": True, "reason": reason} for name, text, reason in found]


def main() -> None:
    """Write the file."""
    given = trust() | {"expires_at": to_epoch(NOW + timedelta(days=1)), "cases": cases()}
    text = json.dumps(given, ensure_ascii=True, indent=1) + "\n"
    (FOLDER / "edges.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
