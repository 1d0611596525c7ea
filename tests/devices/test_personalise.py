"""Issuing on chips: the key made on the chip, the token of that key alone, tears mended, stacks reported."""

import json
import stat
import sys
from dataclasses import dataclass, field

import pytest

from cards.claims import Form
from devices.batch import BatchJob, IssuerCommand, IssuerFault, Setup, read_holders, run, write_card
from devices.faults import CardGone, CardLocked, CardRefused, CardTaken, CardUnknown, CardUnsuited, DeviceFault
from devices.ntag424 import TagMasters
from devices.personalise import CardKind, Replacing, WrongToken, make_key, write_chip
from devices.piv import CERTIFICATE_OBJECT, TOKEN_OBJECT, ManagementKey, sign
from devices.profiles import Profile, tap_card
from keys.jwk import key_from_jwk
from keys.tokens import signature_holds
from tests.devices.builders import tap, token
from tests.devices.emulators import Card, Ntag424, PivCard, Type2Card, Type4Card

MANAGEMENT = ManagementKey(0x0A, bytes(range(24)))


def token_for(jwk: dict) -> str:
    """The token that an issuer would sign for a chip's key."""
    return token(Form.CHIP, key_from_jwk(jwk))


def test_a_chip_is_issued():
    """Key on the chip, token for it, and the chip proves that key."""
    card = PivCard(blank=True)
    jwk = make_key(tap(card), MANAGEMENT)
    written = write_chip(tap(card), MANAGEMENT, token_for(jwk))
    tapped = tap(card)
    assert tap_card(tapped).profile is Profile.CHIP
    assert signature_holds(b"message", sign(tapped, b"message"), key_from_jwk(jwk))
    assert len(written.card_id) == 22


def test_a_new_key_replaces_the_old():
    """A chip set up anew, on demand, answers with its new key alone."""
    card = PivCard(blank=True)
    first = make_key(tap(card), MANAGEMENT)
    assert make_key(tap(card), MANAGEMENT, replacing=Replacing.ALL) != first


@pytest.mark.parametrize(("algorithm", "size"), [(0x03, 24), (0x08, 16), (0x0A, 24), (0x0C, 32)])
def test_every_kind_of_management_key_opens_its_chip(algorithm, size):
    """3DES, which older chips come with, and AES of three sizes."""
    card = PivCard(blank=True, management=bytes(range(size)), management_algorithm=algorithm)
    assert make_key(tap(card), ManagementKey(algorithm, card.management))["crv"] == "P-256"


@pytest.mark.parametrize(
    "wrong", [ManagementKey(0x0A, bytes(24)), ManagementKey(0x08, bytes(16)), ManagementKey(0x03, bytes(range(24)))]
)
def test_another_management_key_is_refused(wrong):
    """Neither another key nor another algorithm gets in, and the chip keeps its key."""
    card = PivCard(blank=True)
    before = card.key_der
    with pytest.raises(CardLocked):
        make_key(tap(card), wrong)
    assert card.key_der == before


class Impostor(PivCard):
    """A chip that accepts any management key without knowing it."""

    def authenticate_management(self, algorithm, asked):
        if asked.get(0x80) == b"":
            return (b"\x7c\x12\x80\x10" + bytes(16),)
        return (b"\x7c\x12\x82\x10" + bytes(16),)


def test_a_chip_that_does_not_know_the_key_is_refused():
    """Authentication is mutual: a card that says yes to everything is noticed."""
    with pytest.raises(CardLocked):
        make_key(tap(Impostor(blank=True)), MANAGEMENT)


def test_a_management_key_is_never_shown():
    """Its repr names the algorithm; its size is checked."""
    assert repr(MANAGEMENT) == "ManagementKey(AES-192)"
    with pytest.raises(ValueError, match="bytes"):
        ManagementKey(0x0A, bytes(16))


def test_a_chip_that_holds_a_key_or_a_card_is_not_overwritten_unasked():
    """Neither a stranger's key nor a card that works is destroyed by a slip; nothing on the chip has changed."""
    keyed = PivCard()
    before = keyed.key_der
    with pytest.raises(CardTaken):
        make_key(tap(keyed), MANAGEMENT)
    assert keyed.key_der == before
    card = PivCard(blank=True)
    first = token_for(make_key(tap(card), MANAGEMENT))
    write_chip(tap(card), MANAGEMENT, first)
    for replacing in (Replacing.NOTHING, Replacing.KEY):
        with pytest.raises(CardTaken):
            make_key(tap(card), MANAGEMENT, replacing=replacing)
    second = token(Form.CHIP, card.key.public_key())
    with pytest.raises(CardTaken):
        write_chip(tap(card), MANAGEMENT, second)
    assert tap_card(tap(card)).text == first
    write_chip(tap(card), MANAGEMENT, second, replacing=Replacing.ALL)
    assert tap_card(tap(card)).text == second


