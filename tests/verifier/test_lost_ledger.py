"""A ledger file that is gone is never silently made again: every quota would start again."""

import pytest

from audit.tree.place import CheckpointPlace
from edge.settings import load_settings
from keys.notes import Checkpoint
from ledger.values import LedgerUnavailable
from verifier.service import refuse_lost_ledger

NOTE = Checkpoint("yunju.example/log", 7, bytes(32)).text + "\n\u2014 yunju.example/log AAAAAAAA\n"


@pytest.fixture
def settings(tmp_path):
    """The settings of a machine in a folder."""
    return load_settings({"YUNJU_VAR": str(tmp_path)})


def test_a_new_machine_begins(settings):
    """No log yet: an absent file is a beginning."""
    refuse_lost_ledger(settings)


def test_a_log_without_its_ledger_is_refused_with_the_remedy(settings):
    """The checkpoint tells of entries; the message tells what to restore and what to move."""
    CheckpointPlace(settings.log_checkpoint).begin(NOTE, 1_793_408_400)
    with pytest.raises(LedgerUnavailable, match=r"7 entries .* restore it from a backup"):
        refuse_lost_ledger(settings)


def test_a_ledger_that_is_there_is_opened(settings):
    """Nothing is compared here beyond the file's being there; `ledger check` compares the rest."""
    CheckpointPlace(settings.log_checkpoint).begin(NOTE, 1_793_408_400)
    (settings.var / "ledger.db").touch()
    refuse_lost_ledger(settings)
