"""Forms of the pages for staff: WTForms with a token against forged requests. Labels and faults are keys of words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import Field, Form
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import StopValidation, ValidationError

from cards.typed import plain

TOKEN: Final = "csrf_token"  # noqa: S105 - a field's name


class Said(str):
    """A key of the words together with the values of its text, for a fault, a hint or a notice."""

    __slots__ = ("values",)

    values: dict[str, object]

    def __new__(cls, key: str, **values: object) -> Self:
        """Return the key with its values."""
        made = super().__new__(cls, key)
        made.values = values
        return made


class StaffForm(FlaskForm):  # type: ignore[misc]  # flask_wtf carries no types
    """A form that is posted. Each field's label is a key of the words. A fault is a key, or a `Said`."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # likewise
        """WTForms' own texts are not used: all texts come from the words."""

        locales = ("en",)


class FilterForm(Form):
    """A form of filters: it is read from the address, changes nothing and needs no token."""


class Needed:
    """Requires a value. An empty field is not checked any further."""

    field_flags: Final = {"required": True}

    def __init__(self, key: str = "form.needed") -> None:
        self._key = key

    def __call__(self, form: Form, field: Field) -> None:  # noqa: ARG002 - WTForms calls it so
        """Stop at a field that is empty or blank."""
        if not field.raw_data or not any(not isinstance(one, str) or one.strip() for one in field.raw_data):
            field.errors = []
            raise StopValidation(Said(self._key))


class Longest:
    """Limits a text to a number of characters. The browser applies the limit too."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.field_flags = {"maxlength": most}

    def __call__(self, form: Form, field: Field) -> None:  # noqa: ARG002 - WTForms calls it so
        """Refuse a longer text, and a text with characters that cannot be kept."""
        text = field.data or ""
        if len(text) > self._most:
            raise ValidationError(Said("form.too-long", most=self._most))
        if "\0" in text or any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
            raise ValidationError(Said("form.unreadable"))


def option(value: str, label: str) -> Any:  # noqa: ANN401 - newer than WTForms' stubs
    """Return one choice of a select or of radio buttons. The label is a key of the words, or plain text."""
    return SelectChoice(value, label)


def stripped(text: str | None) -> str | None:
    """Remove white space from both ends: a filter for fields."""
    return text.strip() if isinstance(text, str) else text


def figures(text: str | None) -> str | None:
    """Make typed figures plain (a date, a number, a code): a filter for fields."""
    return plain(text) if isinstance(text, str) else text


def faults_of(form: Form) -> list[tuple[Field, str]]:
    """Return each field with a fault, with its first fault, in the form's order."""
    return [(field, field.errors[0]) for field in form if field.errors and field.name != TOKEN]


def drawn(field: Field, about: str, attributes: Mapping[str, object]) -> Markup:
    """Return a field's control. `about` are the ids of its hint and its fault."""
    told: dict[str, object] = dict(attributes)
    if about:
        told["aria-describedby"] = about
    if field.errors:
        told["aria-invalid"] = "true"
    return Markup(field(**told))  # noqa: S704 - WTForms escapes what it draws


def refuse(field: Field, key: str, **values: object) -> None:
    """Add a fault that only the work itself could find, such as a taken name."""
    field.errors = [*field.errors, Said(key, **values)]


Say = Callable[..., str]
"""Turns a key of the words, or a `Said`, and values into the text in the page's language."""


def speaker(words: Any) -> Say:  # noqa: ANN401 - a mapping of texts, read once a page
    """Return the function `t` for templates. A text that is no key is shown unchanged."""

    def say(key: str, **values: object) -> str:
        text = str(words.get(key, key))
        for name, value in {**getattr(key, "values", {}), **values}.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    return say