@pytest.mark.parametrize(
    "made",
    [
        {"takes": frozenset({CERTIFICATE_OBJECT})},
        {"takes": frozenset(), "with_ndef": True},
        {"takes": frozenset({CERTIFICATE_OBJECT}), "objects": {CERTIFICATE_OBJECT: b"\x30\x82\x01"}, "with_ndef": True},
    ],
)
def test_a_chip_without_room_for_our_object_takes_the_card_elsewhere(made):
    """Open PIV cards know the standard's objects alone; a certificate in its place is left there, NDEF serves."""
    card = PivCard(blank=True, **made)
    jwk = make_key(tap(card), MANAGEMENT)
    written = token_for(jwk)
    write_chip(tap(card), MANAGEMENT, written)
    tapped = tap(card)
    found = tap_card(tapped)
    assert (found.profile, found.text) == (Profile.CHIP, written)
    assert signature_holds(b"message", sign(tapped, b"message"), key_from_jwk(jwk))
    assert card.objects.get(CERTIFICATE_OBJECT, b"")[:1] in {b"", b"e", b"\x30"}
    assert TOKEN_OBJECT not in card.objects


def test_a_chip_that_takes_no_card_is_told_before_its_key_is_touched():
    """Neither object nor NDEF: no key is made, no card is issued."""
    card, office = PivCard(blank=True, takes=frozenset()), Office()
    with pytest.raises(CardUnsuited):
        write_card(tap(card), Setup(CardKind.CHIP, office, MANAGEMENT), BatchJob("h"))
    assert (card.key_der, office.issued) == (b"", [])


class Stubborn(PivCard):
    """A chip that takes an empty object and refuses a card in it."""

    def put(self, data):
        return b"\x6a\x84" if len(data) > 100 else super().put(data)


def test_a_card_that_could_not_be_written_is_revoked_again():
    """No valid card stands in the register that is on no chip; the report says what became of it."""
    office, card = Office(), Stubborn(blank=True)
    setup = Setup(CardKind.CHIP, office, MANAGEMENT)
    with pytest.raises(CardRefused):
        write_card(tap(card), setup, BatchJob("h"))
    office.issued.clear()
    (row, written), *_ = run(stack(*[Stubborn(blank=True)] * 9), setup, ["h1"], lambda _: None)
    assert (row.done, written, office.issued, len(office.withdrawn)) == (False, None, ["h1"], 1)
    assert "revoked again" in row.fault


def test_another_chips_token_is_refused():
    """A token is written on the chip whose key it names and on no other."""
    card, other = PivCard(), PivCard()
    with pytest.raises(WrongToken):
        write_chip(tap(card), MANAGEMENT, token(Form.CHIP, other.key.public_key()))
    assert card.objects == {}


@pytest.mark.parametrize("text", ["", "a.b.c", token()])
def test_what_is_no_chip_card_is_refused(text):
    """A tag's token, or none, does not go on a chip."""
    with pytest.raises(WrongToken):
        write_chip(tap(PivCard(blank=True)), MANAGEMENT, text)


def test_a_card_without_piv_is_told():
    """No PIV application, no key."""
    with pytest.raises(CardUnknown):
        make_key(tap(Type4Card()), MANAGEMENT)


@dataclass
class Office:
    """An issuer that signs at once and counts."""

    issued: list = field(default_factory=list)
    refuses: frozenset = frozenset()
    withdrawn: list = field(default_factory=list)

    def withdraw(self, card):
        self.withdrawn.append(card)

    def issue(self, holder, kind, jwk):
        if holder in self.refuses:
            raise IssuerFault("the holder has no ground that holds today")
        self.issued.append(holder)
        return token() if jwk is None else token_for(jwk)


def test_a_tear_at_any_command_issues_once():
    """Wherever setting up a chip is torn, the same chip again gets the one card that was issued."""
    setup = Setup(CardKind.CHIP, Office(), MANAGEMENT)
    card = PivCard(blank=True)
    write_card(tap(card), setup, BatchJob("h"))
    for at in range(len(card.commands)):
        office, card, job = Office(), PivCard(blank=True, torn_at=at), BatchJob("h")
        setup = Setup(CardKind.CHIP, office, MANAGEMENT)
        with pytest.raises(CardGone):
            write_card(tap(card), setup, job)
        card.torn_at = None
        write_card(tap(card), setup, job)
        assert office.issued == ["h"]
        assert tap_card(tap(card)).profile is Profile.CHIP


def stack(*cards: Card):
    """Cards put on one after another."""
    return [lambda work, card=card: work(tap(card)) for card in cards]


