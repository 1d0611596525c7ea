import dataclasses
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path

import pytest

from edge.secret import Secret, SecretError, read_or_make_secret
from edge.settings import Settings, SettingsError, describe_settings, load_settings
from edge.settingvalues import SURFACES
from edge.settingwords import MEANINGS

QUOTED, SETTING = re.compile("`([^`]+)`"), re.compile("YUNJU_[A-Z_]+")
WORDED = {"department=address", "部门=邮箱"}
"""What stands in quotes and is still said in the language."""


def faults_of(**environ):
    """What load_settings has against an environment."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    return caught.value.faults


def test_nothing_needs_to_be_set():
    """The defaults run every surface on one machine under var/ with SQLite."""
    settings = load_settings({"PATH": "/bin", "HOME": "/root"})
    assert settings.surfaces == frozenset(SURFACES)
    assert settings.ledger_url == "sqlite:///var/ledger.db"
    assert settings.published == Path("var/published")
    assert settings.root is None
    assert settings.status_ttl == 300
    assert not settings.allow_plain_http
    assert settings.programme.parts[-3:] == ("cards", "programmes", "baiyun.toml")


def test_everything_moves_with_the_data_folder():
    """YUNJU_VAR alone moves the stores, the keys and the secret."""
    settings = load_settings({"YUNJU_VAR": "/srv/yunju"})
    assert settings.register_url == "sqlite:////srv/yunju/register.db"
    assert settings.keys == Path("/srv/yunju/keys")
    assert settings.secret_file == Path("/srv/yunju/secret")


def test_given_values_are_taken():
    """One of each kind."""
    settings = load_settings(
        {
            "YUNJU_SURFACES": "verifier, counter",
            "YUNJU_LEDGER_URL": "rediss://user:word@store.example:6380/1",
            "YUNJU_REGISTER_URL": "postgresql+psycopg://store.example/register",
            "YUNJU_VERIFIER_URL": "postgresql://yunju@/verifier?host=/run/postgresql",
            "YUNJU_BASE_URL": "https://card.example.org",
            "YUNJU_STATUS_TTL": "60",
            "YUNJU_TRUSTED_PROXIES": "10.0.0.0/8, ::1/128",
            "YUNJU_LOG_LEVEL": "WARNING",
            "YUNJU_ROOT": "/etc/yunju/root.jwk",
        }
    )
    assert settings.serves("counter")
    assert not settings.serves("issuer")
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert settings.log_level == "warning"
    assert settings.root == Path("/etc/yunju/root.jwk")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("YUNJU_SURFACES", "verifier,shop"),
        ("YUNJU_SURFACES", "verifier,"),
        ("YUNJU_LEDGER_URL", "postgresql://host/db"),
        ("YUNJU_LEDGER_URL", "redis://"),
        ("YUNJU_LEDGER_URL", "redis://host:port"),
        ("YUNJU_LEDGER_URL", "sqlite://ledger.db"),
        ("YUNJU_LEDGER_URL", "sqlite:///"),
        ("YUNJU_REGISTER_URL", "mysql://host/db"),
        ("YUNJU_ACCOUNTS_URL", "/var/accounts.db"),
        ("YUNJU_VERIFIER_URL", "sqlite:///a b"),
        ("YUNJU_VERIFIER_URL", "postgresql://yunju@/verifier?host=store"),
        ("YUNJU_BASE_URL", "https://host/"),
        ("YUNJU_BASE_URL", "https://user@host"),
        ("YUNJU_BASE_URL", "ftp://host"),
        ("YUNJU_BASE_URL", "https://[::1"),
        ("YUNJU_BASE_URL", "http://card.example.org"),
        ("YUNJU_STATUS_TTL", "5m"),
        ("YUNJU_STATUS_TTL", "9"),
        ("YUNJU_STATUS_TTL", "3601"),
        ("YUNJU_STATUS_TTL", "٣٠٠"),
        ("YUNJU_SECRET", "short"),
        ("YUNJU_METRICS_TOKEN", "short"),
        ("YUNJU_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("YUNJU_PLAIN_HOSTS", "issuer.example.org"),
        ("YUNJU_PLAIN_HOSTS", "10.0.0.7"),
        ("YUNJU_PLAIN_HOSTS", "*"),
        ("YUNJU_LOG_LEVEL", "loud"),
        ("YUNJU_DANGEROUS_ALLOW_PLAIN_HTTP", "true"),
        ("YUNJU_DANGEROUS_ALLOW_REDIS_LOSS", "1"),
        *((name, " ") for name, _, _ in describe_settings()),
    ],
)
def test_a_bad_value_is_a_fault_of_that_name(name, value):
    """Each is refused, empty ones too, and the message begins with the variable."""
    assert any(fault.startswith(f"{name}: ") for fault in faults_of(**{name: value}))


def test_all_faults_are_reported_together():
    """One run shows everything that is wrong."""
    faults = faults_of(YUNJU_LOG_LEVEL="loud", YUNJU_STATUS_TTL="x", YUNJU_LEGER_URL="y")
    assert [fault.split(":")[0] for fault in faults] == ["YUNJU_LEGER_URL", "YUNJU_STATUS_TTL", "YUNJU_LOG_LEVEL"]


def test_an_unknown_name_is_a_fault_with_the_nearest_one():
    """A slip of the pen must not leave a default in force."""
    (near,) = faults_of(YUNJU_LEGER_URL="redis://host")
    assert "did you mean YUNJU_LEDGER_URL?" in near
    (far,) = faults_of(YUNJU_XQ="1")
    assert "README" in far


def test_plain_http_beyond_this_machine_needs_the_frightening_setting():
    """Loopback is exempt."""
    address = "http://card.example.org"
    assert load_settings({"YUNJU_BASE_URL": address, "YUNJU_DANGEROUS_ALLOW_PLAIN_HTTP": "yes"}).base_url == address
    for here in ("http://127.0.0.1:8000", "http://localhost", "http://[::1]:80"):
        assert load_settings({"YUNJU_BASE_URL": here}).base_url == here


def test_a_secret_is_given_in_one_way():
    """The text and its file contradict one another."""
    assert "unset one" in faults_of(YUNJU_SECRET="s" * 32, YUNJU_SECRET_FILE="x")[0]


def test_secrets_stay_masked():
    """Neither a repr nor a fault shows a secret or an address's password."""
    settings = load_settings(
        {
            "YUNJU_SECRET": "hidden-" * 5,
            "YUNJU_METRICS_TOKEN": "hidden-hidden-hidden",
            "YUNJU_LEDGER_URL": "redis://user:hidden@host",
            "YUNJU_REGISTER_URL": "postgresql://host/db?user=x&password=hidden",
        }
    )
    assert "hidden" not in f"{settings!r} {settings}"
    assert "host" in repr(settings)
    assert "hidden" not in " ".join(faults_of(YUNJU_SECRET="hidden", YUNJU_METRICS_TOKEN="hidden"))
    assert settings.secret() == b"hidden-" * 5


