"""A file in pieces: it goes on after a break, belongs to one applicant, is bounded, stored sealed, and swept."""

import os
from datetime import timedelta
from hashlib import sha256

import pytest
import sqlalchemy as sa

from issuer.applications import drafts, erasing, service, uploads
from issuer.applications.records import find
from issuer.applications.uploads import PIECE, BadUpload, Target
from issuer.register.application_tables import APPLICATION_UPLOADS
from issuer.register.errors import RefusedError
from tests.issuer.applying import approved, filled, handed_in
from tests.issuer.applying import begun as begun_by
from tests.issuer.builders import BY, NOON

DAY = timedelta(days=1)
DATA = bytes(range(256)) * 1024 * 2 + b"the last piece is short"


def hashed(data):
    """The SHA-256 that a sender announces."""
    return sha256(data).hexdigest()


def target(desk, key="degree", **told):
    """A paper of an application that is being filled in."""
    return Target(begun_by(desk, **told).id, key)


def begun(desk, to, data=DATA, *, at=NOON):
    """Announce a file."""
    return uploads.begin(desk, to, len(data), hashed(data), at=at)


def send(desk, to, upload, data=DATA, *, until=None, at=NOON):
    """Send the pieces that are missing, or as many bytes as `until`; return what arrived."""
    found = upload
    while found.received < (until or len(data)):
        piece = data[found.received : found.received + PIECE]
        found = uploads.add_piece(desk, to, upload.id, found.received, piece, at=at)
    return found


def staged(desk):
    """Every file on the way, as it lies on the disk."""
    return [path for path in (desk.attachments / "staged").rglob("*") if path.is_file()]


def why_not(work, *told, **named):
    """Why something is not taken, and where the file would go on."""
    with pytest.raises(BadUpload) as caught:
        work(*told, **named)
    return caught.value.code, caught.value.offset


def test_a_file_goes_on_after_a_break_where_it_was(desk):
    """Announced again, the same file has its offset; the bytes come together in order; once dropped nothing is left."""
    to = target(desk)
    first = send(desk, to, begun(desk, to), until=PIECE)
    assert uploads.on_the_way(desk, to.application_id) == {"degree": first}
    again = begun(desk, to, at=NOON + timedelta(hours=2))
    assert (again.id, again.received) == (first.id, PIECE)
    assert why_not(uploads.whole, desk, to, again.id) == ("incomplete", PIECE)
    send(desk, to, again)
    assert uploads.whole(desk, to, again.id) == DATA
    uploads.drop(desk, to, again.id)
    assert staged(desk) == []
    assert uploads.on_the_way(desk, to.application_id) == {}


@pytest.mark.parametrize("offset", [0, PIECE - 1, PIECE + 1, 2 * PIECE, len(DATA), -1])
def test_a_piece_at_a_wrong_offset_is_refused_with_the_right_one(desk, offset):
    """Sent twice, left out, or beyond the end: nothing is kept of it, and the answer says where to go on."""
    to = target(desk)
    found = send(desk, to, begun(desk, to), until=PIECE)
    assert why_not(uploads.add_piece, desk, to, found.id, offset, DATA[:PIECE], at=NOON) == ("offset", PIECE)
    assert len(staged(desk)) == 1
    send(desk, to, found)
    assert uploads.whole(desk, to, found.id) == DATA


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE + 1])
def test_a_piece_of_another_length_is_refused(desk, length):
    """Tiny pieces would make countless files of one, and large ones would want memory."""
    to = target(desk)
    found = begun(desk, to)
    assert why_not(uploads.add_piece, desk, to, found.id, 0, bytes(length), at=NOON) == ("length", 0)
    assert staged(desk) == []


def test_nothing_arrives_beyond_the_size_that_was_announced(desk):
    """After the last piece no further byte is taken."""
    to = target(desk)
    found = send(desk, to, begun(desk, to))
    assert why_not(uploads.add_piece, desk, to, found.id, len(DATA), b"more", at=NOON) == ("length", len(DATA))


def test_another_applicants_upload_is_nobodys(desk):
    """Whoever learns an upload's id reaches nothing by it: neither pieces nor the file, and drops nothing."""
    mine, other = target(desk), target(desk)
    found = send(desk, mine, begun(desk, mine))
    assert why_not(uploads.whole, desk, other, found.id) == ("no-upload", None)
    assert why_not(uploads.add_piece, desk, other, found.id, len(DATA), b"x", at=NOON) == ("no-upload", None)
    uploads.drop(desk, other, found.id)
    assert begun(desk, other).received == 0
    assert uploads.whole(desk, mine, found.id) == DATA


def test_an_upload_belongs_to_its_paper(desk):
    """What came as a degree does not become a photo."""
    to = target(desk)
    found = send(desk, to, begun(desk, to))
    assert why_not(uploads.whole, desk, Target(to.application_id, "photo"), found.id) == ("no-upload", None)


@pytest.mark.parametrize(
    ("size", "digest", "code"),
    [
        (0, hashed(b""), "empty"),
        (-1, hashed(b""), "empty"),
        (2 << 30, hashed(DATA), "too-large"),
        (10_000_001, hashed(DATA), "too-large"),
        (len(DATA), "", "malformed"),
        (len(DATA), hashed(DATA).upper(), "malformed"),
        (len(DATA), "../" * 21 + "x", "malformed"),
    ],
)
def test_what_cannot_become_a_paper_is_refused_before_its_first_byte(desk, size, digest, code):
    """Too large (two gigabytes), empty, or announced without its hash."""
    assert desk.programme.applying.file_most_bytes == 10_000_000
    assert why_not(uploads.begin, desk, target(desk), size, digest, at=NOON) == (code, None)


