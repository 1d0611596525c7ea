"""Passwords that attackers try first: common words and local names, rows of keys, dates, repeats, the owner's name.

A password is weak if little is left after all of these are taken out of it. The list is this product's own.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LEFT_LEAST: Final = 6
"""How many letters or digits must be left. `DIFFERENT_LEAST` of them must differ."""
DIFFERENT_LEAST: Final = 5
_SHORTEST_NAME: Final = 3

_WORDS: Final = tuple(
    """
password passwort passwd passw0rd pass word secret letmein welcome login logon admin administrator root master super
superman batman user guest test testing default changeme change abc abcd iloveyou love lovely sunshine princess dragon
monkey football baseball shadow michael jordan charlie hunter ranger george thomas robert daniel andrew joshua ashley
jessica jennifer michelle summer winter spring autumn monday friday january february march april june july august
september october november december flower hello freedom whatever trustno computer internet system server network
windows google apple samsung huawei xiaomi tencent weixin wechat alibaba taobao qwerty azerty hottie starwars pokemon
cheese ginger pepper cookie banana orange purple yellow silver golden diamond forever angel angels killer soccer hockey
tigger buster soccer harley corvette mustang ferrari mercedes porsche lucky happy family mother father sister brother
baby honey sweet china chinese zhongguo beijing shanghai guangzhou guangdong shenzhen baiyun baiyunqu yangcheng nanfang
woaini woaiwo aini mima woshi nihao laopo laogong baobao xiaoming zhangwei wangwei wangfang lijing liwei zhang wang
liu chen yang huang zhao zhou office bangong renshe rencai talent yunju yunjuka yingcai card gongan zhengfu kaimen
shouhu jiayou fafafa facai gongxi xinnian kuaile shengri jintian mingtian
""".split()  # noqa: SIM905 - a list of words is read as lines
)

_RUNS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "01234567890123456789",
    "98765432109876543210",
    "qwertyuiop",
    "poiuytrewq",
    "asdfghjkl",
    "lkjhgfdsa",
    "zxcvbnm",
    "mnbvcxz",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik",
    "qazwsxedcrfvtgbyhnujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "a1b2c3d4e5f6g7h8i9j0",
    "147258369",
    "159357",
    "1314520",
    "5201314",
    "52013145211314",
    "112233445566778899",
    "aabbccddeeffgghhiijj",
)
_RUN_LEAST: Final = 4
_YEAR: Final = re.compile(r"(?:19|20)\d\d(?:[01]\d(?:[0-3]\d)?)?")
_REPEAT: Final = re.compile(r"(.{1,6}?)\1{2,}")
_LETTERS: Final = re.compile(r"[\W_]+")
_MEANT: Final = str.maketrans("@$!|+", "asilt")
_AS_LETTERS: Final = str.maketrans("0134578", "oieastb")


def is_weak(password: str, name: str = "") -> bool:
    """Return whether a password is among those tried first. `name` is its owner's sign-in name."""
    plain = unicodedata.normalize("NFKC", password).casefold().translate(_MEANT)
    own = [part for part in re.split(r"[\W_]+", unicodedata.normalize("NFKC", name).casefold()) if part]
    words = sorted({*_WORDS, *(part for part in own if len(part) >= _SHORTEST_NAME)}, key=len, reverse=True)
    return min(_left(plain, words), _left(plain.translate(_AS_LETTERS), words)) < LEFT_LEAST


def _left(text: str, words: list[str]) -> int:
    """Return the length of a text without its common parts, or 0 if the rest has too few different characters."""
    text = _LETTERS.sub("", text)
    for run in _runs(text):
        text = text.replace(run, "", 1)
    text = _REPEAT.sub("", _YEAR.sub("", text))
    for word in words:
        text = text.replace(word, "")
    text = _REPEAT.sub("", text)
    return len(text) if len(set(text)) >= DIFFERENT_LEAST else 0


def _runs(text: str) -> list[str]:
    """Return the parts of a text that go along a row of keys or count up or down, longest first."""
    found = []
    at = 0
    while at < len(text):
        length = next(
            (
                size
                for size in range(len(text) - at, _RUN_LEAST - 1, -1)
                if any(text[at : at + size] in run for run in _RUNS)
            ),
            0,
        )
        if length:
            found.append(text[at : at + length])
        at += length or 1
    return sorted(found, key=len, reverse=True)
