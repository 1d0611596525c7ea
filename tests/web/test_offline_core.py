"""The counter's offline core against the Python rooms: what is read, byte for byte, and which tokens are refused."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards import base45
from cards.parts import Presentation, PresentationError
from cards.presentation import read
from cards.wire import dictionary_for, pack
from tests.cards.builders import DICTIONARIES, DICTIONARY, card, chip_proof, proof
from tests.cards.test_golden import AT, BROKEN, EDGES, GIVEN, GOOD
from tests.cards.test_golden import DICTIONARIES as GOLDEN_DICTIONARIES
from tests.web.offlinecore import millis

pytestmark = pytest.mark.browser

FEW = settings(max_examples=15)


def in_python(text: str, dictionaries) -> object:
    """Read as the server does, in the words of `Core.reads`."""
    try:
        found = read(text, dictionaries)
    except PresentationError as refusal:
        return {"error": refusal.reason}
    return [found.card, found.proof]


def test_every_golden_presentation_is_read_alike(core):
    """Plain, base45, digits, in lower case and between a scanner's white space."""
    texts = [case[form] for case in GOOD for form in ("plain", "base45", "digits")]
    texts += [f" \t{case['base45'].lower()}\r\n" for case in GOOD]
    assert core.reads(texts, GOLDEN_DICTIONARIES) == [in_python(text, GOLDEN_DICTIONARIES) for text in texts]
    assert all(isinstance(found, list) for found in core.reads(texts, GOLDEN_DICTIONARIES))


def test_every_broken_golden_text_is_read_or_refused_alike(core):
    """What is malformed, and nothing else, is refused in step 1."""
    texts = [case[form] for case in BROKEN for form in ("text", "base45") if form in case]
    assert core.reads(texts, GOLDEN_DICTIONARIES) == [in_python(text, GOLDEN_DICTIONARIES) for text in texts]


def test_the_golden_dictionary_is_made_byte_for_byte(core):
    """The page makes it from the programme that it fetched."""
    programme = {
        "issuer": GIVEN["issuer"],
        "status_base": GIVEN["status_base"],
        "wire_dictionary": GIVEN["dictionary"]["number"],
        "audience": GIVEN["audience"],
    }
    made = core.run("(given) => core.b64u(core.dictionaryOf(given).content)", programme)
    assert made == GIVEN["dictionary"]["content_base64url"]


def golden_reasons(core, cases: list[dict], given: dict = GIVEN) -> list:
    """Return each golden case's reason (None: granted), judged with the golden bundle and list."""
    script = """async ({ given, cases, at }) => {
      const bundle = await core.verifyBundle(given.trust_bundle, given.root_thumbprint, at);
      const uri = bundle.statusLists[0];
      const list = await core.verifyStatusList(given.status_list, bundle, uri, at);
      const trust = { ...bundle, audience: given.audience, lists: new Map([[uri, list]]) };
      const content = core.unb64u(given.dictionary.content_base64url);
      const dictionary = { ...given.dictionary, content, audience: given.audience };
      const challenge = given.outstanding_challenge;
      const outstanding = (reader, nonce) => reader === challenge.reader && nonce === challenge.nonce;
      const judged = async ({ text, known, id_checked: idChecked }) => {
        const found = await core.read(text, new Map([[dictionary.number, dictionary]]));
        const whole = { card: found.card ?? known, proof: found.proof };
        const verdict = await core.verifyPresentation(whole, trust, at, { idChecked, outstanding });
        return { reason: verdict.reason, assurance: verdict.assurance };
      };
      return Promise.all(cases.map((one) => core.tried(() => judged(one))));
    }"""
    return core.run(script, {"given": given, "cases": cases, "at": millis(AT)})


def test_every_golden_presentation_gets_its_golden_verdict(core):
    """Good ones are granted with their assurance; broken ones refused, each for its own reason."""
    good = [
        {"text": case[form], "known": case.get("known_card"), "id_checked": case["id_checked"]}
        for case in GOOD
        for form in ("plain", "base45", "digits")
    ]
    expected = [{"reason": None, "assurance": case["assurance"]} for case in GOOD for _ in range(3)]
    assert golden_reasons(core, good) == expected
    broken = [
        ({"text": case[form], "known": None, "id_checked": case.get("id_checked", False)}, case["reason"])
        for case in BROKEN
        for form in ("text", "base45")
        if form in case
    ]
    found = golden_reasons(core, [case for case, _ in broken])
    assert [one.get("error") or one["reason"] for one in found] == [reason for _, reason in broken]


