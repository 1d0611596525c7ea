"""The parts under the counter's offline core against Python's own: deflate, JSON, tokens, keys, periods, names."""

import base64
import json
import zlib
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.claims import CARD as CARD_FORM
from cards.claims import parse
from cards.periods import PeriodUnit, period_of
from cards.proof import card_digest
from edge.encoding import b64u
from edge.instants import from_epoch, parse_rfc3339
from edge.strictjson import JsonError, loads
from keys.errors import BadKey
from keys.jwk import key_from_jwk, public_jwk, thumbprint
from keys.signer import FileSigner
from keys.tokens import TokenError, TokenForm, parse_unverified, verify_with_key
from tests.cards.builders import DICTIONARY, PHONE, card
from tests.web.offlinecore import millis

pytestmark = pytest.mark.browser

FEW = settings(max_examples=15)
CARD = card(name="欧**华")


def inflated(data: bytes, dictionary: bytes, most: int) -> object:
    """Undo raw deflate as cards/wire.py does."""
    inflater = zlib.decompressobj(-15, zdict=dictionary)
    try:
        found = inflater.decompress(data, most + 1)
    except zlib.error:
        return {"error": "InflateError"}
    if not inflater.eof or inflater.unused_data or inflater.unconsumed_tail or len(found) > most:
        return {"error": "InflateError"}
    return b64u(found)


@FEW
@given(st.data())
def test_deflate_is_undone_as_zlib_undoes_it(core, data):
    """Every level and strategy, with a dictionary; cut, flipped and followed by more."""
    cases = []
    for _ in range(20):
        content = data.draw(st.binary(max_size=60)) * data.draw(st.integers(1, 40))
        level, strategy = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 4))
        deflater = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy, DICTIONARY.content)
        whole = deflater.compress(content) + deflater.flush()
        at = data.draw(st.integers(0, len(whole) - 1))
        flipped = bytearray(whole)
        flipped[at] ^= 1 << data.draw(st.integers(0, 7))
        cases += [whole, whole[:at], whole + b"\0", bytes(flipped)]
    found = core.each(
        "return core.b64u(core.inflateRaw(core.unb64u(given[0]), 1000, core.unb64u(given[1])));",
        [[b64u(case), b64u(DICTIONARY.content)] for case in cases],
    )
    assert found == [inflated(case, DICTIONARY.content, 1000) for case in cases]


@FEW
@given(st.binary(max_size=300), st.integers(0, 200), st.integers(0, 7))
def test_a_zlib_stream_is_held_to_its_checksum(core, content, at, bit):
    """As it was, cut, flipped, followed by more: as Python's zlib."""
    whole = zlib.compress(content, 9)
    flipped = bytearray(whole)
    flipped[at % len(whole)] ^= 1 << bit
    cases = [whole, whole[:-1], whole + b"\0", bytes(flipped), b"", b"x"]

    def undone(data: bytes) -> object:
        inflater = zlib.decompressobj()
        try:
            found = inflater.decompress(data, 10_000)
        except zlib.error:
            return {"error": "InflateError"}
        return b64u(found) if inflater.eof and not inflater.unused_data else {"error": "InflateError"}

    found = core.each("return core.b64u(core.inflateZlib(core.unb64u(given), 9999));", [b64u(case) for case in cases])
    assert found == [undone(case) for case in cases]


PLAIN_JSONS = r"""
{} [] 1 -0 1.0 1e2 01 +1 --1 .5 1. true True nul {"a":1,"a":2} {"a":{"b":1,"b":1}} {"a":1,} [1,] [,1] {"a"}
"\u0041\ud83d\ude00" "\ud83d" "\ude00\ud83d" "\uZZZZ" "\x41" "\/" NaN Infinity -Infinity 1e400 9007199254740991
9007199254740992 {"名":"张*明"} {"__proto__":1,"constructor":2} 'a' {a:1} "abc 0x10 1_000 １ - 1e 1e+ []] "\ "\u00
"""
JSONS = [text.encode() for text in PLAIN_JSONS.split()] + [
    b"",
    b"- 1",
    b'{"a" : [ 1 , 2 ] }\n',
    b"{} x",
    b'"a\nb"',
    b'"\x7f"',
    b"9" * 401,
    b"\xef\xbb\xbf{}",
    b"\xff",
    b"[" * 8 + b"]" * 8,
    b"[" * 9 + b"]" * 9,
    b'{"a":' * 9 + b"1" + b"}" * 9,
    "{}".encode("utf-16"),
    b"\x0b{}",
    b"\xc2\xa0{}",
    b"[1 2]",
    b'{"a":1 "b":2}',
]


