"""Masked names: docs/design.md §5's examples, other scripts, and what must hold for any name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.names import mask


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王明", "王*"),
        ("张小明", "张*明"),
        ("欧阳明华", "欧**华"),
        ("王", "王"),
        ("马 Anna", "马 A***"),
        ("阿卜杜·热合曼", "阿*****曼"),
        ("张 小明", "张*明"),
        (" 张小明 ", "张*明"),
        ("𬭎明", "𬭎*"),
        ("李𠮷𬭎", "李*𬭎"),
        ("葛\U000e0100小城", "葛\U000e0100*城"),
        ("김민수", "김*수"),
        ("John Smith", "J*** S****"),
        ("Jean-Luc O'Brien", "J***-L** O******"),
        ("E\u0301lise Zoe\u0308", "É**** Z**"),
        ("Å", "Å"),
        ("Иван Петров", "И*** П*****"),
        ("李小龙 Bruce Lee", "李*龙 B**** L**"),
        ("Bruce 李小龙", "B**** 李*龙"),
        ("李John", "李***n"),
    ],
)
def test_examples(name, masked):
    """Each example, and masking what is masked changes nothing."""
    assert mask(name) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize("name", ["", " ", "\u3000\t"])
def test_a_name_has_a_character(name):
    """An empty name is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least one"):
        mask(name)


@given(st.lists(st.sampled_from("张王李欧阳明华𬭎𠮷䶮"), min_size=2, max_size=8).map("".join))
def test_a_han_name_shows_its_ends_alone(name):
    """Two characters show one, longer names two; the length stays."""
    masked = mask(name)
    assert len(masked) == len(name)
    assert masked[0] == name[0]
    assert masked[1:-1] == "*" * (len(name) - 2)
    assert masked[-1] == ("*" if len(name) == 2 else name[-1])


@given(st.text(min_size=1, max_size=40).filter(lambda text: text.strip()))
def test_any_name_masks_without_growing(name):
    """Total over names; nothing is added but stars in place of characters."""
    masked = mask(name)
    assert masked
    assert set(masked) <= set(unicodedata.normalize("NFC", name)) | set("* ")
    assert len(masked) <= len(unicodedata.normalize("NFC", name)) + 1
