"""Keys of other servers: offered by a counter server, compared, admitted by the issuer, listed until dismissed."""

import json

import pytest
from click.testing import CliRunner

from edge.clock import FixedClock
from edge.strictjson import dumps
from keys.__main__ import main
from keys.admitted import read_offer, write_offer
from keys.errors import BadKey
from keys.keyset import Purpose, VerificationKey
from keys.store import KeyStore, StoreError
from tests.keys.builders import AT, DAY, signer


def offered(purpose=Purpose.RECEIPT, name="counter", days=30):
    """Return a key as a counter server offers it."""
    return VerificationKey.of(signer(name).public_key, purpose, AT, AT + days * DAY)


@pytest.fixture
def servers(tmp_path):
    """Return a function that runs one `python -m keys` line at the server of this name."""

    def run(server, *words, code=0):
        line = ["--folder", str(tmp_path / server), *words]
        result = CliRunner().invoke(main, line, obj=FixedClock(AT))
        assert result.exit_code == code, result.output
        return result

    return run


def test_a_counters_key_is_offered_compared_and_admitted(servers, tmp_path):
    """The two command lines, as two operators type them while they speak on the telephone."""
    servers("counter", "generate", "receipt")
    told = servers("counter", "offer", "receipt")
    kid = told.stderr.split()[-1]
    (tmp_path / "offer.json").write_text(told.stdout)
    assert "private" not in told.stdout
    assert kid in servers("issuer", "admit", str(tmp_path / "offer.json"), "--kid", kid).stdout
    assert [key.kid for key in KeyStore(tmp_path / "issuer").published(AT)] == [kid]
    assert "admitted" in servers("issuer", "list").stdout
    assert json.loads(servers("issuer", "list", "--json").stdout)[0]["now"] == "admitted"
    servers("issuer", "dismiss", kid)
    assert KeyStore(tmp_path / "issuer").published(AT) == ()


def test_an_offer_changed_on_the_way_is_refused(servers, tmp_path):
    """The id read out on the telephone is not the file's: somebody put another key in."""
    servers("counter", "generate", "receipt")
    kid = servers("counter", "offer", "receipt").stderr.split()[-1]
    (tmp_path / "offer.json").write_bytes(write_offer(offered(name="thief")))
    result = servers("issuer", "admit", str(tmp_path / "offer.json"), "--kid", kid, code=1)
    assert "error: the file holds the key" in result.stderr
    assert KeyStore(tmp_path / "issuer").published(AT) == ()


@pytest.mark.parametrize("purpose", [Purpose.ROOT, Purpose.CARD, Purpose.STATUS])
def test_another_server_may_not_sign_what_is_the_issuers_own(purpose):
    """A counter server that offers a card key would mint cards."""
    with pytest.raises(BadKey, match="the issuer's own"):
        read_offer(dumps(offered(purpose).to_json()))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"kid": 1}', b"{" * 200])
def test_what_is_no_offer_is_refused(servers, tmp_path, data):
    """A wrong file ends in two lines, never in a trace."""
    (tmp_path / "offer.json").write_bytes(data)
    result = servers("issuer", "admit", str(tmp_path / "offer.json"), "--kid", "x" * 43, code=1)
    assert result.stderr.startswith("error: ")


def test_a_key_is_admitted_once_and_dismissed_once(tmp_path):
    """Doing it again says what is the case."""
    store, key = KeyStore(tmp_path / "keys"), offered()
    store.admitted.admit(key)
    with pytest.raises(StoreError, match="admitted already"):
        store.admitted.admit(key)
    store.admitted.dismiss(key.kid)
    with pytest.raises(StoreError, match="no key of this id was admitted"):
        store.admitted.dismiss(key.kid)


def test_an_admitted_key_leaves_the_bundle_when_it_is_over(tmp_path):
    """Its validity is the other server's own."""
    store, key = KeyStore(tmp_path / "keys"), offered(days=1)
    store.admitted.admit(key)
    assert store.published(AT) == (key,)
    assert store.published(AT + DAY) == ()


def test_a_key_that_is_the_issuers_own_stands_once(tmp_path):
    """One machine that offers to itself must not make a bundle that nobody takes."""
    store = KeyStore(tmp_path / "keys")
    own = store.begin(Purpose.RECEIPT, AT).public
    store.admitted.admit(own)
    assert store.published(AT) == (own,)


def test_a_damaged_file_is_told(tmp_path):
    """Never silently left out: what it signed would be refused everywhere."""
    store, key = KeyStore(tmp_path / "keys"), offered()
    store.admitted.admit(key)
    (tmp_path / "keys" / "admitted" / f"{key.kid}.json").write_bytes(b"{}")
    with pytest.raises(StoreError, match="damaged"):
        store.published(AT)
