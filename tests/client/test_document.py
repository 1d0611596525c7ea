"""The client is held to the OpenAPI document, both ways: what was written from it, and what a call may and must say."""

import copy
import inspect
import re

import pytest
from yunju_client import Client, errors

from tools.client_calls import LEFT_OUT, PACKAGE, Document, calls_text, name_of, shapes_text, written


def test_the_clients_calls_and_shapes_are_those_of_the_document(document):
    """Each call, member and default; when the document moves, `python -m tools.client_calls` writes them anew."""
    for name, text in written(document).items():
        stands = (PACKAGE / name).read_text(encoding="utf-8")
        assert stands == text, f"{name} is behind the document: python -m tools.client_calls"


def moved_call(found):
    """A call under another path."""
    found["paths"]["/v1/checkins"] = found["paths"].pop("/v1/check-ins")


def moved_method(found):
    """A call by another method."""
    part = found["paths"]["/v1/bookings/{booking}"]
    part["put"] = part.pop("patch")


def new_call(found):
    """A call that integrators did not have."""
    found["paths"]["/v1/fresh"] = {"get": copy.deepcopy(found["paths"]["/v1/bookings/missed"]["get"])}


def lost_member(found):
    """A member that a body no longer has."""
    del found["components"]["schemas"]["CheckInRequest"]["properties"]["companions"]


def needed_member(found):
    """A member that has to be sent from now on."""
    found["components"]["schemas"]["VoidRequest"]["required"].append("note")


def other_type(found):
    """A member of an answer that is told otherwise."""
    found["components"]["schemas"]["QuotaLeft"]["properties"]["remaining"] = {"type": "string"}


def new_value(found):
    """A word that an answer had not said before."""
    found["components"]["schemas"]["RecordAnswer"]["properties"]["status"]["enum"].append("lost")


def needed_parameter(found):
    """A parameter of the address that has to be sent."""
    for one in found["paths"]["/v1/bookings"]["get"]["parameters"]:
        one["required"] = True


def no_operation(found):
    """A writing call that loses its operation id."""
    part = found["paths"]["/v1/check-ins"]["post"]
    part["parameters"] = [one for one in part["parameters"] if one["name"] != "Idempotency-Key"]


def open_to_all(found):
    """A call that needs no credential any more."""
    found["paths"]["/v1/check-ins"]["post"]["security"] = []


MOVES = [
    moved_call, moved_method, new_call, lost_member, needed_member, other_type, new_value, needed_parameter,
    no_operation, open_to_all,
]  # fmt: skip


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_whatever_moves_in_the_document_is_seen(document, move):
    """The comparison can fail: each kind of change of the document makes other files."""
    changed = copy.deepcopy(document)
    move(changed)
    now, then = Document(document), Document(changed)
    assert (calls_text(then), shapes_text(then)) != (calls_text(now), shapes_text(now))


def test_every_call_for_integrators_and_devices_is_a_method_or_left_out_with_a_reason(document):
    """No beginning of a path is left out that leads nowhere, and each call has a method of its own name."""
    calls = list(Document(document).calls())
    assert len(calls) > 40
    names = [name_of(one.told) for one in calls]
    assert len(set(names)) == len(names)
    assert [name for name in names if not any(hasattr(Client, one) for one in (name, f"{name}_file"))] == []
    assert [place for place in LEFT_OUT if not any(path.startswith(place) for path in document["paths"])] == []
    unsigned = {"device", "integrator"}
    for path, methods in document["paths"].items():
        for told in methods.values():
            left = path.startswith(tuple(LEFT_OUT))
            ours = any(path == one.path and told is one.told for one in calls)
            private = bool(told["security"]) and not unsigned & {name for one in told["security"] for name in one}
            assert ours != (left or private), path


def test_every_writing_call_takes_an_operation_id(document):
    """An argument `operation` where the document names the header, and nowhere else."""
    for one in Document(document).calls():
        method = getattr(Client, name_of(one.told), None)
        named = any(part["name"] == "Idempotency-Key" for part in one.told["parameters"])
        if method is not None:
            assert ("operation" in inspect.signature(method).parameters) is named, one.path


def test_every_code_with_a_type_of_its_own_is_one_that_the_server_knows(document):
    """A code that the server never says would be an error that nobody meets."""
    told = set(re.findall(r"`([a-z-]+)`:", str(document["paths"])))
    assert set(errors.BY_CODE) <= told
