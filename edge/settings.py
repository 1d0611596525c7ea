"""Every setting, read once from `YUNJU_…` variables (docs/design.md §11). Faults are reported together, and secrets are
masked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from edge import settingvalues as values
from edge.clock import Clock, SystemClock
from edge.secret import Secret, SecretError, read_or_make_secret, read_secret
from edge.settingwords import MEANINGS, Meaning

PREFIX = "YUNJU_"
_PROGRAMME = Path(__file__).resolve().parent.parent / "cards" / "programmes" / "baiyun.toml"
_VAR = "{var}"


class SettingsError(Exception):
    """The environment cannot be used. `faults` lists every fault with its remedy."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Settings:
    """What this process serves and where its data lie. load_settings makes it."""

    surfaces: frozenset[str]
    var: Path
    ledger_url: str
    register_url: str
    accounts_url: str
    verifier_url: str
    published: Path
    attachments: Path
    mail_url: str | None
    mail_from: str | None
    mail_password_file: Path
    sms_url: str | None
    sms_token_file: Path
    hook_networks: tuple[IPv4Network | IPv6Network, ...]
    due_mails: tuple[tuple[str, str], ...]
    due_mail_at: time
    sso_issuer: str | None
    sso_client: str | None
    sso_secret_file: Path
    sso_claim: str | None
    issuer_url: str | None
    issuer_token_file: Path
    keys: Path
    keys_passphrase_file: Path | None
    keys_passphrase: Secret | None
    pkcs11_module: Path | None
    pkcs11_token: str | None
    pkcs11_pin_file: Path
    programme: Path
    programme_next: Path | None
    programme_from: datetime | None
    root: Path | None
    log: Path
    log_checkpoint: Path
    log_archive: Path | None
    witnesses: Path | None
    audit_rules: Path | None
    base_url: str
    office_url: str | None
    status_ttl: int
    secret_file: Path
    given_secret: Secret | None
    metrics_token: Secret | None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    traces_url: str | None
    log_level: str
    access_log: bool
    plain_hosts: frozenset[str]
    allow_plain_http: bool
    allow_redis_loss: bool

    def __repr__(self) -> str:
        shown = (f"{item.name}={values.masked(getattr(self, item.name))}" for item in dataclasses.fields(self))
        return f"Settings({', '.join(shown)})"

    def serves(self, surface: str) -> bool:
        """Return whether this process serves a surface of values.SURFACES."""
        return surface in self.surfaces

    @property
    def staff_url(self) -> str:
        """The address at which people sign in at this process: the office's at an issuer apart, if it has its own."""
        return self.base_url if self.office_url is None or self.serves("verifier") else self.office_url

    def secret(self) -> bytes:
        """Return the server's secret for keyed hashes, and make its file if it is absent. Raises SettingsError if
        unusable.
        """
        if self.given_secret is not None:
            return self.given_secret.reveal().encode("utf-8")
        try:
            return read_or_make_secret(self.secret_file)
        except (SecretError, OSError) as error:
            raise SettingsError([f"YUNJU_SECRET_FILE: {error}"]) from error

    def sso_secret(self) -> str:
        """Return the client secret for the OpenID provider. Raises SettingsError if its file cannot be used."""
        try:
            return read_secret(self.sso_secret_file).decode("utf-8")
        except (SecretError, OSError, UnicodeError) as error:
            raise SettingsError([f"YUNJU_SSO_SECRET_FILE: {error}"]) from error


@dataclass(frozen=True)
class Setting:
    """One variable: its field, and its default as text (`{var}` is YUNJU_VAR's value, None is unset)."""

    name: str
    field: str
    default: str | None
    parse: Callable[[str], object]