def test_json_is_read_as_strictly_as_the_server_reads_it(core):
    """The same texts taken, the same refused; whole numbers and nothing else are whole numbers."""

    def value(text: bytes) -> object:
        try:
            found = loads(text, max_bytes=300, max_depth=8)
        except JsonError:
            return {"error": "JsonError"}
        return {"value": json.loads(json.dumps(found), parse_float=lambda _: "inexact", parse_int=whole)}

    def whole(text: str) -> object:
        return int(text) if abs(int(text)) < 2**53 else "inexact"

    body = """
      const plain = (value) => value instanceof core.Inexact ? "inexact" : Array.isArray(value) ? value.map(plain)
        : core.isObject(value) ? Object.entries(value).map(([key, one]) => [key, plain(one)]) : value;
      return { value: plain(core.readJson(core.unb64u(given), { maxBytes: 300, maxDepth: 8 })) };
    """

    def pairs(found: object) -> object:
        match found:
            case dict():
                return [[key, pairs(one)] for key, one in found.items()]
            case list():
                return [pairs(one) for one in found]
        return found

    expected = [value(text) for text in JSONS]
    expected = [one if "error" in one else {"value": pairs(one["value"])} for one in expected]
    assert core.each(body, [b64u(text) for text in JSONS]) == expected


SIGNER = FileSigner.generate()
STRANGER = FileSigner.generate()
FORM = TokenForm(
    typ="try+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={"iss": str, "iat": int, "exp": int},
    optional={"many": list, "more": dict, "sure": bool},
    max_length=2000,
    max_lifetime=timedelta(days=1),
)
FORM_HERE = {
    "typ": "try+jwt",
    "headers": ["alg", "kid", "typ"],
    "required": {"iss": "str", "iat": "int", "exp": "int"},
    "optional": {"many": "list", "more": "dict", "sure": "bool"},
    "maxLength": 2000,
    "maxLifetime": 86400,
}
HEADER = {"alg": "ES256", "kid": SIGNER.kid, "typ": "try+jwt"}
CLAIMS = {"iss": "a", "iat": 100, "exp": 200}


def signed(header: object = None, claims: object = None, *, by: FileSigner = SIGNER) -> str:
    """Sign any header and claims, given as values or as JSON's own bytes."""
    parts = [HEADER if header is None else header, CLAIMS if claims is None else claims]
    octets = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in parts]
    text = ".".join(b64u(part) for part in octets)
    return f"{text}.{b64u(by.sign(text.encode()))}"


def turned(text: str) -> str:
    """The other signature that holds: n - s."""
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    raw = base64.urlsafe_b64decode(text[-86:] + "==")
    s = n - int.from_bytes(raw[32:], "big")
    return text[:-86] + b64u(raw[:32] + s.to_bytes(32, "big"))


