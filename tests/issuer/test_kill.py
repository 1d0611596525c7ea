"""The issuer is killed at any moment: the folder stays whole, the register stays, the next start repairs."""

import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cards.status import Status
from issuer.issuing.issuing import list_cards
from issuer.publishing.publish import publish
from issuer.register.tables import STATUS_INDEXES, CardState, IndexState
from tests.issuer.builders import NOON, ROOT, make_desk, published_list, published_status

WORK = """
import sys
from datetime import timedelta
from pathlib import Path
from issuer.lifecycle import revoke
from tests.issuer.builders import BY, NOON, make_desk, person, print_card

desk = make_desk(Path(sys.argv[1]), ready=False)
for step in range(1000):
    at = NOON + timedelta(seconds=step)
    holder = person(desk, number=None, at=at)
    card = print_card(desk, holder, at=at)
    print(f"issued {card.id}", flush=True)
    if step % 2:
        revoke(desk, card.id, because="lost", by=BY, at=at)
        print(f"revoked {card.id}", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.05, 0.21, 0.48])
def test_a_killed_office_keeps_what_it_said_and_repairs(tmp_path, ready_office, after):
    """Kill -9 in the middle of issuing: every answer given is in the register, and the folder verifies throughout."""
    shutil.copytree(ready_office, tmp_path, dirs_exist_ok=True)
    working = subprocess.Popen([sys.executable, "-c", WORK, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    first = working.stdout.readline()
    time.sleep(after)
    working.send_signal(signal.SIGKILL)
    said = [line.split() for line in [first, *working.stdout.read().splitlines()] if line.strip()]
    working.wait()
    working.stdout.close()
    at = NOON + timedelta(minutes=20)
    desk = make_desk(tmp_path, ready=False)
    assert published_list(desk, at=at)
    cards = {card.id: card for card in list_cards(desk, limit=10_000)}
    for word, card_id in said:
        assert card_id in cards
        if word == "revoked":
            assert cards[card_id].state is CardState.REVOKED
    publish(desk, at)
    for card in cards.values():
        shown = Status.VALID if card.state is CardState.VALID else Status.REVOKED
        assert published_status(desk, card, at=at) is shown
    with desk.register.read() as connection:
        taken = STATUS_INDEXES.c.state == IndexState.ASSIGNED
        owners = connection.execute(sa.select(STATUS_INDEXES.c.card_id).where(taken))
        assert {owner for (owner,) in owners} == set(cards)
    desk.close()