_SETTINGS = (
    Setting("YUNJU_SURFACES", "surfaces", "issuer,verifier,wallet,counter,office,audit", values.surfaces),
    Setting("YUNJU_VAR", "var", "var", Path),
    Setting("YUNJU_LEDGER_URL", "ledger_url", "sqlite:///{var}/ledger.db", values.ledger_url),
    Setting("YUNJU_REGISTER_URL", "register_url", "sqlite:///{var}/register.db", values.database_url),
    Setting("YUNJU_ACCOUNTS_URL", "accounts_url", "sqlite:///{var}/accounts.db", values.database_url),
    Setting("YUNJU_VERIFIER_URL", "verifier_url", "sqlite:///{var}/verifier.db", values.database_url),
    Setting("YUNJU_PUBLISHED", "published", "{var}/published", Path),
    Setting("YUNJU_ATTACHMENTS", "attachments", "{var}/attachments", Path),
    Setting("YUNJU_MAIL_URL", "mail_url", None, values.mail_url),
    Setting("YUNJU_MAIL_FROM", "mail_from", None, values.mail_address),
    Setting("YUNJU_MAIL_PASSWORD_FILE", "mail_password_file", "{var}/mail-password", Path),
    Setting("YUNJU_SMS_URL", "sms_url", None, values.webhook_url),
    Setting("YUNJU_SMS_TOKEN_FILE", "sms_token_file", "{var}/sms-token", Path),
    Setting("YUNJU_HOOK_NETWORKS", "hook_networks", "", values.networks),
    Setting("YUNJU_DUE_MAIL", "due_mails", "", values.due_mails),
    Setting("YUNJU_DUE_MAIL_AT", "due_mail_at", "08:30", values.hour),
    Setting("YUNJU_SSO_ISSUER", "sso_issuer", None, values.provider_url),
    Setting("YUNJU_SSO_CLIENT", "sso_client", None, str),
    Setting("YUNJU_SSO_SECRET_FILE", "sso_secret_file", "{var}/sso-secret", Path),
    Setting("YUNJU_SSO_CLAIM", "sso_claim", None, str),
    Setting("YUNJU_ISSUER_URL", "issuer_url", None, values.base_url),
    Setting("YUNJU_PLAIN_HOSTS", "plain_hosts", "", values.plain_hosts),
    Setting("YUNJU_ISSUER_TOKEN_FILE", "issuer_token_file", "{var}/issuer-token", Path),
    Setting("YUNJU_KEYS", "keys", "{var}/keys", Path),
    Setting("YUNJU_KEYS_PASSPHRASE_FILE", "keys_passphrase_file", None, Path),
    Setting("YUNJU_KEYS_PASSPHRASE", "keys_passphrase", None, values.secret),
    Setting("YUNJU_PKCS11_MODULE", "pkcs11_module", None, Path),
    Setting("YUNJU_PKCS11_TOKEN", "pkcs11_token", None, str),
    Setting("YUNJU_PKCS11_PIN_FILE", "pkcs11_pin_file", "{var}/pkcs11-pin", Path),
    Setting("YUNJU_PROGRAMME", "programme", str(_PROGRAMME), Path),
    Setting("YUNJU_PROGRAMME_NEXT", "programme_next", None, Path),
    Setting("YUNJU_PROGRAMME_FROM", "programme_from", None, values.setting_instant),
    Setting("YUNJU_ROOT", "root", None, Path),
    Setting("YUNJU_LOG", "log", "{var}/log", Path),
    Setting("YUNJU_LOG_CHECKPOINT", "log_checkpoint", "{var}/log-checkpoint/state.json", Path),
    Setting("YUNJU_LOG_ARCHIVE", "log_archive", None, Path),
    Setting("YUNJU_WITNESSES", "witnesses", None, Path),
    Setting("YUNJU_AUDIT_RULES", "audit_rules", None, Path),
    Setting("YUNJU_BASE_URL", "base_url", "http://127.0.0.1:8000", values.base_url),
    Setting("YUNJU_OFFICE_URL", "office_url", None, values.base_url),
    Setting("YUNJU_STATUS_TTL", "status_ttl", "300", values.status_ttl),
    Setting("YUNJU_SECRET_FILE", "secret_file", "{var}/secret", Path),
    Setting("YUNJU_SECRET", "given_secret", None, values.secret),
    Setting("YUNJU_METRICS_TOKEN", "metrics_token", None, values.metrics_token),
    Setting("YUNJU_TRUSTED_PROXIES", "trusted_proxies", "", values.networks),
    Setting("YUNJU_TRACES_URL", "traces_url", None, values.webhook_url),
    Setting("YUNJU_LOG_LEVEL", "log_level", "info", values.log_level),
    Setting("YUNJU_ACCESS_LOG", "access_log", "yes", values.yes_or_no),
    Setting("YUNJU_DANGEROUS_ALLOW_PLAIN_HTTP", "allow_plain_http", "no", values.yes_or_no),
    Setting("YUNJU_DANGEROUS_ALLOW_REDIS_LOSS", "allow_redis_loss", "no", values.yes_or_no),
)  # fmt: skip


