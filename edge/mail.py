"""One letter to one address over SMTP (RFC 5321): plain only on this machine, otherwise with TLS. Keeps no
connection.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from edge.secret import SecretError, read_secret
from edge.settings import Settings, SettingsError

PLAIN, STARTTLS, TLS = "smtp", "smtp+starttls", "smtps"
_PORTS: Final = {PLAIN: 25, STARTTLS: 587, TLS: 465}
_SECONDS: Final = 20.0
_OF_THE_ADDRESS: Final = frozenset({550, 551, 553, 556})


class MailAway(Exception):
    """The mail server is away, refuses this service, or defers the letter: try again later. The text names no
    address.
    """


class MailRefused(Exception):
    """The mail server accepts no letter for this address, now or later. The text names no address."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter of plain text. `name` distinguishes letters: if a letter is sent twice, both have the same
    Message-ID.
    """

    to: str = field(repr=False)
    subject: str
    text: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MailServer:
    """The mail server. `url`: `smtp://host:port`, `smtp+starttls://user@host`, `smtps://user@host`."""

    url: str
    sender: str
    password: str | None = field(default=None, repr=False)

    def send(self, letter: Letter) -> None:
        """Send one letter. Raises MailAway or MailRefused if the server did not accept it."""
        try:
            with self._connected() as server:
                server.send_message(self._message(letter), self.sender, [letter.to])
        except smtplib.SMTPRecipientsRefused as error:
            ((code, _),) = error.recipients.values()
            raise (MailRefused if code in _OF_THE_ADDRESS else MailAway)(f"refused with {code}") from None
        except smtplib.SMTPResponseException as error:
            raise MailAway(f"answered {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailAway(type(error).__name__) from None

    def _connected(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        if parts.scheme == TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(host, port, timeout=_SECONDS)
        try:
            if parts.scheme == STARTTLS:
                server.starttls(context=ssl.create_default_context())
            if parts.username and self.password is not None:
                server.login(unquote(parts.username), self.password)
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(letter.at)
        message["Message-ID"] = f"<{letter.name}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer by a machine
        message.set_content(letter.text)
        return message


def server_of(settings: Settings) -> MailServer | None:
    """Return the mail server of the settings, or None without one. Raises SettingsError if its password cannot be
    read.
    """
    if settings.mail_url is None or settings.mail_from is None:
        return None
    password = None
    if "@" in settings.mail_url:
        try:
            password = read_secret(settings.mail_password_file, 8).decode("utf-8")
        except (SecretError, OSError, UnicodeError) as error:
            raise SettingsError([f"YUNJU_MAIL_PASSWORD_FILE: {error}"]) from error
    return MailServer(settings.mail_url, settings.mail_from, password)
