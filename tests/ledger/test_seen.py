"""The memory of acknowledged entries beside the server: across processes, restarts, and a disk that fails."""

from __future__ import annotations

import pytest

from ledger import leaf
from ledger.redis.seen import AcknowledgedEntry, Loss, Seen
from ledger.values import LedgerError

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))


def test_the_latest_mark_of_all_processes_stays(tmp_path):
    """Whoever writes later with less does not take it back."""
    first, second = Seen(tmp_path / "seen"), Seen(tmp_path / "seen")
    first.note(7, 5, ONE)
    second.note(7, 3, TWO)
    second.note(8, 1, THREE)
    fresh = Seen(tmp_path / "seen")
    marks = fresh.all()
    assert (marks[7], marks[8], marks[9]) == (
        AcknowledgedEntry(5, ONE),
        AcknowledgedEntry(1, THREE),
        AcknowledgedEntry(),
    )
    for seen in (first, second, fresh):
        seen.close()


def test_the_file_is_its_owners_alone(tmp_path):
    """Mode 0600, in a folder that is made."""
    seen = Seen(tmp_path / "var" / "seen")
    seen.note(0, 1, ONE)
    assert (tmp_path / "var" / "seen").stat().st_mode & 0o777 == 0o600
    seen.close()


def test_a_loss_is_told_until_somebody_settles_it(tmp_path):
    """The partition begins anew at the head that is there; the loss stands in a file of its own."""
    seen = Seen(tmp_path / "seen")
    seen.note(7, 5, ONE)
    seen.report(Loss(7, 4, 5, replaced=False, noticed_at="2026-10-31T01:00:00Z"), AcknowledgedEntry(3, TWO))
    assert seen.get(7) == AcknowledgedEntry(3, TWO)
    seen.close()
    later = Seen(tmp_path / "seen")
    assert later.all()[7] == AcknowledgedEntry(3, TWO)
    (loss,) = later.losses()
    assert "07-000004 to 07-000005 was acknowledged, and the log does not hold it" in loss.fault().message
    later.close()


@pytest.mark.parametrize(("first", "said"), [(5, "07-000005 was"), (4, "07-000004 to 07-000005 was")])
def test_a_loss_names_its_entries(first, said):
    """One, or the first and the last."""
    loss = Loss(7, first, 5, replaced=True, noticed_at="now")
    assert loss.fault().message.startswith(said)
    assert loss.fault().place == leaf.entry_id(7, 5)


def test_a_file_that_cannot_be_written_refuses_no_visitor(tmp_path):
    """The mark stays in memory; at the next start it is said aloud."""
    (tmp_path / "seen").mkdir()
    seen = Seen(tmp_path / "seen")
    seen.note(7, 5, ONE)
    assert seen.get(7) == AcknowledgedEntry(5, ONE)
    with pytest.raises(LedgerError, match="cannot be read"):
        seen.all()
    seen.close()


def test_without_a_file_the_process_remembers_for_itself():
    """As long as it runs."""
    seen = Seen(None)
    seen.note(7, 5, ONE)
    seen.report(Loss(7, 5, 5, replaced=False, noticed_at="now"), AcknowledgedEntry())
    assert [loss.last for loss in seen.losses()] == [5]
    assert seen.all()[7] == AcknowledgedEntry()
    seen.close()
