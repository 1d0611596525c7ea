"""EV2 messages against NXP's own figures (AN12196, AN10922), and setting up a tag that may be torn anywhere."""

import pytest

from cards.sun import holds, open_picc, read_link
from devices.faults import CardFault, CardGone, CardLocked, CardUnknown
from devices.ntag424 import FACTORY_KEY, Secured, TagMasters, authenticate, diversified, padded, template, unpadded
from devices.personalise import write_tag424
from devices.profiles import Profile, tap_card
from devices.transport import Tap
from tests.devices.builders import tap, token
from tests.devices.emulators import Ntag424, Type4Card
from verifier.records.tags import TagRecord

MASTERS = TagMasters(bytes(range(16)), bytes(range(16, 32)))
BASE = "https://card.example/t"


class Plays:
    """A transport that plays a recorded exchange and checks what it is asked."""

    def __init__(self, *exchange: tuple[str, str]) -> None:
        self.exchange = list(exchange)

    def transmit(self, command: bytes) -> bytes:
        asked, answer = self.exchange.pop(0)
        assert command.hex().upper() == asked
        return bytes.fromhex(answer)


@pytest.mark.parametrize(
    ("slot", "random", "exchange", "keys"),
    [
        (
            0,  # AN12196 §6.6
            "13C5DB8A5930439FC3DEF9A4C675360F",
            (
                ("9071000002000000", "A04C124213C186F22399D33AC2A3021591AF"),
                (
                    "90AF00002035C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D00",
                    "3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F081206639100",
                ),
            ),
            ("9D00C4DF", "1309C877509E5A215007FF0ED19CA564", "4C6626F5E72EA694202139295C7A7FC7"),
        ),
        (
            3,  # AN12196 §6.10
            "B98F4C50CF1C2E084FD150E33992B048",
            (
                ("9071000002030000", "B875CEB0E66A6C5CD00898DC371F92D191AF"),
                (
                    "90AF000020FF0306E47DFBC50087C4D8A78E88E62DE1E8BE457AA477C707E2F0874916A8B100",
                    "0CC9A8094A8EEA683ECAAC5C7BF20584206D0608D477110FC6B3D5D3F65C3A6A9100",
                ),
            ),
            ("7614281A", "7A93D6571E4B180FCA6AC90C9A7488D4", "FC4AF159B62E549B5812394CAB1918CC"),
        ),
    ],
)
def test_authentication_of_an12196(slot, random, exchange, keys):
    """AuthenticateEV2First gives NXP's transaction id and session keys."""
    made = authenticate(Tap(Plays(*exchange)), slot, FACTORY_KEY, random=lambda _: bytes.fromhex(random))
    assert (made.transaction.hex().upper(), made.encryption_key.hex().upper(), made.mac_key.hex().upper()) == keys


def secured(plays: Plays, transaction: str, encryption: str, mac: str) -> Secured:
    """A session with NXP's keys."""
    return Secured(Tap(plays), bytes.fromhex(encryption), bytes.fromhex(mac), bytes.fromhex(transaction))


def test_full_command_of_an12196():
    """A command in CommMode.Full is NXP's, byte for byte (§6.12), and its answer's MAC holds."""
    asked = "908D00001F030000000A00006B5E6804909962FC4E3FF5522CF0F8436C0C53315B9C73AA00"
    session = secured(
        Plays((asked, "C26D236E4A7C046D9100")),
        "7614281A", "7A93D6571E4B180FCA6AC90C9A7488D4", "FC4AF159B62E549B5812394CAB1918CC",
    )  # fmt: skip
    assert session.full(0x8D, bytes.fromhex("030000000A0000"), bytes.fromhex("0102030405060708090A")) == b""


def test_full_answer_of_an12196():
    """GetCardUID gives NXP's UID (§7.3)."""
    session = secured(
        Plays(("90510000088E2C155ADDA99BE300", "70756055688505B52A5E26E59E329CD6595F672298EA41B79100")),
        "DF055522", "2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764",
    )  # fmt: skip
    assert session.full(0x51, b"", b"").hex().upper() == "04958CAA5C5E80"