def describe_settings() -> tuple[tuple[str, str, str], ...]:
    """Return (name, default, meaning) of every setting, in the form of the README's table."""
    return tuple((item.name, _default_shown(item), MEANINGS[item.name].en) for item in _SETTINGS)


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting in force, as operators of the system may see it: without secrets and passwords."""

    name: str
    value: str
    is_default: bool
    meaning: Meaning


def shown_settings(settings: Settings) -> tuple[ShownSetting, ...]:
    """Return every setting in force, in the order of the README's table. For a secret, only that it is set."""
    var = str(settings.var)
    found = []
    for item in _SETTINGS:
        value = getattr(settings, item.field)
        default = None if item.default is None else item.parse(item.default.replace(_VAR, var))
        found.append(ShownSetting(item.name, _shown(value), value == default, MEANINGS[item.name]))
    return tuple(found)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(map(str, value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return values.masked_text(str(value))


def load_settings(environ: Mapping[str, str], clock: Clock | None = None) -> Settings:
    """Return the settings in the environment. Raises SettingsError with every fault, empty values included.

    From the instant at which the programme's next version is in force, that version is the programme.
    """
    faults = _unknown_names(environ)
    var = environ.get("YUNJU_VAR") or "var"
    found: dict[str, object] = {}
    for item in _SETTINGS:
        try:
            found[item.field] = _value(item, environ, var)
        except ValueError as error:
            faults.append(f"{item.name}: {error}")
    faults += _contradictions(environ, found)
    if faults:
        raise SettingsError(faults)
    return in_force(Settings(**found), (clock or SystemClock()).now())  # type: ignore[arg-type]


def in_force(settings: Settings, at: datetime) -> Settings:
    """Return the settings at an instant: the next version replaces the programme when its instant has come."""
    if settings.programme_next is None or settings.programme_from is None or at < settings.programme_from:
        return settings
    return dataclasses.replace(settings, programme=settings.programme_next, programme_next=None, programme_from=None)


def _value(item: Setting, environ: Mapping[str, str], var: str) -> object:
    given = environ.get(item.name)
    if given is not None:
        if not given.strip():
            raise ValueError("is empty; give a value or unset it")
        return item.parse(given)
    return None if item.default is None else item.parse(item.default.replace(_VAR, var))


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    names = [item.name for item in _SETTINGS]
    faults = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in names:
            near = get_close_matches(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in names], 1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "the README lists the settings"
            faults.append(f"{name}: no such setting; {hint}")
    return faults


def _contradictions(environ: Mapping[str, str], found: Mapping[str, object]) -> list[str]:
    faults = []
    if "YUNJU_SECRET" in environ and "YUNJU_SECRET_FILE" in environ:
        faults.append("YUNJU_SECRET: given besides YUNJU_SECRET_FILE; unset one of them")
    if found.get("sso_issuer") is not None and found.get("sso_client") is None:
        faults.append("YUNJU_SSO_CLIENT: needed beside YUNJU_SSO_ISSUER; the provider tells it")
    faults += _mail_contradictions(environ, found)
    if found.get("pkcs11_module") is not None and "YUNJU_PKCS11_TOKEN" not in environ:
        faults.append("YUNJU_PKCS11_TOKEN: needed beside YUNJU_PKCS11_MODULE; give the token's label")
    if ("YUNJU_PROGRAMME_NEXT" in environ) is not ("YUNJU_PROGRAMME_FROM" in environ):
        faults.append("YUNJU_PROGRAMME_FROM: goes together with YUNJU_PROGRAMME_NEXT; give both, or neither")
    if "YUNJU_KEYS_PASSPHRASE" in environ and "YUNJU_KEYS_PASSPHRASE_FILE" in environ:
        faults.append("YUNJU_KEYS_PASSPHRASE: given besides YUNJU_KEYS_PASSPHRASE_FILE; unset one of them")
    for name, field in (
        ("YUNJU_BASE_URL", "base_url"),
        ("YUNJU_ISSUER_URL", "issuer_url"),
        ("YUNJU_SSO_ISSUER", "sso_issuer"),
        ("YUNJU_SMS_URL", "sms_url"),
        ("YUNJU_TRACES_URL", "traces_url"),
    ):
        url = found.get(field)
        if (
            field in {"issuer_url", "traces_url"}
            and isinstance(url, str)
            and values.is_host_of(url, found.get("plain_hosts"))
        ):
            continue
        if isinstance(url, str) and values.is_plain_beyond_here(url) and found.get("allow_plain_http") is False:
            faults.append(f"{name}: plain http beyond this machine; use https")
    return faults


def _mail_contradictions(environ: Mapping[str, str], found: Mapping[str, object]) -> list[str]:
    faults = []
    if found.get("mail_url") is not None and "YUNJU_MAIL_FROM" not in environ:
        faults.append("YUNJU_MAIL_FROM: needed beside YUNJU_MAIL_URL; give the address that notices come from")
    if found.get("due_mails") and found.get("mail_url") is None:
        faults.append("YUNJU_MAIL_URL: needed beside YUNJU_DUE_MAIL; give the mail server")
    return faults


def _default_shown(item: Setting) -> str:
    if item.default is None:
        return "unset"
    if item.field == "programme":
        return "cards/programmes/baiyun.toml"
    return item.default.replace(_VAR, "var")
