"""The shipped programme against the guide's own sentences: nothing is missing, nothing is told otherwise."""

import json
import re

import pytest

from cards.programme.export import programme_json
from cards.programme.types import Mode
from tests.cards.programme import guide
from tests.cards.programme.builders import baiyun

EVERYTHING = json.dumps(programme_json(baiyun()), ensure_ascii=False)


def of_item(number: int) -> list:
    """Return the services of one item."""
    return [service for service in baiyun().services.values() if service.item == number]


def test_the_guide_holds_38_grounds_and_special():
    """18 for diamond, 13 for gold, 7 for silver, and one whose tier is decided (docs/guide-coverage.md, The guide
    holds).
    """
    tiers = [ground.tier for ground in baiyun().grounds.values()]
    assert {tier: tiers.count(tier) for tier in tiers} == {"diamond": 18, "gold": 13, "silver": 7, None: 1}
    assert list(baiyun().grounds)[-1] == "special"


@pytest.mark.parametrize("tier", ["diamond", "gold", "silver"])
def test_each_ground_reads_as_in_the_guide(tier):
    """Ground n of a tier has the guide's sentence n, and its limbs say nothing that the sentence does not hold."""
    for number, sentence in enumerate(guide.GROUNDS[tier], 1):
        ground = baiyun().grounds[f"{tier}-{number}"]
        assert ground.text.zh == sentence
        assert ground.tier == tier
    assert baiyun().grounds["special"].text.zh == guide.GROUNDS["special"][0]


def test_limbs_take_their_words_from_their_ground():
    """Every piece of a limb's Chinese text stands in the ground's sentence or in that sentence's common ending."""
    for ground in baiyun().grounds.values():
        for limb in ground.limbs:
            for exclusion in limb.excludes:
                assert exclusion.zh in ground.text.zh
            for piece in re.split(r"[，、]", limb.text.zh):
                shared = sum(sign in ground.text.zh for sign in piece)
                assert shared >= 0.9 * len(piece), (ground.code, piece)


def test_the_guide_holds_seven_basic_and_two_special_documents():
    """7 basic documents with identity in 3 variants (the third in two forms), and 2 special ones."""
    parts = [(document.part, document.number) for document in baiyun().documents.values()]
    assert parts == [("basic", number) for number in range(1, 8)] + [("special", 1), ("special", 2)]
    identity = baiyun().documents["identity"].variants
    assert {variant.number for variant in identity} == {1, 2, 3}
    assert [variant.id_type for variant in identity] == ["resident-id", "passport", "permit-hk-macao", "permit-taiwan"]


def test_documents_read_as_in_the_guide():
    """Names of the documents and the wording of the identity variants are the guide's."""
    names = [document.name.zh for document in baiyun().documents.values()]
    variants = [variant.text.zh for variant in baiyun().documents["identity"].variants]
    for sentence in (*guide.BASIC_DOCUMENTS, *guide.SPECIAL_DOCUMENTS):
        pieces = sentence.removesuffix("。").removesuffix("：").split("或《")
        assert any(pieces[-1] in text for text in (*names, *variants)), sentence
        assert any(pieces[0] in text for text in (*names, *variants)), sentence


def test_the_guide_holds_13_items_with_their_promise():
    """Thirteen items, each with the guide's sentence of what it gives."""
    assert list(baiyun().items) == list(range(1, 14))
    assert [baiyun().item_texts[number].zh for number in range(1, 14)] == guide.PROMISES
    assert all(of_item(number) for number in range(1, 14))


def test_tiers_have_the_items_of_the_guide():
    """Diamond has items 1 to 13, gold 1 to 10, silver 1 to 7."""
    for tier, last in {"diamond": 13, "gold": 10, "silver": 7}.items():
        items = {service.item for service in baiyun().services.values() if tier in service.tiers}
        assert items == set(range(1, last + 1))
    for service in baiyun().services.values():
        assert service.tiers == {
            tier for tier, last in {"diamond": 13, "gold": 10, "silver": 7}.items() if service.item <= last
        }


@pytest.mark.parametrize("item", guide.MATERIALS)
def test_materials_are_the_guides(item):
    """Each service of an item lists the guide's materials, in its order."""
    for service in of_item(item):
        assert [text.zh for text in service.materials] == guide.MATERIALS[item]


@pytest.mark.parametrize("item", guide.STEPS)
def test_steps_are_the_guides(item):
    """The services of an item tell the guide's steps, in its order."""
    told = {"".join(text.zh for text in service.steps) for service in of_item(item)}
    assert "".join(guide.STEPS[item]) in told


@pytest.mark.parametrize("item", guide.NOTES)
def test_notes_are_the_guides(item):
    """Every note of the guide stands with each service of its item."""
    for service in of_item(item):
        assert set(guide.NOTES[item]) <= {text.zh for text in service.notes}