def test_a_forged_answer_is_refused():
    """An answer with another MAC ends the session."""
    session = secured(
        Plays(("90510000088E2C155ADDA99BE300", "70756055688505B52A5E26E59E329CD6595F672298EA41B89100")),
        "DF055522", "2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764",
    )  # fmt: skip
    with pytest.raises(CardFault):
        session.full(0x51, b"", b"")


def test_diversification_of_an10922():
    """AN10922's AES-128 example."""
    master = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    made = diversified(master, bytes.fromhex("04782E21801D803042F54E585020416275"))
    assert made.hex().upper() == "A8DD63A3B89D54B37CA802473FDA9175"
    with pytest.raises(ValueError, match="16 to 31"):
        diversified(master, b"short")


def test_padding_is_undone():
    """What was padded comes back; what was not is refused."""
    for size in range(33):
        assert unpadded(padded(bytes(size))) == bytes(size)
    with pytest.raises(CardFault):
        unpadded(bytes(16))


def test_the_template_fits_and_points_at_its_zeros():
    """The file holds zeros where the tag will write."""
    made = template(BASE)
    assert len(made.file) <= 256
    assert made.file[made.picc_at : made.picc_at + 32] == b"0" * 32
    assert made.file[made.mac_at : made.mac_at + 16] == b"0" * 16


def reading(card: Ntag424, record: dict[str, str]) -> int:
    """Read a tag that was set up, check its message as a verifier would, and return its count."""
    read = tap_card(tap(card))
    assert read.profile is Profile.SUN
    message, known = read_link(read.text), TagRecord.of(record)
    data = open_picc(known.meta_key, message.picc)
    assert data.uid == card.uid == known.uid
    assert holds(message, known.file_key, data)
    return data.counter


def test_a_tag_is_set_up_and_counts():
    """Its messages hold under the record's keys; the count rises at each tap; the tag's keys are its own."""
    card = Ntag424()
    written = write_tag424(tap(card), MASTERS, BASE, token())
    counts = [reading(card, written.record) for _ in range(3)]
    assert counts == sorted(set(counts))
    assert card.keys[0] != FACTORY_KEY
    assert MASTERS.master.hex() not in str(written.record)
    other = Ntag424(uid=bytes.fromhex("04AAAAAAAAAAAA"))
    write_tag424(tap(other), MASTERS, BASE, token())
    assert other.keys[:2] != card.keys[:2]


def test_a_tear_at_any_command_is_mended_by_repeating():
    """Wherever setting up is torn, the same again ends in a tag that works; the master key is changed last."""
    whole = Ntag424()
    tapped = tap(whole)
    write_tag424(tapped, MASTERS, BASE, token())
    for at in range(tapped.exchanges):
        card, text = Ntag424(), token()
        card.torn_at = at
        with pytest.raises(CardGone):
            write_tag424(tap(card), MASTERS, BASE, text)
        card.torn_at = None
        written = write_tag424(tap(card), MASTERS, BASE, text)
        assert reading(card, written.record) > 0


def test_somebody_elses_tag_is_left_alone():
    """A tag with unknown keys is refused before anything is changed."""
    card = Ntag424(keys=[bytes([7]) * 16] * 5)
    with pytest.raises(CardLocked):
        write_tag424(tap(card), MASTERS, BASE, token())
    assert not card.settings
    changed_master = Ntag424(keys=[bytes([7]) * 16, *[bytes(16)] * 4])
    with pytest.raises(CardLocked):
        write_tag424(tap(changed_master), MASTERS, BASE, token())


def test_another_card_is_no_ntag424():
    """A plain Type 4 tag is not keyed by mistake."""
    with pytest.raises(CardUnknown):
        write_tag424(tap(Type4Card()), MASTERS, BASE, token())
