"""The file of the register: what it holds in clear text, what cannot be moved or altered, what can only be appended."""

import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from edge.sealing import Unsealable
from issuer.register import office_log
from issuer.register.database import Register
from issuer.register.errors import RefusedError
from issuer.register.holders import find_holder, photo_of, set_photo
from issuer.register.office_log import OfficeAction
from issuer.register.tables import HOLDERS, OFFICE_LOG
from tests.issuer.builders import BY, NOON, SECRET, person, photo, print_card


def bytes_of(folder: Path) -> bytes:
    """Return everything that the register's files hold."""
    return b"".join(path.read_bytes() for path in folder.glob("register.db*"))


def test_no_personal_detail_stands_in_the_file(desk, tmp_path):
    """A stolen file shows no full name, ID, telephone, note, photo or token."""
    holder = person(desk, "欧阳明华", number="11010519491231002X", note="PROOF-NOTE")
    set_photo(desk, holder.id, photo(), by=BY, at=NOON)
    card = print_card(desk, holder)
    desk.register.close()
    content = bytes_of(tmp_path)
    assert "欧**华".encode() in content
    hidden = ["欧阳明华", "11010519491231002X", "02012345678", "PROOF-NOTE", card.token, "JFIF"]
    for secret in hidden:
        assert secret.encode() not in content


def test_the_file_is_its_owners_alone(desk, tmp_path):
    """Mode 0600 from the first byte."""
    assert stat.S_IMODE((tmp_path / "register.db").stat().st_mode) == 0o600


def test_a_sealed_value_cannot_be_moved_to_another_holder(desk):
    """Swapping two holders' sealed names is noticed, not shown."""
    one, two = person(desk, "张启明"), person(desk, "王芸")
    with desk.register.change() as connection:
        name = connection.execute(sa.select(HOLDERS.c.name).where(HOLDERS.c.id == one.id)).scalar_one()
        connection.execute(HOLDERS.update().where(HOLDERS.c.id == two.id).values(name=name))
    assert find_holder(desk, one.id).name == "张启明"
    with pytest.raises(Unsealable):
        find_holder(desk, two.id)


def test_another_secret_is_refused_at_once(desk, tmp_path):
    """With the wrong secret no duplicate could be found: the register does not open at all."""
    with pytest.raises(RefusedError, match="another secret"):
        Register.open(f"sqlite:///{tmp_path}/register.db", SECRET + b"!")


def test_the_photo_comes_back_as_it_was_kept(desk):
    """Sealed and opened again; the second photo replaces the first."""
    holder = person(desk)
    assert photo_of(desk, holder.id) is None
    set_photo(desk, holder.id, photo(), by=BY, at=NOON)
    set_photo(desk, holder.id, photo(mode="L"), by=BY, at=NOON)
    assert photo_of(desk, holder.id).startswith(b"\xff\xd8\xff")
    assert find_holder(desk, holder.id).has_photo


@pytest.mark.parametrize(
    "change", [OFFICE_LOG.delete(), OFFICE_LOG.update().values(actor="nobody"), OFFICE_LOG.delete().where(sa.false())]
)
def test_the_office_log_is_append_only(desk, change):
    """Not even this program can alter or remove a line."""
    person(desk)
    with desk.register.read() as connection:
        before = office_log.newest(connection, 100)
    if change.whereclause is not None:  # a statement that touches no row is no harm
        with desk.register.change() as connection:
            connection.execute(change)
    else:
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), desk.register.change() as connection:
            connection.execute(change)
    with desk.register.read() as connection:
        assert office_log.newest(connection, 100) == before


def test_the_office_log_tells_who_what_whom_when_and_no_names(desk):
    """Ids and codes alone; one line a change."""
    holder = person(desk, "欧阳明华", number="11010519491231002X", note="PROOF-NOTE")
    card = print_card(desk, holder)
    with desk.register.read() as connection:
        lines = office_log.newest(connection, 10, holder=holder.id)
    assert [line.action for line in lines] == [
        OfficeAction.CARD_ISSUED,
        OfficeAction.GROUND_ADDED,
        OfficeAction.HOLDER_ADDED,
    ]
    assert {(line.actor, line.at) for line in lines} == {(BY, NOON)}
    assert lines[0].card_id == card.id
    for hidden in ("欧", "1101", "PROOF", "BY1", card.number):
        assert hidden not in str(lines)


def test_a_change_that_fails_leaves_no_line(desk):
    """The line is part of the transaction of its change."""
    with desk.register.read() as connection:
        before = office_log.newest(connection, 100)

    def failing():
        with desk.register.change() as connection:
            office_log.append(connection, OfficeAction.HOLDER_ADDED, by=BY, at=NOON)
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError):
        failing()
    with desk.register.read() as connection:
        assert office_log.newest(connection, 100) == before
