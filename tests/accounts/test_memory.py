"""What a process remembers is never kept too long, and is always bounded."""

from datetime import timedelta
from threading import Thread

from accounts.memory import LONGEST, ReplayWindow, RowMemory
from tests.accounts.builders import NOON

MINUTE = timedelta(minutes=1)


class Shelf:
    """A store of one row that counts how often it is asked, and a revision."""

    def __init__(self, row="row"):
        self.row = row
        self.asked = 0
        self.revision = 0
        self.memory = RowMemory(lambda: self.revision, most=3)

    def get(self, at=NOON, key="key"):
        return self.memory.get(key, at, self.load)

    def load(self, key):
        self.asked += 1
        return self.row


def test_a_row_is_read_once_in_five_seconds():
    """Then again."""
    shelf = Shelf()
    assert [shelf.get(NOON + timedelta(seconds=second)) for second in range(6)] == ["row"] * 6
    assert shelf.asked == 2
    assert timedelta(seconds=5) == LONGEST


def test_a_row_not_found_is_asked_for_every_time():
    """A device just enrolled by another process is known at once, and unknown tokens fill no memory."""
    shelf = Shelf(row=None)
    assert shelf.get() is shelf.get() is None
    assert shelf.asked == 2


def test_a_change_by_this_process_counts_at_once():
    """The revision makes every row old."""
    shelf = Shelf()
    shelf.get()
    shelf.revision += 1
    shelf.row = "changed"
    assert shelf.get() == "changed"


def test_a_change_while_loading_is_not_missed():
    """A right taken away between the reading and the remembering makes the row old."""
    shelf = Shelf()

    def load(key):
        shelf.revision += 1
        return "old"

    assert shelf.memory.get("key", NOON, load) == "old"
    assert shelf.get() == "row"


def test_a_clock_set_back_believes_nothing():
    """A row from the future might be believed for hours."""
    shelf = Shelf()
    shelf.get(NOON)
    shelf.get(NOON - timedelta(hours=1))
    assert shelf.asked == 2


def test_memory_of_rows_is_bounded():
    """However many tokens there are."""
    shelf = Shelf()
    for number in range(50):
        shelf.get(key=str(number))
    assert len(shelf.memory._rows) <= 3


def test_a_proof_is_new_once_until_it_expires():
    """Up to its last instant; afterwards the clock refuses it."""
    window = ReplayWindow()
    assert window.first("d", "j", NOON + MINUTE, NOON)
    assert not window.first("d", "j", NOON + MINUTE, NOON + MINUTE)


def test_expired_proofs_are_forgotten():
    """So that the memory follows the load, not the uptime."""
    window = ReplayWindow()
    for number in range(100):
        at = NOON + number * MINUTE
        window.first("d", str(number), at + MINUTE, at)
    assert len(window._seen) <= 2


def test_memory_of_proofs_is_bounded():
    """Beyond the bound the oldest goes; the newest stay refused."""
    window = ReplayWindow(most=10)
    for number in range(50):
        assert window.first("d", str(number), NOON + MINUTE, NOON)
    assert len(window._seen) == 10
    assert not window.first("d", "49", NOON + MINUTE, NOON)


def test_one_proof_from_many_threads_is_new_once():
    """Claiming is one step."""
    window, firsts = ReplayWindow(), []
    threads = [Thread(target=lambda: firsts.append(window.first("d", "j", NOON + MINUTE, NOON))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert firsts.count(True) == 1
