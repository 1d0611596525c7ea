"""A chip's answer to the server's challenge and a counting tag's link, at the counter's calls."""

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cards.claims import Form
from cards.proof import ChipProofClaims, card_digest, chip_signing_input, complete_chip_proof
from cards.status import Status
from cards.sun import PiccData, SunMessage, holds, open_picc, read_link, sun_mac
from edge.encoding import unb64u
from edge.instants import from_epoch
from edge.problems import Problem
from keys.signer import FileSigner
from tests.verifier.world import SECRET
from verifier.cli.dry_run import decide, trial_of
from verifier.records.tags import BadTagRecord, TagRecord, read_records

META, KEY, UID = bytes(range(16)), bytes(range(16, 32)), bytes.fromhex("04DE5F1EACC040")


@dataclass
class Chip:
    """A chip card in the hand of a reader that asks the server for its nonce."""

    card: object
    device: object

    def challenge(self) -> dict:
        response = self.device.call("POST", "/v1/challenges")
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json

    def answer(self, challenge: dict, signer: FileSigner | None = None, **changes: object) -> str:
        given = {
            "audience": challenge["audience"],
            "reader": challenge["reader"],
            "nonce": unb64u(challenge["nonce"]),
            "issued_at": from_epoch(challenge["issued_at"]),
            "card_digest": card_digest(self.card.token),
        }
        text = chip_signing_input(ChipProofClaims(**(given | changes)))
        key = signer or self.card.signer
        return f"{self.card.token}~{complete_chip_proof(text, key.sign(text.encode()), key.public_key)}"

    def tapped(self) -> str:
        return self.answer(self.challenge())


@pytest.fixture
def gym(world):
    """A desk at the gym."""
    return world.device("gym")


@pytest.fixture
def chip(world, gym):
    """A gold holder's chip card, read at the gym."""
    return Chip(world.card("gold", Form.CHIP), gym)


@dataclass
class Tag:
    """A tag that writes a link at every reading; the verifier knows it."""

    card: object
    counter: int = 0
    key: bytes = KEY

    def known(self):
        record = {"uid": UID.hex(), "card": self.card.token, "file_key": KEY.hex(), "meta_key": META.hex()}
        self.card.world.verifier.store.tags.add(TagRecord.of(record))
        return self

    def link(self, counter: int | None = None) -> str:
        if counter is None:
            self.counter += 1
        data = PiccData(UID, self.counter if counter is None else counter)
        plain = b"\xc7" + UID + data.counter.to_bytes(3, "little") + b"\x01\x02\x03\x04\x05"
        encryptor = Cipher(algorithms.AES(META), modes.CBC(bytes(16))).encryptor()
        return f"https://card.example/t?p={encryptor.update(plain).hex()}&c={sun_mac(self.key, data).hex()}"


@pytest.fixture
def tag(world):
    """A gold holder's tag, known to the verifier."""
    return Tag(world.card("gold", Form.TAG)).known()


def test_a_chip_is_proved(chip, gym, world):
    """The chip's answer to the server's nonce is granted without an ID check and logged as proved."""
    made = gym.outcome(chip.tapped(), "gym-visit")
    assert (made["outcome"], made["assurance"]) == ("granted", "proved")
    assert world.log()[-1]["assurance"] == "proved"


def test_a_clone_with_another_key_is_refused(chip, gym):
    """The right data on a chip that holds another key proves nothing."""
    made = gym.outcome(chip.answer(chip.challenge(), FileSigner.generate()), "gym-visit")
    assert (made["outcome"], made["reason"]) == ("denied", "bad-proof")
    assert "may be a copy" in made["message"]["en"]
    assert "reopen" not in made["hint"]["en"]
    assert "重新打开" not in made["hint"]["zh"]


def test_a_nonce_serves_once(chip, gym):
    """A recorded answer is refused when it is sent again as a new operation."""
    shown = chip.tapped()
    assert gym.outcome(shown, "gym-visit")["outcome"] == "granted"
    assert gym.outcome(shown, "gym-visit")["reason"] == "proof-used"


