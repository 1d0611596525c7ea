"""What the log's tests share: a sync to the disk is counted and not waited for."""

import os

import pytest


@pytest.fixture(autouse=True)
def synced(monkeypatch, request):
    """The number of syncs so far."""
    count = [0]

    def counted(handle):
        count[0] += 1

    monkeypatch.setattr(os, "fsync", counted)
    return count
