"""Passwords that attackers try first are refused. Unusual passwords of the same length are accepted."""

import pytest

from accounts.credentials import WeakSecret, hash_password
from accounts.weak import is_weak


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaa", "111111111111", "abababababab", "password1234", "Password123!",
        "P@ssw0rd2026!", "qwertyuiop12", "1qaz2wsx3edc", "123456789012", "woaini1314520",
        "Baiyun@123456", "guangzhou2026", "admin1234admin", "yunju20261130", "abcdefghijkl",
        "zxcvbnm,./123", "iloveyou1234", "13141314131413", "letmein letmein", "Qwerty!2345678",
        "20261130123456", "passwordpassword", "rencaika123456", "ｐａｓｓｗｏｒｄ１２３４", "hrss-017-hrss",
        "Hrss017Hrss017!", "asdfghjkl;123", "changeme2026",
    ],
)  # fmt: skip
def test_what_guessers_try_first_is_weak(password):
    """Common words, the place, rows of keys, dates, repeats, the own name, and letters written as digits."""
    assert is_weak(password, "hrss-017")
    with pytest.raises(WeakSecret):
        hash_password(password, "hrss-017")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "k7#Lw0pZ!vQe",
        "窗前明月光疑是地上霜呀",
        "tafel-umbra-kilt-9",
        "Xk29vbTzRm4u",
        "murmur of wet gravel",
    ],
)
def test_what_nobody_tries_first_is_taken(password):
    """Unrelated words, random letters, a sentence."""
    assert not is_weak(password, "hrss-017")