def telephones(text: str) -> set[str]:
    """Return the telephone numbers in a text: eight digits, with an area code or not, or a mobile's eleven."""
    return {
        number[-8:] if len(number) != 11 else number for number in re.findall(r"(?<!\d)(?:1\d{10}|\d{8})(?!\d)", text)
    }


def test_the_guide_holds_19_telephone_numbers_and_the_programme_the_same():
    """The 19 distinct numbers of the guide are the programme's, no more and no fewer."""
    printed = telephones(" ".join(guide.CONTACTS))
    departments, points = baiyun().departments.values(), baiyun().points.values()
    phones = {phone.number for entry in (*departments, *points) for phone in entry.phones}
    assert len(printed) == 19
    assert {number.removeprefix("(020)") for number in phones} == printed


def test_each_department_has_the_number_that_the_guide_prints_beside_it():
    """「服务承办部门：…，咨询电话：…」 pairs are the departments'."""
    held = {(one.name.zh, phone.number) for one in baiyun().departments.values() for phone in one.phones}
    printed = [re.fullmatch(r"服务承办部门：(.+)，咨询电话：(\d+)。", line) for line in guide.CONTACTS]
    pairs = {found.groups() for found in printed if found}
    assert len(pairs) == 17
    assert pairs == held


def test_airport_points_print_booking_change_and_department_numbers():
    """Both airport points give the booking number, customer service with its area code, and the department."""
    for code in ("air-dom", "air-intl"):
        assert [phone.number for phone in baiyun().points[code].phones] == ["13560135683", "(020)86132888", "36611377"]


def test_two_addresses_and_one_web_address():
    """The guide's two addresses and its one web address stand where they are needed."""
    addresses = {entry.address.zh for entry in baiyun().points.values() if entry.address}
    assert addresses == {"白云大道南118号七楼", "广州市白云区兴泰路28号一楼"}
    links = {link for service in baiyun().services.values() for link in service.links}
    assert links == {"http://www.hrssgz.gov.cn/rcyj/"}
    assert re.findall(r"网址：([^）]+)）", "".join(guide.STEPS[1])) == sorted(links)


def test_seven_hospitals_are_points_under_the_guides_names():
    """「区属医院主要包括」 names seven hospitals; all three priority services are offered at each and nowhere else."""
    listed = guide.NOTES[6][0].split("：")[1].removesuffix("。").split("、")
    points = baiyun().points
    assert len(listed) == 7
    for code in ("hospital-registration", "hospital-payment", "hospital-other"):
        assert [points[point].name.zh for point in baiyun().services[code].points] == listed


def test_23_airport_inclusions_in_the_guides_words():
    """7, 6, 5 and 5 inclusions, word for word."""
    codes = ["airport-dom-departure", "airport-dom-arrival", "airport-intl-departure", "airport-intl-arrival"]
    counts = []
    for code, line in zip(codes, guide.INCLUSIONS, strict=True):
        included = [text.zh for text in baiyun().services[code].includes]
        assert included == line.split("：", 1)[1].removesuffix("。").split("；")
        counts.append(len(included))
    assert counts == [7, 6, 5, 5]
    assert sum(counts) == 23


@pytest.mark.parametrize("rule", ["air-dom", "air-intl"])
def test_nine_groups_of_booking_fields(rule):
    """Both airport rules ask for the guide's nine groups of fields; the sentence names each."""
    asked = baiyun().booking_rules[rule].fields
    sentence = (
        guide.STEPS[13][1].replace("和姓名", "乘机人姓名").replace("人员人数及姓名", "人员人数、送机/接机人员姓名")
    )
    sentence = sentence.replace("车辆数量及车牌号", "车辆数量、车牌号")
    assert {field.group for field in asked} == set(range(1, 10))
    assert all(field.label.zh in sentence for field in asked)


def test_scope_channels_employers_and_intake_are_told():
    """Who may apply, where and when: the first part's remaining sentences."""
    for words in (
        "云聚英才卡是享受白云区高层次人才服务的统一标识",
        "在白云区注册或纳税的单位",
        "本辖区内教学、医疗、科研机构",
        "广东省政务服务网",
        "白云区政策兑现服务平台",
        "常年受理",
    ):
        assert words in EVERYTHING


def test_24_points_45_services():
    """docs/guide-coverage.md's table of points and of services, combined rows counted apart."""
    assert len(baiyun().points) == 24
    assert len(baiyun().services) == 45
    modes = [service.mode for service in baiyun().services.values()]
    assert {mode: modes.count(mode) for mode in Mode} == {
        Mode.SCANNED: 16,
        Mode.BOOKED: 11,
        Mode.REQUESTED: 6,
        Mode.KEPT: 8,
        Mode.INFORMATION: 4,
    }
