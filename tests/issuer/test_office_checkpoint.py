"""Checkpoints over the office log: whoever kept one can tell a log that was cut, rewritten or made anew."""

import pytest

from issuer.issuing.lifecycle import suspend
from issuer.publishing.office_checkpoint import compare, note_key, published_checkpoint, signed_checkpoint
from issuer.publishing.publish import publish
from issuer.register import office_log
from issuer.register.errors import RefusedError
from keys.notes import open_checkpoint
from tests.issuer.builders import BY, DAY, NOON, person, print_card


@pytest.fixture
def kept(desk):
    """A checkpoint that an auditor kept, of a log that went on afterwards."""
    card = print_card(desk, person(desk))
    publish(desk, NOON)
    text = published_checkpoint(desk)
    suspend(desk, card.id, because="lost", by=BY, at=NOON)
    return text


def standing(desk, text):
    """Whether the log fits a checkpoint."""
    with desk.register.read() as connection:
        return compare(desk, connection, text).fits


def altered(desk, *statements):
    """Change the log as somebody with the database's file can, the chain computed anew over it."""
    with desk.register.change() as connection:
        for table in ("office_log", "office_chain"):
            for verb in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER {table}_no_{verb}")
        for statement in statements:
            connection.exec_driver_sql(statement)
        lines = list(office_log._linked_lines(connection))
        connection.exec_driver_sql("DELETE FROM office_chain")
        link = office_log.FIRST_LINK
        for line, _ in lines:
            link = office_log.link_of(link, line["seq"], line)
            connection.execute(office_log.OFFICE_CHAIN.insert().values(seq=line["seq"], link=link))


def test_a_checkpoint_is_published_and_holds_while_the_log_grows(desk, kept):
    """Signed by the office's note key, over the last line's number and link; a longer log still fits it."""
    found = open_checkpoint(kept, [note_key(desk)]).checkpoint
    with desk.register.read() as connection:
        assert 0 < found.size < office_log.chain_end(connection).last
    assert standing(desk, kept)
    publish(desk, NOON + DAY)
    assert published_checkpoint(desk) != kept
    assert standing(desk, published_checkpoint(desk))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE office_log SET actor = 'person:nobody' WHERE seq = 1",
        "DELETE FROM office_log WHERE seq = 2",
        "DELETE FROM office_log WHERE seq > 2",
    ],
)
def test_a_log_that_was_rewritten_with_its_chain_does_not_fit_what_was_kept(desk, kept, statement):
    """The chain alone holds again, since whoever can write the file can compute it; the kept checkpoint tells."""
    altered(desk, statement)
    with desk.register.read() as connection:
        assert office_log.check_chain(connection).broken_at is None
    assert not standing(desk, kept)


def test_a_checkpoint_of_somebody_else_proves_nothing(desk, kept):
    """Another signature, another text, no note: refused, never taken as fitting."""
    lines = kept.splitlines(keepends=True)
    for text in ("", "x", kept.replace(lines[1], "1\n"), kept[:-6] + "AAAA=\n"):
        with pytest.raises(RefusedError):
            standing(desk, text)


def test_an_empty_log_has_a_checkpoint_too(desk):
    """Nothing yet is a statement like any other: whatever comes later fits it."""
    with desk.register.read() as connection:
        text = signed_checkpoint(desk, connection)
    person(desk)
    assert standing(desk, text)