def test_a_retried_operation_gets_its_first_answer(chip, gym, world):
    """The same operation with the same answer is replayed, even after the nonce's time."""
    shown = chip.tapped()
    first = gym.outcome(shown, "gym-visit", "op-" + "a" * 20)
    world.clock.advance(timedelta(minutes=5))
    again = gym.outcome(shown, "gym-visit", "op-" + "a" * 20)
    assert again["replayed"]
    assert again["id"] == first["id"]


def test_a_nonce_serves_one_card(chip, gym, world):
    """Two chips cannot both answer one challenge."""
    challenge = chip.challenge()
    other = Chip(world.card("gold", Form.CHIP), gym)
    assert gym.outcome(chip.answer(challenge), "gym-visit")["outcome"] == "granted"
    assert gym.outcome(other.answer(challenge), "gym-visit")["reason"] == "bad-proof"


def test_another_devices_nonce_is_refused(chip, world):
    """An answer that one reader got is of no use at another device, whatever reader it names."""
    elsewhere = world.device("gym", label="Desk 2")
    challenge = chip.challenge()
    assert elsewhere.outcome(chip.answer(challenge), "gym-visit")["reason"] == "bad-proof"
    assert elsewhere.outcome(chip.answer(challenge, reader=elsewhere.id), "gym-visit")["reason"] == "bad-proof"


@pytest.mark.parametrize(("seconds", "reason"), [(30, None), (31, "stale-proof")])
def test_a_nonce_lives_30_seconds(chip, gym, world, seconds, reason):
    """The bound is exact."""
    shown = chip.tapped()
    world.clock.advance(timedelta(seconds=seconds))
    assert gym.outcome(shown, "gym-visit")["reason"] == reason


def test_a_made_up_iat_does_not_stretch_a_nonce(chip, gym, world):
    """The server's own record of the nonce ends it, whatever instant the reader writes."""
    challenge = chip.challenge()
    world.clock.advance(timedelta(seconds=40))
    late = chip.answer(challenge, issued_at=world.clock.now())
    assert gym.outcome(late, "gym-visit")["reason"] == "bad-proof"


def test_a_nonce_of_the_readers_own_is_refused_online(chip, gym):
    """Only a nonce that the server gave counts while it is there to give one."""
    assert gym.outcome(chip.answer(chip.challenge(), nonce=bytes(32)), "gym-visit")["reason"] == "bad-proof"


def test_a_chip_without_an_answer_is_a_copy(chip, gym):
    """The token alone, read off a chip by anyone, is not accepted."""
    assert gym.outcome(chip.card.token, "gym-visit", id_checked=True)["reason"] == "proof-missing"


def test_a_phones_proof_does_not_pass_for_a_chips(chip, gym):
    """A chip card is proved by a challenge, never by a `card-proof+jwt` (docs/design.md §4)."""
    assert gym.outcome(f"{chip.card.token}~{chip.card.proof()}", "gym-visit")["reason"] == "bad-proof"


def test_a_look_at_a_chip_is_confirmed(chip, gym, world):
    """The challenge is judged at the look's instant; the confirmation may come later than 30 s."""
    seen = gym.call("POST", "/v1/verifications", {"presentation": chip.tapped()}).json
    assert seen["valid"], seen
    world.clock.advance(timedelta(seconds=60))
    made = gym.call("POST", "/v1/check-ins", {"look": seen["id"], "service": "gym-visit"}).json
    assert (made["outcome"], made["assurance"]) == ("granted", "proved")


def test_challenges_outlive_a_restart(chip, gym, world):
    """A nonce given before the server went down may be answered after, once."""
    shown = chip.tapped()
    world.restart()
    assert gym.outcome(shown, "gym-visit")["outcome"] == "granted"
    world.restart()
    assert gym.outcome(shown, "gym-visit")["reason"] == "proof-used"


def test_a_tag_is_counted(tag, gym, world):
    """A rising count, with the operator's word on the person's ID, is granted and logged as counted."""
    made = gym.outcome(tag.link(), "gym-visit", id_checked=True)
    assert (made["outcome"], made["assurance"]) == ("granted", "counted")
    assert world.log()[-1]["assurance"] == "counted"


def test_a_tag_needs_the_id_compared(tag, gym):
    """Whoever found the tag could tap it; the same reading may be tried again once the ID is compared."""
    link = tag.link()
    assert gym.outcome(link, "gym-visit")["reason"] == "id-check-needed"
    assert gym.outcome(link, "gym-visit", id_checked=True)["outcome"] == "granted"


