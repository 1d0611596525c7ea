"""Webhooks over a copied accounts store, with a receiver that listens for real."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from accounts.rights import Right
from edge.clock import FixedClock
from edge.settings import load_settings
from hooks.registry import NewHook
from hooks.sending import Sender
from hooks.service import Hooks
from tests.hooks.receiver import Receiver
from tests.ledger.builders import START
from tests.migrated import lay_out

BY = "cli:admin"


@dataclass
class Place:
    """Webhooks of one server, a clock, and whoever sends."""

    hooks: Hooks
    clock: FixedClock
    sender: Sender

    def integrator(self, label: str = "Gym server", **rights: Right) -> str:
        """An integrator's id: with `check-in` at the gym unless rights by point are given."""
        accounts = self.hooks._accounts
        held = {point: frozenset({right}) for point, right in rights.items()} or {"gym": frozenset({Right.CHECK_IN})}
        end = self.clock.now() + timedelta(days=365)
        return accounts.integrators.add(label, held, expires_at=end, by=BY, at=self.clock.now())[0].id

    def hook(self, url: str, *kinds: str, integrator: str | None = None, **more):
        """A webhook and its secret."""
        asked = NewHook(integrator or self.integrator(), url, kinds or ("check_in",), **more)
        return self.hooks.registry.add(asked, by=BY, at=self.clock.now())

    def send(self, rounds: int = 1) -> None:
        """Send what is due, and wait until it is done."""
        for _ in range(rounds):
            self.sender.once()
            self.sender.settle()

    def later(self, **span: float) -> None:
        """Let time pass and send."""
        self.clock.advance(timedelta(**span))
        self.send()

    def find(self, hook):
        """A webhook as it stands."""
        return self.hooks.registry.find(hook.id)


def settings_of(folder: Path, networks: str = "127.0.0.0/8", accounts_url: str | None = None):
    """Settings of a folder."""
    told = {"YUNJU_VAR": str(folder), "YUNJU_SECRET": "s" * 32}
    told |= {} if accounts_url is None else {"YUNJU_ACCOUNTS_URL": accounts_url}
    return load_settings(told | ({"YUNJU_HOOK_NETWORKS": networks} if networks else {}))


def a_place(folder: Path, clock: FixedClock, networks: str = "127.0.0.0/8", **sending) -> Place:
    """Webhooks in a folder."""
    lay_out(folder)
    hooks = Hooks.open(settings_of(folder, networks))
    return Place(hooks, clock, Sender(hooks, clock, **sending))


@pytest.fixture
def clock() -> FixedClock:
    """Stands until moved."""
    return FixedClock(START)


@pytest.fixture
def place(tmp_path, clock):
    """Webhooks that may be sent to this machine."""
    made = a_place(tmp_path, clock)
    yield made
    made.sender.close()
    made.hooks.close()


@pytest.fixture
def receiver():
    """A receiver on a free port."""
    made = Receiver()
    yield made
    made.end()
