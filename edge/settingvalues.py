"""How the text of each setting becomes a value. Each parser raises ValueError with the remedy."""

from __future__ import annotations

import re
from datetime import datetime, time
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from edge.instants import InstantError, parse_asked
from edge.redisaddress import SCHEMES, read_redis_address
from edge.secret import Secret

SURFACES = ("issuer", "verifier", "wallet", "counter", "office", "audit")
LOG_LEVELS = ("debug", "info", "warning", "error")

_SOCKET = re.compile(r"(?:^|&)host=(?:/|%2[Ff])")  # A folder of sockets: ?host=/run/postgresql
_PASSWORD = re.compile(r"(?<=://)[^/]*(?=@)|(?<=password=)[^&'\"]*", re.IGNORECASE)


def surfaces(text: str) -> frozenset[str]:
    """Parse a comma-separated choice of SURFACES."""
    names = [part.strip() for part in text.split(",")]
    unknown = sorted(set(names) - set(SURFACES))
    if unknown:
        raise ValueError(f"no such surface: {', '.join(unknown)}; choose from {', '.join(SURFACES)}")
    return frozenset(names)


def ledger_url(text: str) -> str:
    """Check the ledger's address."""
    _store_url(text, ("sqlite", "redis", "rediss"), "sqlite:///var/ledger.db or redis://127.0.0.1:6379/0")
    if text.startswith(SCHEMES):
        read_redis_address(text)
    return text


def database_url(text: str) -> str:
    """Check the address of a database."""
    return _store_url(
        text, ("sqlite", "postgresql", "postgresql+psycopg"), "sqlite:///var/x.db or postgresql://host/db"
    )


def base_url(text: str) -> str:
    """Check the clients' address: scheme, host and port, and nothing else."""
    parts = _split(text)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an address such as https://card.example.org")
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("give scheme, host and port alone, without a path or a trailing slash")
    return text


def provider_url(text: str) -> str:
    """Check the address of an OpenID provider, as in its documents: a path is allowed, a trailing slash is not."""
    parts = _split(text)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an address such as https://login.example.org/realms/district")
    if parts.query or parts.fragment or "@" in parts.netloc or text.endswith("/"):
        raise ValueError("give the issuer as its documents name it, without query, fragment or trailing slash")
    return text


def setting_instant(text: str) -> datetime:
    """Parse an instant with its offset from UTC."""
    try:
        return parse_asked(text)
    except InstantError:
        raise ValueError("not an instant such as 2027-01-01T00:00:00+08:00") from None


def mail_url(text: str) -> str:
    """Check the address of a mail server: plain SMTP on this machine alone, and never with a password in it."""
    parts = _split(text)
    if parts is None or parts.scheme not in {"smtp", "smtp+starttls", "smtps"} or not parts.hostname:
        raise ValueError("not an address such as smtps://user@mail.example.org")
    if parts.path or parts.query or parts.fragment or parts.password is not None:
        raise ValueError("give scheme, user, host and port alone; the password stands in YUNJU_MAIL_PASSWORD_FILE")
    if parts.scheme == "smtp" and (not _is_here(parts.hostname) or parts.username):
        raise ValueError("plain smtp is for a mail server on this machine alone; use smtps or smtp+starttls")
    return text


def mail_address(text: str) -> str:
    """Check an e-mail address."""
    if not re.fullmatch(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}", text):
        raise ValueError("not an address such as card@example.org")
    return text


def due_mails(text: str) -> tuple[tuple[str, str], ...]:
    """Parse comma-separated `department=address`. A department may have several addresses. An empty text gives none."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        department, equals, address = part.partition("=")
        if not equals or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", department):
            raise ValueError(f"{part!r} is not written as department=address, such as justice=desk@justice.example")
        found.append((department, mail_address(address)))
    return tuple(dict.fromkeys(found))


def hour(text: str) -> time:
    """Parse a time of day such as 08:30."""
    if not re.fullmatch(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError("not a time of day such as 08:30")
    return time.fromisoformat(text)


def webhook_url(text: str) -> str:
    """Check an address to which messages are posted."""
    parts = _split(text)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an address such as https://sms.example.org/messages")
    if parts.fragment or "@" in parts.netloc:
        raise ValueError("leave out user, password and fragment; the token stands in YUNJU_SMS_TOKEN_FILE")
    return text


def is_plain_beyond_here(url: str) -> bool:
    """Return whether an address is plain http to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_here(parts.hostname or "")


def plain_hosts(text: str) -> frozenset[str]:
    """Parse comma-separated host names of one label, as in a container network. An empty text gives none.

    A name with a dot, or an address, can lie beyond this network and needs https.
    """
    found = frozenset(filter(None, (part.strip() for part in text.split(","))))
    for name in sorted(found):
        if not re.fullmatch(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", name):
            raise ValueError(f"{name!r} is no name of one label such as issuer; use https for any other host")
    return found


def is_host_of(url: str, hosts: object) -> bool:
    """Return whether an address belongs to one of some hosts."""
    return isinstance(hosts, frozenset) and urlsplit(url).hostname in hosts


def status_ttl(text: str) -> int:
    """Parse 10 to 3600 seconds."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 10 <= int(text) <= 3600:
        raise ValueError("give whole seconds, 10 to 3600")
    return int(text)


def secret(text: str) -> Secret:
    """Take a secret of 32 characters or more."""
    return _secret(text, 32)


def metrics_token(text: str) -> Secret:
    """Take a bearer token of 16 characters or more."""
    return _secret(text, 16)


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Parse comma-separated networks. An empty text gives none."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError:
            raise ValueError(f"{part!r} is no network such as 10.0.0.0/8") from None
    return tuple(found)


def log_level(text: str) -> str:
    """Parse one of LOG_LEVELS."""
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"choose from {', '.join(LOG_LEVELS)}")
    return text.lower()


def yes_or_no(text: str) -> bool:
    """Parse `yes` or `no`, and nothing else, so that no mistake opens a bypass."""
    if text not in {"yes", "no"}:
        raise ValueError("say yes or no")
    return text == "yes"


def masked(value: object) -> str:
    """Return a value's repr without the passwords in addresses."""
    return _PASSWORD.sub("***", repr(value))


def masked_text(text: str) -> str:
    """Return an address without its password."""
    return _PASSWORD.sub("***", text)


def _store_url(text: str, schemes: tuple[str, ...], example: str) -> str:
    parts = _split(text)
    if parts is None or parts.scheme not in schemes:
        raise ValueError(f"not an address such as {example}")
    if parts.scheme == "sqlite":
        if not text.startswith("sqlite:///") or len(text) == len("sqlite:///"):
            raise ValueError("sqlite takes three slashes and a path: sqlite:///var/x.db, or four for an absolute one")
    elif not parts.hostname and not (parts.scheme.startswith("postgresql") and _SOCKET.search(parts.query)):
        raise ValueError("the host is missing")
    return text


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return None if re.search(r"\s", text) else parts


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(text: str, shortest: int) -> Secret:
    if len(text) < shortest:
        raise ValueError(f"too short; take {shortest} random characters or more")
    return Secret(text)