def test_content_that_was_swapped_on_the_way_is_refused_and_forgotten(desk):
    """The pieces of another file, under the first one's announcement: the hash says so."""
    to = target(desk)
    found = send(desk, to, begun(desk, to), data=bytes(len(DATA)))
    assert why_not(uploads.whole, desk, to, found.id) == ("swapped", None)
    assert staged(desk) == []
    assert begun(desk, to).received == 0


@pytest.mark.parametrize("how", ["altered", "exchanged", "gone"])
def test_pieces_that_were_changed_on_the_disk_are_refused(desk, how):
    """A writer of the folder can spoil an upload, and can put nothing into it."""
    to = target(desk)
    found = send(desk, to, begun(desk, to))
    first, second = sorted(staged(desk), key=os.path.getsize)[-2:]
    if how == "altered":
        first.write_bytes(first.read_bytes()[:-1] + b"\0")
    elif how == "exchanged":
        one, other = first.read_bytes(), second.read_bytes()
        first.write_bytes(other)
        second.write_bytes(one)
    else:
        first.unlink()
    assert why_not(uploads.whole, desk, to, found.id) == ("swapped", None)


def test_pieces_lie_sealed(desk):
    """Neither the folder nor the register shows a byte of a paper, or the hash of one that is known."""
    to = target(desk)
    send(desk, to, begun(desk, to))
    assert len(staged(desk)) == 3
    assert all(DATA[:32] not in path.read_bytes() for path in staged(desk))
    with desk.register.read() as connection:
        (row,) = connection.execute(sa.select(APPLICATION_UPLOADS)).all()
    assert hashed(DATA) not in repr(row)


def test_another_file_of_the_paper_takes_the_place_of_the_first(desk):
    """The applicant chose better: the pieces of the first go."""
    to = target(desk)
    send(desk, to, begun(desk, to), until=PIECE)
    assert begun(desk, to, data=b"another").received == 0
    assert staged(desk) == []


def test_so_many_files_of_one_application_are_on_their_way_at_once(desk):
    """One more takes the place of the one that waited longest."""
    own = begun_by(desk).id
    keys = ["degree", "contract", "identity", "photo"]
    for place, key in enumerate(keys):
        begun(desk, Target(own, key), at=NOON + timedelta(minutes=place))
    assert set(uploads.on_the_way(desk, own)) == set(keys[1:])


def test_all_uploads_together_have_a_bound(desk, monkeypatch):
    """The bound is on what was announced; what waits already goes on."""
    monkeypatch.setattr(uploads, "STAGED_MOST", len(DATA) + 1)
    to = target(desk)
    found = send(desk, to, begun(desk, to), until=PIECE)
    assert why_not(begun, desk, target(desk)) == ("full", None)
    send(desk, to, found)
    uploads.drop(desk, to, found.id)
    begun(desk, target(desk))


def test_what_is_left_on_the_way_is_swept_after_a_day(desk):
    """A day after its last piece an upload goes; so do pieces that no upload names. What goes on stays."""
    left, going = target(desk), target(desk)
    send(desk, left, begun(desk, left), until=PIECE)
    other = send(desk, going, begun(desk, going), until=PIECE, at=NOON + DAY)
    stray = uploads.Attachments(desk.attachments / "staged", desk.register).keep(b"a crash left it")
    assert uploads.sweep(desk, NOON + DAY) == 1
    assert stray not in {path.name for path in staged(desk)}
    assert uploads.sweep(desk, NOON + DAY + timedelta(seconds=1)) == 1
    assert uploads.on_the_way(desk, left.application_id) == {}
    assert why_not(uploads.add_piece, desk, left, "x" * 22, 0, b"x", at=NOON + DAY) == ("no-upload", None)
    assert uploads.on_the_way(desk, going.application_id) == {"degree": other}
    assert drafts.sweep(desk, NOON) == 0


def test_nothing_is_taken_once_the_application_is_handed_in(desk):
    """Not a new file, and not the rest of one."""
    own = handed_in(desk, at=NOON)
    with pytest.raises(RefusedError):
        begun(desk, Target(own, "degree"))
    to = Target(filled(desk), "degree")
    found = send(desk, to, begun(desk, to), until=PIECE)
    service.hand_in(desk, to.application_id, at=NOON, by=service.APPLICANT)
    with pytest.raises(RefusedError):
        uploads.add_piece(desk, to, found.id, PIECE, DATA[PIECE : 2 * PIECE], at=NOON)
    assert len(staged(desk)) == 1


def test_a_piece_that_cannot_be_kept_leaves_nothing(desk, monkeypatch):
    """A full disk: the upload stands where it stood, and goes on afterwards."""
    to = target(desk)
    found = begun(desk, to)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(uploads.Attachments, "keep", full)
        with pytest.raises(OSError, match="No space"):
            uploads.add_piece(desk, to, found.id, 0, DATA[:PIECE], at=NOON)
    assert staged(desk) == []
    assert send(desk, to, found).received == len(DATA)


def test_an_erasure_takes_what_was_on_the_way(desk):
    """Nothing of a person stays, whole or in pieces."""
    known, _ = approved(desk)
    holder = find(desk, known).holder_id
    who = find(desk, known).content
    renewal = begun_by(desk, number=who.id_number, at=NOON + DAY).id
    to = Target(renewal, "degree")
    send(desk, to, begun(desk, to, at=NOON + DAY), until=PIECE, at=NOON + DAY)
    erasing.erase(desk, holder, by=BY, at=NOON + 2 * DAY)
    assert staged(desk) == []
    assert uploads.on_the_way(desk, renewal) == {}
