"""What a fuzz target is, and how good inputs are spoilt: bytes, texts, JSON, and tokens that are signed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from edge.encoding import b64u, unb64u
from edge.strictjson import JsonError, loads
from keys.signer import Signer

ODD_BYTES = [
    *(b"", b"\0", b"\xff", b"\n", b"\r\n", b'"', b"'", b"\\", b"<", b"&", b"%", b".", b"~", b"=", b":", b" ", b"\t"),
    *(b"-1", b"0", b"2147483648", b"9007199254740993", b"1e999", b"nan", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80"),
    *(
        b"\xff" * 8,
        b"\0" * 16,
        b"(" * 40,
        b"[" * 80,
        b"{" * 20,
        b"A" * 300,
        "０".encode(),
        "é".encode(),
        "\u202e".encode(),
    ),
]
ODD_VALUES = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**31,
        2**53,
        2**63,
        10**30,
        0.5,
        -0.0,
        1e308,
        "",
        "\0",
        "\n",
        " ",
        "0",
        "-1",
        "null",
    ),
    *(
        "A" * 600,
        "张\u200b三",
        "\u202e",
        "\ud7ff\ue000",
        "٣",
        "１２",
        "\U0001f600",
        "../..",
        [],
        {},
        [[]],
        [None] * 40,
        {"": {}},
    ),
    *(253402300799, 253402300800, 32503680000, "2026-13-01", "9999-12-31T23:59:60Z", "0001-01-01"),
]
EDITS_MOST = 5


@dataclass(frozen=True)
class Target:
    """One thing that takes what others send. `check` raises for whatever must not happen, an AssertionError or worse.

    `values` makes the strategy when it is first needed; `examples`: how many the short form tries.
    """

    name: str
    values: Callable[[], SearchStrategy]
    check: Callable[[object], None]
    examples: int

    @property
    def tells(self) -> str:
        """What holds, in a line."""
        return (self.check.__doc__ or "").partition("\n")[0]


TARGETS: dict[str, Target] = {}


def target(values: Callable[[], SearchStrategy], *, examples: int = 60):
    """Register a check as a target, under its own name; `values` makes what it is given."""

    def register(check: Callable[[object], None]) -> Callable[[object], None]:
        name = check.__name__.replace("_", "-")
        TARGETS[name] = Target(name, values, check, examples)
        return check

    return register


@st.composite
def mangled(draw, seeds: list[bytes]) -> bytes:
    """One of some good inputs, unspoilt now and then, mostly cut, doubled, and strewn with what is odd."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, EDITS_MOST))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.sampled_from([0, 0, 1, 1, 2, 4, 8, 32, 200]))
        match draw(st.sampled_from(["odd", "odd", "any", "flip", "double", "cut", "number"])):
            case "odd":
                data[at : at + size] = draw(st.sampled_from(ODD_BYTES))
            case "any":
                data[at : at + size] = draw(st.binary(max_size=12))
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "double":
                data[at:at] = data[at : at + size]
            case "cut":
                del data[at:]
            case "number" if at < len(data):
                data[at] = draw(st.integers(0, 255))
    return bytes(data)


def mangled_text(seeds: Iterable[str]) -> SearchStrategy[str]:
    """The same for texts; what is no UTF-8 any more is read as Latin 1."""
    return mangled([seed.encode() for seed in seeds]).map(_as_text)


def _as_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _places(value: object) -> Iterator[tuple[object, object]]:
    """Every container of a value with each of its keys or indexes."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(pairs):
        yield value, key
        yield from _places(child)


def odd_values() -> SearchStrategy:
    """A value that nobody expects there."""
    return st.one_of(st.sampled_from(ODD_VALUES).map(deepcopy), st.text(max_size=20), st.integers())


@st.composite
def mangled_json(draw, seeds: list) -> object:
    """One of some good JSON values with parts replaced, removed, renamed, doubled, nested or exchanged."""
    value = deepcopy(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(value))
        if not places:
            return draw(odd_values())
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(["odd", "odd", "text", "remove", "add", "nest", "exchange"])):
            case "odd":
                holder[key] = draw(odd_values())
            case "text" if isinstance(holder[key], str):
                holder[key] = draw(mangled_text([holder[key]]))
            case "remove":
                del holder[key]
            case "add" if isinstance(holder, dict):
                holder[draw(st.text(max_size=8))] = deepcopy(holder[key])
            case "nest":
                holder[key] = [holder[key]] * draw(st.integers(0, 3))
            case "exchange":
                other, place = places[draw(st.integers(0, len(places) - 1))]
                holder[key] = (
                    deepcopy(other[place])
                    if place in (other if isinstance(other, dict) else range(len(other)))
                    else None
                )
    return value


def spelled(value: object) -> bytes:
    """A value as JSON, however odd; what no JSON can hold becomes a text."""
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


@st.composite
def resigned(draw, tokens: list[tuple[str, Signer]]) -> str:
    """A token whose header or claims were spoilt and which its own key signed again: what stands behind a signature."""
    token, signer = draw(st.sampled_from(tokens))
    header, payload, _ = token.split(".")
    head = unb64u(header)
    if draw(st.integers(0, 9)) == 0:
        head = draw(mangled([head]))
    claims = loads(unb64u(payload), max_bytes=1 << 20)
    body = spelled(draw(mangled_json([claims])))
    if draw(st.integers(0, 4)) == 0:
        body = draw(mangled([body]))
    signing_input = f"{b64u(head)}.{b64u(body)}"
    return f"{signing_input}.{b64u(signer.sign(signing_input.encode()))}"


def same_json(data: bytes | str, most: int = 1 << 20) -> object:
    """Read as the project reads JSON; None where it is none."""
    try:
        return loads(data, max_bytes=most)
    except JsonError:
        return None
