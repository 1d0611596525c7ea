"""People at the pages of staff: a client that fills in forms as a browser without scripts does."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

from flask import Flask
from werkzeug.test import TestResponse

from accounts.factors import new_totp_secret, totp_code
from accounts.people import UnknownPerson
from accounts.store import AccountStore

PASSWORD = "correct horse battery"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """A browser without scripts: keeps cookies, sends forms with their token and origin."""

    def __init__(self, app: Flask, base: str, address: str = "198.51.100.7") -> None:
        self.app, self.client = app, app.test_client()
        self.base, self.address = base, address

    def get(self, path: str, **options) -> TestResponse:
        """Open a page."""
        return self.client.get(path, base_url=self.base, environ_base={"REMOTE_ADDR": self.address}, **options)

    def token(self, path: str) -> str:
        """The token of the form on a page."""
        return TOKEN.search(self.get(path).get_data(as_text=True))[1]

    def send(self, path: str, /, *, form: str | None = None, headers: dict | None = None, **values) -> TestResponse:
        """Send a form: the token is taken from the page `form`, the same path where none is named."""
        values = {
            name: value
            for name, value in {"csrf_token": self.token(form or path), **values}.items()
            if value is not None
        }
        return self.client.post(
            path,
            data=values,
            base_url=self.base,
            headers={"Origin": self.base} if headers is None else headers,
            environ_base={"REMOTE_ADDR": self.address},
        )

    def sign_in(
        self, name: str, password: str = PASSWORD, path: str = "/sign-in", *, factor: bool = True
    ) -> TestResponse:
        """Give name and password and, with `factor`, the code of a second step that is set up afresh beforehand."""
        store = self.app.extensions["staff"].authenticate.store
        at = self.app.clock.now()
        secret = set_up_codes(store, name, at) if factor else None
        answer = self.send(path, name=name, password=password)
        if not factor or not str(answer.location).startswith("/sign-in/second-step"):
            return answer
        return self.send(answer.location, code=totp_code(secret, at))


def set_up_codes(store: AccountStore, name: str, at: datetime) -> str | None:
    """Give a person a fresh secret of one-time codes instead of the one before; None for nobody."""
    try:
        person = store.people.named(name)
    except UnknownPerson:
        return None
    for factor in store.factors.of(person.id):
        if factor.kind == "totp":
            store.factors.remove(person.id, factor.id, by="test", at=at)
    secret = new_totp_secret()
    store.factors.add_totp(person.id, secret, None, "phone", by="test", at=at)
    return secret


def text_of(response: TestResponse) -> str:
    """What a page says, without its markup."""
    body = re.sub(r"(?s)<(script|svg|title).*?</\1>", " ", response.get_data(as_text=True))
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))