def tokens() -> dict[str, str]:
    """Every way in which a token can be wrong that PyJWT or a lenient reader would forgive."""
    good = signed()
    head, body, end = good.split(".")
    claims = {
        "missing": {"iss": "a", "iat": 1},
        "unknown": CLAIMS | {"x": 1},
        "constructor": CLAIMS | {"constructor": 1},
        "float": b'{"iss":"a","iat":100.0,"exp":200}',
        "exponent": b'{"iss":"a","iat":1e2,"exp":200}',
        "text time": CLAIMS | {"iat": "100"},
        "true time": CLAIMS | {"iat": True},
        "negative": CLAIMS | {"iat": -1},
        "huge": CLAIMS | {"exp": 10**30},
        "past the calendar": CLAIMS | {"iat": 253402300799, "exp": 253402300800},
        "empty text": CLAIMS | {"iss": ""},
        "long text": CLAIMS | {"iss": "a" * 513},
        "long text of astral signs": CLAIMS | {"iss": "\U0001f600" * 300},
        "twice": b'{"iss":"a","iat":100,"exp":200,"exp":200}',
        "backwards": CLAIMS | {"exp": 100},
        "too long a life": CLAIMS | {"exp": 100 + 86401},
        "wrong list": CLAIMS | {"many": {}},
        "wrong object": CLAIMS | {"more": []},
        "null": CLAIMS | {"sure": None},
        "right ones": CLAIMS | {"many": [1], "more": {"a": {}}, "sure": False},
        "a list": [],
        "utf-16": json.dumps(CLAIMS).encode("utf-16"),
        "deep": CLAIMS | {"many": [[[[[[[[[]]]]]]]]]},
    }
    headers = {
        "alg none": HEADER | {"alg": "none"},
        "alg HS256": HEADER | {"alg": "HS256"},
        "typ": HEADER | {"typ": "card+jwt"},
        "no typ": {"alg": "ES256", "kid": SIGNER.kid},
        "jwk": HEADER | {"jwk": public_jwk(STRANGER.public_key)},
        "crit": HEADER | {"crit": []},
        "short kid": HEADER | {"kid": "a"},
        "long kid": HEADER | {"kid": "a" * 2000},
        "alg twice": b'{"alg":"ES256","alg":"ES256","kid":"%s","typ":"try+jwt"}' % SIGNER.kid.encode(),
        "another's kid": HEADER | {"kid": STRANGER.kid},
    }
    return {
        "good": good,
        "turned": turned(good),
        "padded": f"{good}=",
        "padded body": f"{head}.{body}=.{end}",
        "newline": f"{good}\n",
        "four parts": f"{good}.{end}",
        "loose bits": f"{good[:-1]}{'B' if good[-1] != 'B' else 'C'}",
        "short signature": good[:-1],
        "zero signature": f"{head}.{body}.{'A' * 86}",
        "by a stranger": signed(by=STRANGER),
        "bad claims by a stranger": signed(claims={}, by=STRANGER),
        "changed body": f"{head}.{b64u(json.dumps(CLAIMS | {'exp': 201}).encode())}.{end}",
        "too long": signed(claims=CLAIMS | {"many": ["a" * 2000]}),
        "empty": "",
        **{f"claims: {name}": signed(claims=value) for name, value in claims.items()},
        **{f"header: {name}": signed(value) for name, value in headers.items()},
    }


def test_tokens_are_refused_for_the_servers_reasons(core):
    """Header, key, signature, claims, in this order, each with the one code."""
    cases = tokens()

    def reason(text: str) -> str | None:
        try:
            verify_with_key(text, FORM, SIGNER.public_key)
        except TokenError as error:
            return error.reason
        return None

    body = "await core.verifyText(given[0], given[1], given[2]); return { error: null };"
    key = public_jwk(SIGNER.public_key)
    found = core.each(body, [[text, FORM_HERE, key] for text in cases.values()])
    expected = {name: reason(text) for name, text in cases.items()}
    assert dict(zip(cases, (one["error"] for one in found), strict=True)) == expected
    assert set(expected.values()) == {None, "malformed", "unknown-key", "bad-signature", "bad-claims"}
    in_two = core.each(
        "await core.verify(core.parse(given[0], given[1]), given[2]); return { error: null };",
        [[text, FORM_HERE, key] for text in (cases["good"], cases["by a stranger"], cases["header: another's kid"])],
    )
    assert [one["error"] for one in in_two] == [None, "bad-signature", "unknown-key"]


def jwks() -> dict[str, object]:
    """Keys that are P-256 and keys that are not."""
    good = public_jwk(PHONE.public_key)
    off = good | {"y": good["x"]}
    return {
        "good": good,
        "with use": good | {"use": "sig", "alg": "ES256", "kid": "k", "key_ops": ["verify"]},
        "for encryption": good | {"use": "enc"},
        "to sign": good | {"key_ops": ["sign"]},
        "another alg": good | {"alg": "ES384"},
        "private": good | {"d": good["x"]},
        "off the curve": off,
        "infinity": good | {"x": b64u(bytes(32)), "y": b64u(bytes(32))},
        "beyond the field": good | {"x": b64u(b"\xff" * 32)},
        "another curve": good | {"crv": "P-384"},
        "another kind": good | {"kty": "RSA"},
        "short": good | {"x": good["x"][:-1]},
        "no y": {name: good[name] for name in ("kty", "crv", "x")},
        "empty kid": good | {"kid": ""},
    }


