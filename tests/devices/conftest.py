"""A laboratory for each worker, a world for each test."""

import os
import tempfile
from pathlib import Path

import pytest

from tests.devices import lab as laboratory
from tests.devices.builders import counter as built_counter
from tests.waiting import until


def pytest_collection_modifyitems(items):
    """What needs the laboratory starts processes and waits for a daemon that polls: left out by `make check`."""
    for item in items:
        if "running_lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def running_lab():
    """A real pcscd with two virtual slots; its socket is named once, since libpcsclite remembers it."""
    lacks = laboratory.missing()
    if lacks:
        pytest.skip(lacks)
    pytest.importorskip("smartcard", reason="pyscard is missing: make setup-test")
    lab = laboratory.Lab(Path(tempfile.mkdtemp(prefix="yunju-lab-")))
    os.environ["PCSCLITE_CSOCK_NAME"] = lab.socket
    yield lab
    lab.close()


@pytest.fixture
def lab(running_lab):
    """The laboratory with empty slots."""
    yield running_lab
    for slot, reader in enumerate(laboratory.READERS):
        running_lab.remove(slot)
        until(lambda reader=reader: not laboratory.present(reader))


@pytest.fixture
def counter(world, tmp_path, monkeypatch):
    """An agent's desk at the gym, enrolled at the world's verifier."""
    return built_counter(world, tmp_path / "agent", monkeypatch)