def test_settings_cannot_be_changed():
    """Read once, then frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_settings({}).base_url = "x"


def test_every_setting_is_described_once():
    """The rows cover every field, each with a meaning; no row shows a machine's path."""
    rows = describe_settings()
    names = [name for name, _, _ in rows]
    assert len(set(names)) == len(rows) == len(dataclasses.fields(Settings))
    assert all(meaning.endswith(".") for _, _, meaning in rows)
    assert not [default for _, default, _ in rows if default.startswith("/")]


def test_every_setting_is_explained_in_both_languages():
    """Side by side: no setting without words, no words without a setting, the same names of things in both."""
    assert list(MEANINGS) == [name for name, _, _ in describe_settings()]
    for name, meaning in MEANINGS.items():
        assert meaning.zh.endswith("。"), name
        assert re.search("[\u4e00-\u9fff]{2}", meaning.zh), name
        assert not re.search("[\u3000-\u9fff]", meaning.en), name
        assert set(QUOTED.findall(meaning.en)) - WORDED == set(QUOTED.findall(meaning.zh)) - WORDED, name
        assert set(SETTING.findall(meaning.en)) == set(SETTING.findall(meaning.zh)), name


def test_an_absent_secret_is_made_once(tmp_path):
    """Random, readable by its owner alone, the same ever after."""
    settings = load_settings({"YUNJU_VAR": str(tmp_path / "var")})
    first = settings.secret()
    assert len(first) == 64
    assert settings.secret() == first
    assert stat.S_IMODE(settings.secret_file.stat().st_mode) == 0o600
    assert load_settings({"YUNJU_VAR": str(tmp_path / "other")}).secret() != first


def test_workers_that_start_together_agree_on_the_secret(tmp_path):
    """The first file stays, whole; no draft is left behind."""
    path = tmp_path / "secret"
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: read_or_make_secret(path), range(64)))
    assert len(secrets) == 1
    assert os.listdir(tmp_path) == ["secret"]  # noqa: PTH208 - the names are the point


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_secret_that_others_can_read_is_refused(tmp_path, mode):
    """With the command that mends it."""
    path = tmp_path / "secret"
    path.write_text("s" * 64)
    path.chmod(mode)
    with pytest.raises(SecretError, match="chmod 600"):
        read_or_make_secret(path)
    with pytest.raises(SettingsError, match="YUNJU_SECRET_FILE"):
        load_settings({"YUNJU_SECRET_FILE": str(path)}).secret()


def test_a_short_secret_file_is_refused(tmp_path):
    """An empty file is no secret."""
    path = tmp_path / "secret"
    path.touch(0o600)
    with pytest.raises(SecretError, match="fewer than 32"):
        read_or_make_secret(path)


def test_a_secret_folder_that_cannot_be_is_a_settings_error(tmp_path):
    """A file where the folder should be."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError):
        load_settings({"YUNJU_SECRET_FILE": str(tmp_path / "file" / "secret")}).secret()


def test_secrets_compare_by_value():
    """And show nothing."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert str(Secret("a")) == "Secret(***)"


def test_an_issuer_named_in_the_same_network_may_be_asked_over_plain_http():
    """By its one name: another name, the clients' own address, or none named stays refused."""
    named = {"YUNJU_ISSUER_URL": "http://issuer:8000", "YUNJU_PLAIN_HOSTS": "office, issuer"}
    assert load_settings(named).issuer_url == "http://issuer:8000"
    plain = ("YUNJU_ISSUER_URL: plain http beyond this machine; use https",)
    assert faults_of(**named | {"YUNJU_ISSUER_URL": "http://issuer.example.org"}) == plain
    assert faults_of(YUNJU_ISSUER_URL="http://issuer:8000") == plain
    assert faults_of(YUNJU_BASE_URL="http://issuer:8000", YUNJU_PLAIN_HOSTS="issuer")