def test_keys_are_taken_and_refused_as_the_server_does(core):
    """A point on the curve, exact members; the thumbprint is RFC 7638's."""

    def taken(jwk) -> bool:
        try:
            key_from_jwk(jwk)
        except BadKey:
            return False
        return True

    cases = jwks()
    found = dict(zip(cases, core.each("return core.isKey(given);", list(cases.values())), strict=True))
    assert found == {name: taken(jwk) for name, jwk in cases.items()}
    assert core.each("return core.thumbprint(given);", [cases["good"]]) == [thumbprint(cases["good"])]


# Zones whose rules every browser's own table has; Damascus alone jumped over the midnight of the 1st of April, once.
ZONES = ["Asia/Shanghai", "UTC", "America/St_Johns", "Pacific/Apia", "Europe/Lisbon", "Australia/Lord_Howe"]
EDGES = """
2009-11-01T02:30:59Z 2009-11-01T02:31:00Z 2009-11-01T03:00:00Z 2009-11-01T03:30:00Z 2011-12-31T09:59:59Z
2011-12-31T10:00:00Z 2026-10-31T15:59:59Z 2026-10-31T16:00:00Z 2026-12-31T16:00:00Z 1999-12-31T23:59:59Z
"""
JUMPS = ["2004-03-31T21:59:59Z", "2004-03-31T22:00:00Z", "2004-04-30T20:59:59Z", "2004-04-30T21:00:00Z"]


@FEW
@given(st.lists(st.tuples(st.integers(0, 2**32), st.sampled_from(ZONES)), max_size=20))
def test_periods_are_the_servers(core, drawn):
    """Month, year and ever, in zones whose clocks jump and go back, at the edges of months."""
    cases = [(parse_rfc3339(text), zone) for text in EDGES.split() for zone in ZONES]
    cases += [(parse_rfc3339(text), "Asia/Damascus") for text in JUMPS]
    cases += [(from_epoch(seconds), zone) for seconds, zone in drawn]
    asked = [[unit.value, millis(at), zone] for at, zone in cases for unit in PeriodUnit]

    def expected(unit: str, at: int, zone: str) -> dict:
        period = period_of(PeriodUnit(unit), from_epoch(at // 1000), ZoneInfo(zone))
        ends = [None if one is None else millis(one) for one in (period.starts_at, period.ends_at)]
        return {"unit": unit, "key": period.key, "startsAt": ends[0], "endsAt": ends[1]}

    assert core.each("return core.periodOf(...given);", asked) == [expected(*one) for one in asked]


def test_a_names_signs_are_those_that_python_takes(core):
    """Rare Chinese, Latin and marks; control, bidirectional and separating characters refused."""
    claims = dict(parse_unverified(CARD, CARD_FORM).claims)
    names = ["张*明", "欧**华", "𬭎*", "A. B.", "é", "أ*", "\U0001f600" * 100]
    names += ["a\u202eb", "a\u0001", "\u2028", "\ufeff", " ", "\u3000", "\ue000", "\u0378", "a" * 101]
    names += [
        "李\U0002ebf0",
        "李\U00031350",
        "\ufdd0",
        "\ufffe",
        "\U0001ffff",
        "\U0010ffff",
        "a\u200db",
        "\x85",
        " 王*",
    ]

    def taken(name: str) -> bool:
        try:
            parse(claims | {"name": name})
        except TokenError:
            return False
        return True

    body = """
      core.parseCard(core.readJson(new TextEncoder().encode(JSON.stringify(given))));
      return true;
    """
    found = core.each(body, [claims | {"name": name} for name in names])
    assert [one is True for one in found] == [taken(name) for name in names]


def test_the_digest_of_a_card_is_what_proofs_name(core):
    """`ath`, as every room computes it."""
    assert core.each("return core.digest(given);", [CARD]) == [b64u(card_digest(CARD))]
