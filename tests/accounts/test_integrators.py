"""Integrators: a bearer token that is limited to points and actions, can be revoked, and expires."""

from datetime import timedelta

import pytest

from accounts.integrators import UnknownIntegrator
from accounts.rights import Right
from tests.accounts.builders import ADMIN, NOON, Ground, code_of, new_store


def test_an_integrator_is_known_by_its_token(ground):
    """With the rights it was given, point by point."""
    grant = {"hosp-2": frozenset({Right.CHECK_IN}), "hosp-3": frozenset({Right.CHECK_IN, Right.VOID})}
    made, token = ground.integrator(grant)
    assert ground.bearer(token).json == {
        "kind": "integrator",
        "id": made.id,
        "rights": {"hosp-2": ["check-in"], "hosp-3": ["check-in", "void"]},
        "point": None,
        "operator": None,
    }
    assert ground.bearer(token, "/v1/may/void/hosp-3").status_code == 200
    assert code_of(ground.bearer(token, "/v1/may/void/hosp-2")) == "not-permitted"
    assert code_of(ground.bearer(token, "/v1/may/check-in/gym")) == "not-permitted"


def test_an_integrator_never_overrides(ground):
    """Rights that need an operator are not in force for a server, whatever it was given."""
    _, token = ground.integrator({"gym": frozenset(Right)})
    assert code_of(ground.bearer(token, "/v1/may/override/gym")) == "not-permitted"
    assert code_of(ground.bearer(token, "/v1/may/void-any/gym")) == "not-permitted"


def test_a_token_ends_with_its_term(ground):
    """To the second, also while it is remembered."""
    _, token = ground.integrator(lives=timedelta(seconds=3))
    assert ground.bearer(token).status_code == 200
    ground.clock.advance(timedelta(seconds=3))
    assert code_of(ground.bearer(token)) == "bad-token"


def test_a_token_revoked_elsewhere_is_dead_within_five_seconds(tmp_path):
    """Four seconds later it may still be remembered; five seconds later it is not."""
    here, elsewhere = new_store(tmp_path), new_store(tmp_path)
    ground = Ground(here)
    made, token = ground.integrator()
    assert ground.bearer(token).status_code == 200
    elsewhere.integrators.revoke(made.id, by=ADMIN, at=NOON)
    ground.clock.advance(timedelta(seconds=5))
    assert code_of(ground.bearer(token)) == "bad-token"
    with pytest.raises(UnknownIntegrator):
        elsewhere.integrators.revoke(made.id, by=ADMIN, at=NOON)
    here.close()
    elsewhere.close()


def test_a_token_revoked_here_is_dead_at_once(ground):
    """This process forgets what it remembered."""
    made, token = ground.integrator()
    assert ground.bearer(token).status_code == 200
    ground.store.integrators.revoke(made.id, by=ADMIN, at=NOON)
    assert code_of(ground.bearer(token)) == "bad-token"


@pytest.mark.parametrize("token", ["yj_", "yj_" + "A" * 43, "yp_" + "A" * 43, "yo_" + "A" * 43, "é", "a b", "A" * 9000])
def test_a_token_that_is_nobodys_is_refused(ground, token):
    """One answer for all of them."""
    assert code_of(ground.bearer(token.encode().decode("latin-1"))) == "bad-token"


def test_a_bearer_token_is_no_device_token(ground):
    """An integrator's token under the DPoP scheme opens nothing."""
    device = ground.device()
    _, device.token = ground.integrator()
    assert code_of(device.call()) == "bad-token"


def test_an_integrator_needs_a_right_and_a_term(ground):
    """Empty is invalid."""
    with pytest.raises(ValueError, match="right"):
        ground.integrator({"gym": frozenset()})
    with pytest.raises(ValueError, match="future"):
        ground.integrator(lives=timedelta())


def test_integrators_are_listed_without_their_tokens(ground):
    """The token was told once."""
    _, token = ground.integrator()
    assert token not in repr(ground.store.integrators.list())