def test_what_could_be_read_in_two_ways_is_read_here_as_the_document_says(core):
    """The edge cases of docs/card-format.md: numbers' spelling, names, order, addresses, keys, white space, slots."""
    shown = [{"text": case["text"], "known": None, "id_checked": case["id_checked"]} for case in EDGES["cases"]]
    found = golden_reasons(core, shown, EDGES)
    said = {case["name"]: one.get("error") or one["reason"] for case, one in zip(EDGES["cases"], found, strict=True)}
    assert said == {case["name"]: case["reason"] for case in EDGES["cases"]}


PARTS = {
    "card": Presentation(card(), None),
    "proved": Presentation(CARD := card(name="欧**华"), proof(CARD)),
    "alone": Presentation(None, proof(CARD)),
    "chip": Presentation(CARD, chip_proof(CARD)),
    "raw": Presentation(CARD, proof(CARD, audience='another "audience"')),
}


@pytest.mark.parametrize("name", PARTS)
def test_what_python_packs_is_read_here(core, name):
    """Packed fields, and what is carried raw."""
    texts = [pack(PARTS[name], DICTIONARY, digits=digits) for digits in (False, True)]
    expected = [PARTS[name].card, PARTS[name].proof]
    assert core.reads(texts, DICTIONARIES) == [expected, expected]


def test_another_programmes_audience_is_written_as_python_writes_it(core):
    """Quotes, back strokes, control characters and Chinese stand in the rebuilt proof as json.dumps writes them."""
    for audience in ('a"b\\c', "tab\there\x01\x7f", "区\u2028卡"):
        dictionary = dictionary_for("https://a.example", "https://a.example/", 8, audience=audience)
        shown = Presentation(None, proof(CARD, audience=audience))
        assert core.reads([pack(shown, dictionary)], {8: dictionary}) == [[None, shown.proof]]


@FEW
@given(st.data())
def test_tampered_wire_forms_are_read_or_refused_alike(core, data):
    """Flipped, cut, doubled and inserted bytes of every kind of body: the same tokens, or malformed, in both."""
    texts = []
    for shown in PARTS.values():
        body = bytearray(base45.decode(pack(shown, DICTIONARY)[5:]))
        for _ in range(12):
            changed = bytearray(body)
            at = data.draw(st.integers(0, len(body) - 1))
            match data.draw(st.integers(0, 3)):
                case 0:
                    changed[at] ^= 1 << data.draw(st.integers(0, 7))
                case 1:
                    del changed[at:]
                case 2:
                    changed[at:at] = data.draw(st.binary(min_size=1, max_size=3))
                case _:
                    changed[at] = data.draw(st.integers(0, 3))
            texts.append(f"YJ07:{base45.encode(bytes(changed))}")
    assert core.reads(texts, DICTIONARIES) == [in_python(text, DICTIONARIES) for text in texts]


@FEW
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=30))
def test_any_text_is_malformed_in_both(core, texts):
    """Also behind the prefixes of the wire form and its digits."""
    texts = [prefix + text for text in texts for prefix in ("", "YJ07:", "9307", "93071")]
    assert core.reads(texts, DICTIONARIES) == [in_python(text, DICTIONARIES) for text in texts]


def test_the_bounds_of_a_text_hold(core):
    """4 KB of text, 8 KB inflated, an end where the stream ends, Python's white space and no other."""
    packed = pack(PARTS["card"], DICTIONARY)
    skeleton = bytes(b"\x02" + b"x" * 9000)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY.content)
    bomb = deflater.compress(b"{}" + skeleton) + deflater.flush()
    body = bytes([1]) + bytes(64) + len(bomb).to_bytes(2, "big") + bomb
    texts = [
        packed + " " * 4096,
        packed + "0" * 4096,
        f"YJ07:{base45.encode(body)}",
        f"\ufeff{packed}",
        f"\x1c{packed}\x85",
        f"　{packed}　",
        packed.replace("YJ07", "YJ08"),
        packed.replace("YJ07", "YJ０７"),
        "",
        "~",
        f"{CARD}~{CARD}",
        f"{CARD}~{proof(CARD)}~{proof(CARD)}",
        f"{proof(CARD)}~{CARD}",
        f"{CARD}=",
        "YJ07:",
        "9307000",
        "93070001234",
    ]
    assert core.reads(texts, DICTIONARIES) == [in_python(text, DICTIONARIES) for text in texts]
