"""Signed notes, checkpoints, cosignatures: the specifications' own examples, sigstore's verifier, and forgeries."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.ed25519 import Ed25519Signer
from keys.merkle import EMPTY_ROOT
from keys.notes import (
    Checkpoint,
    Cosigner,
    EcdsaNoteSigner,
    Ed25519NoteSigner,
    KeyKind,
    Note,
    NoteError,
    NoteKey,
    NoteSignature,
    open_checkpoint,
    open_note,
    parse_note,
)
from keys.signer import FileSigner

# From C2SP signed-note, tlog-checkpoint, tlog-cosignature.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
EXAMPLE_CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/"
    "zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
ORIGIN = "yunju.example/v1/log"


@pytest.fixture
def ed():
    """A log's Ed25519 key."""
    return Ed25519NoteSigner(ORIGIN, Ed25519Signer.generate())


@pytest.fixture
def p256():
    """A log's key of the trust bundle."""
    return EcdsaNoteSigner(ORIGIN, FileSigner.generate())


def a_note(*signers, size: int = 3) -> Note:
    """A checkpoint of a made-up tree, signed."""
    text = Checkpoint(ORIGIN, size, EMPTY_ROOT).text
    return Note(text, tuple(signer.sign(text) for signer in signers))


def test_the_specifications_note_is_verified_and_its_key_written_the_same():
    """The example of signed-note."""
    key = NoteKey.parse(EXAMPLE_KEY)
    assert key.vkey == EXAMPLE_KEY
    assert open_note(parse_note(EXAMPLE_NOTE), [key])[0].key == key
    assert parse_note(EXAMPLE_NOTE).encode() == EXAMPLE_NOTE
    with pytest.raises(NoteError):
        open_note(parse_note(EXAMPLE_NOTE.replace("example m", "exemple m")), [key])


def test_the_specifications_cosigned_checkpoint_is_read():
    """The example of tlog-cosignature: size, two signatures, the witness's time."""
    note = parse_note(EXAMPLE_CHECKPOINT)
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == note.text
    assert int.from_bytes(note.signatures[1].value[:8]) == 1679315147
    assert note.encode() == EXAMPLE_CHECKPOINT


def test_both_kinds_of_log_key_open_a_checkpoint_alone(ed, p256):
    """Whoever trusts the bundle's P-256 key needs not know the Ed25519 key, and the reverse."""
    text = a_note(p256, ed).encode()
    for signer in (ed, p256):
        key = NoteKey.parse(signer.key.vkey)
        opened = open_checkpoint(text, [key])
        assert [each.key for each in opened.signed] == [key]
        assert opened.checkpoint.size == 3


def test_sigstores_verifier_takes_our_checkpoint(p256, ed):
    """Sigstore reads the note, finds our P-256 key by its id, verifies, and refuses an altered one."""
    from sigstore._internal.rekor.checkpoint import SignedCheckpoint
    from sigstore._internal.trust import Keyring
    from sigstore.errors import VerificationError
    from sigstore_models.common import v1

    details = v1.PublicKeyDetails.PKIX_ECDSA_P256_SHA_256
    keyring = Keyring([v1.PublicKey(raw_bytes=base64.b64encode(p256.key.public), key_details=details)])
    (key_id,) = keyring._keyring
    text = a_note(p256, ed).encode()
    signed = SignedCheckpoint.from_text(text)
    signed.signed_note.verify(keyring, key_id)
    assert (signed.checkpoint.log_size, signed.checkpoint.log_hash) == (3, EMPTY_ROOT.hex())
    with pytest.raises(VerificationError):
        SignedCheckpoint.from_text(text.replace("\n3\n", "\n4\n")).signed_note.verify(keyring, key_id)


def test_a_witness_signs_the_time_with_the_checkpoint(ed):
    """A cosignature tells when; another time in the same line is refused."""
    cosigner = Cosigner("witness.example/w1", Ed25519Signer.generate())
    note = a_note(ed)
    note = note.with_signatures([cosigner.cosign(note.text, 1_793_408_400)])
    opened = open_checkpoint(note.encode(), [ed.key], [NoteKey.parse(cosigner.key.vkey)])
    assert [(each.key.name, each.at) for each in opened.signed] == [
        (ORIGIN, None),
        ("witness.example/w1", 1_793_408_400),
    ]
    old = note.signatures[1]
    moved = NoteSignature(old.name, old.key_id, (1_793_408_399).to_bytes(8) + old.value[8:])
    with pytest.raises(NoteError):
        open_checkpoint(Note(note.text, (note.signatures[0], moved)).encode(), [ed.key], [cosigner.key])


def test_an_unknown_signature_is_passed_over_and_a_known_bad_one_refused(ed, p256):
    """Keys may be rotated and witnesses added; but a known key's broken line spoils the note."""
    stranger = Ed25519NoteSigner(ORIGIN, Ed25519Signer.generate())
    assert open_checkpoint(a_note(stranger, ed).encode(), [ed.key]).signed[0].key == ed.key
    with pytest.raises(NoteError, match="no key"):
        open_checkpoint(a_note(stranger).encode(), [ed.key])
    broken = NoteSignature(ORIGIN, p256.key.key_id, b"\x30\x06\x02\x01\x01\x02\x01\x01")
    spoilt = a_note(ed).with_signatures([broken])
    with pytest.raises(NoteError, match="does not hold"):
        open_checkpoint(spoilt.encode(), [ed.key, p256.key])


def test_a_checkpoint_under_another_origin_is_refused():
    """The key's name is the log's: the same key for a second log proves nothing here."""
    signer = Ed25519NoteSigner("other.example/log", Ed25519Signer.generate())
    with pytest.raises(NoteError, match="another log"):
        open_checkpoint(a_note(signer).encode(), [signer.key])


@pytest.mark.parametrize(
    "text",
    [
        "", "no signatures\n", "text\n\n", "text\n\n— name\n", "text\n\n— name AAAA\n", "text\n\n- name AAAAAAAAAAA=\n",
        "text\n\n— na+me AAAAAAAAAAA=\n", "text\n\n— name AAAAAAAAAAB=\n", "te\txt\n\n— name AAAAAAAAAAA=\n",
        "text\n\n— name AAAAAAAAAAA=", b"\xff\n\n\xe2\x80\x94 name AAAAAAAAAAA=\n", "x" * 70_000,
    ],
)  # fmt: skip
def test_a_malformed_note_is_refused(text):
    """Every departure from the form of signed-note."""
    with pytest.raises(NoteError):
        parse_note(text)


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n", "o\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "o\n-1\nAAAA\n", "o\n1\nAAAA\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nmore\n",
        "o\n١\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    ],
)  # fmt: skip
def test_a_malformed_checkpoint_is_refused(text):
    """Sizes and roots have one spelling; nothing follows them."""
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


@pytest.mark.parametrize("kind", [0, 3, 5, 6, 255])
def test_a_key_of_an_unknown_kind_is_refused(kind):
    """So is one whose id is another's."""
    data = base64.b64encode(bytes([kind]) + bytes(32)).decode()
    with pytest.raises(NoteError):
        NoteKey.parse(f"name+00000000+{data}")
    with pytest.raises(NoteError):
        NoteKey.parse(EXAMPLE_KEY.replace("530d903a", "530d903b"))
    with pytest.raises(NoteError):
        NoteKey("with space", KeyKind.ED25519, bytes(32))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_note_or_refused(data):
    """Nothing but NoteError leaves the parser, and what is read is written the same."""
    try:
        note = parse_note(data)
    except NoteError:
        return
    assert note.encode().encode() == data
