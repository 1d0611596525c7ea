"""The place of the checkpoint: what replaces it must have seen exactly what it replaces."""

from __future__ import annotations

import threading

import pytest

from audit.tree.place import CheckpointPlace, LostSwap, PlaceError


@pytest.fixture
def place(tmp_path):
    """A place that was never used."""
    return CheckpointPlace(tmp_path / "checkpoint" / "place.json")


def test_a_checkpoint_that_was_replaced_meanwhile_is_never_replaced_again(place):
    """Two writers of one epoch saw the same checkpoint: the second loses, and the first one's word stays."""
    seen = place.begin("first", 1)
    published = place.publish(seen, "second", 2)
    assert published.epoch == seen.epoch
    with pytest.raises(LostSwap):
        place.publish(seen, "another second", 3)
    assert place.read() == published


def test_a_leader_of_an_epoch_before_replaces_nothing(place):
    """Though the checkpoint that it saw still stands there."""
    seen = place.begin("first", 1)
    taken = place.take()
    assert (taken.epoch, taken.checkpoint) == (seen.epoch + 1, seen.checkpoint)
    with pytest.raises(LostSwap):
        place.publish(seen, "second", 2)
    assert place.publish(taken, "second", 2).checkpoint == "second"


def test_of_many_that_replace_one_checkpoint_at_once_a_single_one_does(place):
    """The swap is one step for every thread and process."""
    seen, won, lost = place.begin("first", 1), [], []

    def publish(number: int) -> None:
        try:
            won.append(place.publish(seen, f"second-{number}", 2))
        except LostSwap:
            lost.append(number)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert place.read() == won[0]


def test_a_place_is_begun_once_and_taken_only_when_it_was(place):
    """A second first checkpoint would be a second history."""
    with pytest.raises(PlaceError):
        place.take()
    place.begin("first", 1)
    with pytest.raises(LostSwap):
        place.begin("another first", 2)