def test_a_stack_is_written_and_reported():
    """One card a holder, in their order; a refused holder is told and costs no card."""
    office = Office(refuses=frozenset({"h2"}))
    cards = [PivCard(blank=True) for _ in range(3)]
    rows = [row for row, _ in run(stack(*cards), Setup(CardKind.CHIP, office, MANAGEMENT), ["h1", "h2", "h3"], print)]
    assert [(row.holder, row.done, row.tries) for row in rows] == [("h1", True, 1), ("h2", False, 1), ("h3", True, 1)]
    assert rows[1].fault == "the holder has no ground that holds today"
    assert office.issued == ["h1", "h3"]


def test_a_swapped_chip_after_a_tear_is_noticed():
    """The card issued for one chip's key does not go on the next chip of the stack."""
    whole = PivCard(blank=True)
    write_card(tap(whole), Setup(CardKind.CHIP, Office(), MANAGEMENT), BatchJob("h"))
    torn = PivCard(blank=True, torn_at=len(whole.commands) - 3)
    other, said = PivCard(blank=True), []
    rows = [
        row for row, _ in run(stack(torn, other, torn), Setup(CardKind.CHIP, Office(), MANAGEMENT), ["h1"], said.append)
    ]
    assert [(row.done, row.tries) for row in rows] == [(True, 3)]
    assert "another chip" in said[1]
    assert other.objects == {}


@pytest.mark.parametrize(
    ("kind", "made"), [(CardKind.TAG, Type2Card), (CardKind.TAG, Type4Card), (CardKind.TAG424, Ntag424)]
)
def test_tags_are_written_in_stacks_too(kind, made):
    """Each kind by the same loop; counting tags bring a record each."""
    setup = Setup(kind, Office(), None, TagMasters(bytes(16), bytes(range(16))), "https://card.example/t")
    results = list(run(stack(made(), made()), setup, ["h1", "h2"], print))
    assert [row.done for row, _ in results] == [True, True]
    assert all((written.record is not None) is (kind is CardKind.TAG424) for _, written in results)


def test_what_a_batch_needs_is_asked_for():
    """Without the management key or the masters nothing is issued."""
    for kind in (CardKind.CHIP, CardKind.TAG424):
        card = PivCard(blank=True) if kind is CardKind.CHIP else Ntag424()
        with pytest.raises(DeviceFault):
            write_card(tap(card), Setup(kind, Office()), BatchJob("h"))


ISSUER = """
import json, sys
words = sys.argv[1:]
if words[:2] == ["card", "issue"]:
    assert words[2] == "holder-1" or sys.exit("error: no such holder\\nhint: issuer holder list")
    key = json.load(open(words[words.index("--key") + 1])) if "--key" in words else None
    json.dump({"id": "c1", "key": key}, sys.stdout)
else:
    assert words == ["card", "show", "c1", "--token", "--json"]
    json.dump({"id": "c1", "token": "a.b.c"}, sys.stdout)
"""


def test_the_issuer_is_asked_by_its_command_line(tmp_path):
    """Two calls, the key in a file; its refusals are passed on."""
    script = tmp_path / "issuer.py"
    script.write_text(ISSUER)
    issuer = IssuerCommand((sys.executable, str(script)))
    assert issuer.issue("holder-1", CardKind.CHIP, {"kty": "EC"}) == "a.b.c"
    with pytest.raises(IssuerFault, match="no such holder"):
        issuer.issue("holder-2", CardKind.TAG, None)
    with pytest.raises(IssuerFault):
        IssuerCommand(("/nonexistent",)).issue("holder-1", CardKind.TAG, None)


def test_holders_are_read_from_a_file(tmp_path):
    """One id a line; comments and empty lines are no holders."""
    file = tmp_path / "holders"
    file.write_text("h1\n\n# later\nh2  # the second\n")
    assert read_holders(file) == ["h1", "h2"]


def test_key_files_must_be_private(tmp_path):
    """A management key that others may read is refused, and no key is shown."""
    from click.testing import CliRunner

    from devices.__main__ import main

    key, out = tmp_path / "key", tmp_path / "out.jwk"
    key.write_text("00" * 24)
    key.chmod(stat.S_IRUSR | stat.S_IRGRP)
    asked = ["personalise", "key", "--management-key-file", str(key), "--out", str(out)]
    told = CliRunner().invoke(main, asked)
    assert told.exit_code == 1
    assert "chmod" in told.output
    assert "0000" not in told.output


def test_masters_are_made_once(tmp_path):
    """The file is new, private, and not printed."""
    from click.testing import CliRunner

    from devices.__main__ import main

    file = tmp_path / "masters.json"
    told = CliRunner().invoke(main, ["personalise", "masters", "--out", str(file)])
    assert told.exit_code == 0
    made = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert made["master"] not in told.output
    assert CliRunner().invoke(main, ["personalise", "masters", "--out", str(file)]).exit_code == 1