def test_a_replayed_link_is_refused_also_after_a_restart(tag, gym, world):
    """A link that was used, or one older than it, never counts again."""
    old, used = tag.link(), tag.link()
    assert gym.outcome(used, "gym-visit", id_checked=True)["outcome"] == "granted"
    for link in (used, old):
        assert gym.outcome(link, "gym-visit", id_checked=True)["reason"] == "proof-used"
    world.restart()
    elsewhere = world.device("gym", label="Desk 2")
    for link in (used, old):
        assert elsewhere.outcome(link, "gym-visit", id_checked=True)["reason"] == "proof-used"
        assert gym.outcome(link, "gym-visit", id_checked=True)["reason"] == "proof-used"


def test_a_link_seen_at_a_look_belongs_to_that_device(tag, gym, world):
    """The look raises the count: nobody else can use the link; the look is confirmed once."""
    link = tag.link()
    seen = gym.call("POST", "/v1/verifications", {"presentation": link}).json
    assert (seen["valid"], seen["needs"], seen["assurance"]) == (True, ["id_check"], "counted")
    elsewhere = world.device("gym", label="Desk 2")
    assert elsewhere.outcome(link, "gym-visit", id_checked=True)["reason"] == "proof-used"
    confirm = {"look": seen["id"], "service": "gym-visit", "id_checked": True}
    made = gym.call("POST", "/v1/check-ins", confirm).json
    assert (made["outcome"], made["assurance"]) == ("granted", "counted")
    assert gym.call("POST", "/v1/check-ins", confirm).json["reason"] == "proof-used"


def test_a_forged_link_is_refused_and_raises_nothing(tag, gym):
    """Another key's MAC is refused by look and check-in alike, and does not shut the real tag out."""
    forged = Tag(tag.card, key=bytes(16)).link(0xFFFFFF)
    seen = gym.call("POST", "/v1/verifications", {"presentation": forged}).json
    assert (seen["valid"], seen["reason"]) == (False, "bad-proof")
    assert "reopen" not in seen["hint"]["en"]
    confirm = {"look": seen["id"], "service": "gym-visit", "id_checked": True}
    assert gym.call("POST", "/v1/check-ins", confirm).json["reason"] == "bad-proof"
    assert gym.outcome(tag.link(), "gym-visit", id_checked=True)["outcome"] == "granted"


def test_a_revoked_tag_says_revoked(tag, gym, world):
    """What the card is refused for comes before what its link is."""
    link = tag.link()
    world.set_status(tag.card, Status.REVOKED)
    assert gym.outcome(link, "gym-visit", id_checked=True)["reason"] == "revoked"


def test_an_unknown_tag_names_no_card(world, gym):
    """A link of a tag that nobody personalised for this verifier is a problem, not an entry."""
    stranger = Tag(world.card("gold", Form.TAG))
    response = gym.check_in(stranger.link(), "gym-visit", id_checked=True)
    assert (response.status_code, response.json["code"]) == (422, "card-unknown")


def test_the_cards_text_alone_is_copyable(tag, gym):
    """The tag's token without a link is no more than a copy."""
    assert gym.outcome(tag.card.token, "gym-visit", id_checked=True)["assurance"] == "copyable"


def test_a_tag_recorded_again_keeps_its_count(tag, gym):
    """A replaced record changes the card behind a tag, never the count: old links stay old."""
    link = tag.link()
    assert gym.outcome(link, "gym-visit", id_checked=True)["outcome"] == "granted"
    tag.known()
    assert gym.outcome(link, "gym-visit", id_checked=True)["reason"] == "proof-used"


@pytest.mark.parametrize(
    "record",
    [
        {},
        [],
        {"uid": "04", "card": "a.b.c", "file_key": "00" * 16, "meta_key": "00" * 16},
        {"uid": "00" * 7, "card": "abc", "file_key": "00" * 16, "meta_key": "00" * 16},
        {"uid": "00" * 7, "card": "a.b.c", "file_key": "zz", "meta_key": "00" * 16},
        {"uid": 7, "card": "a.b.c", "file_key": "00" * 16, "meta_key": "00" * 16},
    ],
)
def test_a_bad_record_is_refused(record):
    """A record that lacks or misspells a part is told, and shows no key."""
    with pytest.raises(BadTagRecord) as told:
        read_records(record)
    assert "00" * 16 not in str(told.value)


def test_vectors_of_an12196():
    """NXP's own messages open to their UID and count, and their MACs hold."""
    zero = bytes(16)
    first = SunMessage(bytes.fromhex("EF963FF7828658A599F3041510671E88"), bytes.fromhex("94EED9EE65337086"))
    data = open_picc(zero, first.picc)
    assert data == PiccData(bytes.fromhex("04DE5F1EACC040"), 61)
    assert holds(first, zero, data)
    file = b"CEE9A53E3E463EF1F459635736738962"
    second = SunMessage(
        bytes.fromhex("FD91EC264309878BE6345CBE53BADF40"), bytes.fromhex("ECC1E7F6C6C73BF6"), file + b"&cmac="
    )
    data = open_picc(zero, second.picc)
    assert data == PiccData(bytes.fromhex("04958CAA5C5E80"), 8)
    assert holds(second, zero, data)


@pytest.mark.parametrize("text", ["", "https://x/t?p=00&c=00", "ftp://x/t?p=" + "0" * 32 + "&c=" + "0" * 16, "YJ01:AB"])
def test_other_texts_are_no_link(text):
    """Only a whole link of the right shape is one."""
    assert read_link(text) is None


def test_tags_are_imported_by_command(tmp_path, world, gym, monkeypatch):
    """What personalisation recorded is taken in by the command line, which shows no key."""
    from click.testing import CliRunner

    from verifier.__main__ import main

    monkeypatch.setenv("YUNJU_VERIFIER_URL", f"sqlite:///{world.folder}/verifier.db")
    monkeypatch.setenv("YUNJU_SECRET", SECRET.decode())
    tag = Tag(world.card("gold", Form.TAG))
    record = {"uid": UID.hex(), "card": tag.card.token, "file_key": KEY.hex(), "meta_key": META.hex()}
    file = tmp_path / "records.json"
    file.write_text(json.dumps([record]))
    told = CliRunner().invoke(main, ["tag", "import", str(file), "--json"])
    assert (told.exit_code, json.loads(told.output)) == (0, {"added": 1, "replaced": 0, "known": 1})
    assert gym.outcome(tag.link(), "gym-visit", id_checked=True)["outcome"] == "granted"
    file.write_text("[]")
    assert CliRunner().invoke(main, ["tag", "import", str(file)]).exit_code == 1


def test_a_dry_run_reads_a_tags_link_and_takes_nothing(tag, gym, world):
    """`verifier decide` tells what a reading would come to; the reading itself stays good, a lower one does not."""
    place, service = world.verifier.programme.points["gym"], world.verifier.programme.services["gym-visit"]

    def told(link: str) -> str | None:
        trial = trial_of(place, service, link, world.verifier, id_checked=True)
        return decide(world.verifier, trial, world.clock.now()).reason

    old, link = tag.link(), tag.link()
    assert (told(link), told(link)) == (None, None)
    assert gym.outcome(link, "gym-visit", id_checked=True)["outcome"] == "granted"
    assert told(old) == "proof-used"
    assert told(Tag(tag.card, key=bytes(16)).link(0xFFFFFF)) == "bad-proof"
    with pytest.raises(Problem, match="card-unknown"):
        told(f"https://card.example/t?p={'0' * 32}&c={'0' * 16}")


def test_a_copied_link_with_a_lower_count_is_told_in_a_tags_words(tag, gym):
    """A tag shows no next code: it is tapped again, and what stays refused is a copy."""
    old, link = tag.link(), tag.link()
    assert gym.outcome(link, "gym-visit", id_checked=True)["outcome"] == "granted"
    refused = gym.outcome(old, "gym-visit", id_checked=True)
    assert refused["reason"] == "proof-used"
    assert "重新贴卡" in refused["message"]["zh"]
    assert "不要放行" in refused["hint"]["zh"]
    assert "next" not in refused["message"]["en"] + refused["hint"]["en"]
