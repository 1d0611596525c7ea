"""Broken programme files: each is refused with the place and the remedy, and all faults are told together."""

# ruff: noqa: E501, Q000, Q003 - one broken file a line, quoted as it stands in the file

import pytest

from cards.programme.faults import ProgrammeError
from cards.programme.load import LARGEST, load_programme, parse_programme
from tests.cards.programme.builders import SHIPPED, changed, faults_of

# what to replace in the example ("" appends), by what, where the fault is told, a word of the problem, one of the remedy
BROKEN = {
    "a misspelt key": ('maximum = 2\nunit = "month"', 'maximun = 2\nunit = "month"', "quotas.pool.maximun", "unknown key", "maximum"),
    "a missing key": ('rank = 20\n', "", "tiers.plus.rank", "missing", "add it"),
    "an unknown section": ("", '[weather.north]\nname = "North"', "weather", "unknown key", "use one of"),
    "a misspelt section": ("[quotas.badge]", "[quota.badge]", "quota", "unknown key", "quotas"),
    "an unknown quota": ('quota = "pool"', 'quota = "pol"', "services.pool-visit.quota", "no quota", "'pool'"),
    "an unknown tier": ('tiers = ["plus"]', 'tiers = ["pluss"]', "services.steam-room.tiers", "no tier", "'plus'"),
    "no tier": ('tiers = ["plus"]', "tiers = []", "services.steam-room.tiers", "empty", "at least one"),
    "a tier without letters": ('tiers = ["plus"]', 'tiers = [""]', "services.steam-room.tiers", "empty", "letters"),
    "a tier twice": ('tiers = ["plus"]', 'tiers = ["plus", "plus"]', "services.steam-room.tiers", "twice", "once"),
    "tiers of one rank": ("rank = 20", "rank = 10", "tiers", "share a rank", "greater"),
    "an unknown point": ('points = ["pool"]', 'points = ["poool"]', "services.pool-visit.points", "no point", "'pool'"),
    "a desk nowhere": ('points = ["pool"]', "points = []", "services.pool-visit.points", "needs a point", "checked in"),
    "a check-in without a desk": ("no_desk = false", "no_desk = true", "points.town-hall.no_desk", "checked in here", "another point"),
    "an unknown department": ('department = "leisure"', 'department = "leasure"', "points.pool.department", "no department", "'leisure'"),
    "an unknown item": ("item = 3\nname = \"Parking", "item = 4\nname = \"Parking", "services.parking-permit.item", "no item", "use one of"),
    "an item without a number": ("[items.3]", "[items.three]", "items.three", "not an item's number", "1, 2, 3"),
    "nobody answers": ('name = "Permits"\ntext = "Parking permits for residents and their employers."\ndepartments = ["town-hall"]', 'name = "Permits"', "services.badge.departments", "nobody answers", "department"),
    "an unknown mode": ('mode = "requested"', 'mode = "request"', "services.newsletter.mode", "not known", "'requested'"),
    "an unknown beneficiary": ('["holder", "child"]', '["holder", "kid"]', "services.pool-visit.beneficiaries", "nobody's name", "use one of"),
    "an unknown assurance": ('least_assurance = "proved"', 'least_assurance = "proven"', "services.steam-room.least_assurance", "not known", "'proved'"),
    "no reason for the assurance": ('assurance_reason = "nobody sits at this door to compare an ID"\n', "", "services.steam-room.assurance_reason", "missing", "add it"),
    "an offline word": ('offline_limit = "not-limited"', 'offline_limit = "unlimited"', "services.steam-room.offline_limit", "not known", "'not-limited'"),
    "an offline limit below nought": ("offline_limit = 2", "offline_limit = -1", "services.parking-permit.offline_limit", "-1", "from 0"),
    "an offline limit without a counter": ('mode = "requested"', 'mode = "requested"\noffline_limit = 1', "services.newsletter.offline_limit", "has none", "remove it"),
    "a truth value as a number": ("maximum = 2", "maximum = true", "quotas.pool.maximum", "True", "whole number"),
    "a huge number": ("maximum = 2", f"maximum = 0x{'f' * 5000}", "quotas.pool.maximum", "huge number", "whole number"),
    "a number in quotes": ("maximum = 2", 'maximum = "2"', "quotas.pool.maximum", "'2'", "whole number"),
    "an unknown unit": ('unit = "month"', 'unit = "week"', "quotas.pool.unit", "not known", "use one of"),
    "an unused quota": ('quota = "badge"\n', "", "quotas.badge", "no service takes it", "remove it"),
    "a booking without booking mode": ('quota = "pool"', 'booking = "appointment"\nquota = "pool"', "services.pool-visit.booking", "does not fit", "booked services"),
    "a booked service without a rule": ('booking = "appointment"\npoints = ["clinic"]\nleast_assurance = "counted"', 'points = ["clinic"]\nleast_assurance = "counted"', "services.clinic-check.booking", "does not fit", "booking rule"),
    "a scanned use of a booked quota": ('quota = "badge"', 'quota = "check"', "services.badge.quota", "counts by bookings", "another quota"),
    "a capacity without bookings": ('quota = "pool"', 'capacity = 1\nquota = "pool"', "services.pool-visit.capacity", "is not booked", "remove it"),
    "a request at a counter": ('quota = "pool"', 'request = {}\nquota = "pool"', "services.pool-visit.request", "is not asked for", "requested"),
    "a request of no content that asks for text": ("[services.newsletter.request]", "[services.newsletter.request]\nno_content = true", "services.newsletter.request.fields", "asks for no text", "no_content"),
    "a request that asks twice for the same": ('fields = [{ code = "address", label = "Address"', 'fields = [{ code = "address", label = "A", kind = "phone", required = true, personal = true }, { code = "address", label = "Address"', "services.newsletter.request.fields", "share a code", "its own"),
    "an unknown booking rule": ('booking = "appointment"', 'booking = "apointment"', "services.clinic-check.booking", "no booking rule", "'appointment'"),
    "a lead longer than ahead": ("lead_minutes = 60", "lead_minutes = 200_000", "booking_rules.appointment.lead_minutes", "longer than", "shorter"),
    "a window of nothing": ("opens_before_minutes = 20\ncloses_after_minutes = 10", "opens_before_minutes = 0\ncloses_after_minutes = 0", "booking_rules.appointment.closes_after_minutes", "could ever be used", "window"),
    "a service's window of nothing": ("{ opens_before_minutes = 5, closes_after_minutes = 5 }", "{ opens_before_minutes = 0, closes_after_minutes = 0 }", "services.physiotherapy.use_window", "could ever be used", "window"),
    "too many companions": ("companions_most = 1", "companions_most = 2", "services.clinic-check.companions_most", "a party is 2", "smaller"),
    "an unknown missed rule": ('missed = "consume"', 'missed = "forgive"', "booking_rules.appointment.missed", "not known", "use one of"),
    "an unknown change": ('["earlier", "later", "stricter-rule"]', '["sooner"]', "booking_rules.appointment.change_needs_lead", "no change", "earlier"),
    "an unknown kind of field": ('kind = "phone"', 'kind = "telephone"', "booking_rules.appointment.fields[1].kind", "not known", "'phone'"),
    "a count of nothing": ('counts = "company"', 'counts = "companie"', "booking_rules.appointment.fields[2].counts", "no list field", "'company'"),
    "a field of another's service": ('services = ["clinic-check"]', 'services = ["badge"]', "booking_rules.appointment.fields[4].services", "booked by this rule", "use one of"),
    "two fields of one name": ('code = "company",', 'code = "phone",', "booking_rules.appointment.fields", "share a code", "its own"),
    "an unknown group": ('group = "check", member = "clinic"', 'group = "chek", member = "clinic"', "services.clinic-check.exclusion.group", "no exclusion", "'check'"),
    "an unknown member": ('member = "clinic"', 'member = "hospital"', "services.clinic-check.exclusion.member", "no member of check", "use one of"),
    "a choice of one": ('members.physiotherapist = "The physiotherapist"\n', "", "exclusions.check.members", "needs two members", "two"),
    "a member that nothing takes": ('members.clinic = "The clinic"', 'members.clinic = "The clinic"\nmembers.gym = "The gym"', "exclusions.check.members.gym", "no service takes it", "remove it"),
    "a visit of a booked service": ("look_first = true", "look_first = true\nvisit = { minutes = 5, re_entries = 0 }", "services.clinic-check.visit", "has no visits", "remove it"),
    "a silent check-in": ('quota = "pool"', 'quota = "pool"\nlog_silent = true', "services.pool-visit.log_silent", "always logged", "kept"),
    "a choice without a counter": ('mode = "requested"', 'mode = "requested"\nexclusion = { group = "check", member = "clinic" }', "services.newsletter.exclusion", "only a check-in", "mode"),
    "a pattern that runs away": ('"^P-[0-9]{5}$"', '"^(?:a{1,9}){1,9}$"', "services.parking-permit.reference.pattern", "not repeated", "bounded"),
    "a pattern without anchors": ('"^P-[0-9]{5}$"', '"P-[0-9]{5}"', "services.parking-permit.reference.pattern", "begins with ^", "^[A-Z0-9]"),
    "a pattern that is none": ('"^P-[0-9]{5}$"', '"^[z-a]$"', "services.parking-permit.reference.pattern", "not a regular expression", "bounded"),
    "a reference of nothing": ('pattern = "^P-[0-9]{5}$", ', "", "services.parking-permit.reference.pattern", "pattern or choices", "one of them"),
    "a target past its limit": ("target_working_days = 0.5", "target_working_days = 5", "services.parking-permit.matter.target_working_days", "within a limit", "smaller"),
    "an unknown referral": ('{ national-scheme = "hold" }', '{ nation-scheme = "hold" }', "services.clinic-check.referral", "no referral", "'national-scheme'"),
    "an unknown way to refer": ('{ national-scheme = "hold" }', '{ national-scheme = "refuse" }', "services.clinic-check.referral.national-scheme", "not known", "use one of"),
    "a link of another kind": ('"https://www.millbrook.example/newsletter"', '"javascript:alert(1)"', "services.newsletter.links", "no web address", "https"),
    "a ground of an unknown tier": ('tier = "basic"\ntext', 'tier = "base"\ntext', "grounds.resident.tier", "no tier", "'basic'"),
    "a ground without a tier": ('tier = "basic"\ntext', "text", "grounds.resident.tier", "missing", "add it"),
    "a ground without limbs": ('limbs = [{ code = "a", text = "Has an address in Millbrook", proofs = ["utility-bill"] }]', "", "grounds.resident.limbs", "missing", "at least one"),
    "an unknown proof": ('proofs = ["utility-bill"]', 'proofs = ["utility-bil"]', "grounds.resident.limbs[0].proofs", "no document", "'utility-bill'"),
    "limbs of one code": ('code = "b"\ntext = "On the list', 'code = "a"\ntext = "On the list', "grounds.volunteer.limbs", "share a code", "its own"),
    "an unknown operator": ('operator = ">="', 'operator = "=>"', "grounds.volunteer.limbs[0].thresholds[0].operator", "not known", ">="),
    "a list from nowhere": ('list_from = ["council"]\n', "", "grounds.council-list.list_from", "missing", "whose lists"),
    "a document half named": ('grounds = ["volunteer"]', 'grounds = ["resident"]', "documents.service-letter.grounds", "one side alone", "both"),
    "documents of one name": ('code = "driving-licence"', 'code = "passport"', "documents", "called 'passport'", "its own code"),
    "an unknown kind of ID": ('id_type = "other"', 'id_type = "licence"', "documents.identity.variants[1].id_type", "not known", "use one of"),
    "nobody decides": ('basic = "town-hall"\n', "", "approval.basic", "missing", "decides"),
    "an unknown decider": ('plus = "town-hall"', 'plus = "townhall"', "approval.plus", "no department", "'town-hall'"),
    "an unknown zone": ('"Europe/Dublin"', '"Europe/Dubln"', "programme.zone", "no time zone", "'Europe/Dublin'"),
    "a zone outside the database": ('"Europe/Dublin"', '"../../etc/passwd"', "programme.zone", "no time zone", "use one of"),
    "a plain-text issuer": ('"https://cards.millbrook.example"', '"http://cards.millbrook.example"', "programme.issuer", "wrong shape", "https"),
    "a status base without a slash": ('status-lists/"', 'status-lists"', "programme.status_base", "wrong shape", "slash"),
    "a dictionary out of range": ("wire_dictionary = 2", "wire_dictionary = 100", "programme.wire_dictionary", "100", "from 1 to 99"),
    "a prefix in small letters": ('card_prefix = "MB"', 'card_prefix = "mb"', "programme.card_prefix", "wrong shape", "capital"),
    "an unknown language": ('languages = ["en"]', 'languages = ["en", "ga"]', "programme.languages", "not known", "use one of"),
    "no English": ('languages = ["en"]', 'languages = ["zh"]', "programme.languages", "English is missing", 'add "en"'),
    "a text in one language of two": ('languages = ["en"]', 'languages = ["zh", "en"]', "programme.name", "not a text in every language", 'zh = "…"'),
    "a text in a foreign language": ('name = "Plus"', 'name = { en = "Plus", de = "Plus" }', "tiers.plus.name.de", "unknown key", "use one of en"),
    "an empty text": ('name = "Plus"', 'name = " "', "tiers.plus.name", "empty", "without them"),
    "a text of two lines": ('name = "Plus"', 'name = "Pl\\nus"', "tiers.plus.name", "control characters", "one line"),
    "a telephone of letters": ('"+353 45 555 0110"', '"call us"', "departments.leisure.phones[0].number", "wrong shape", "digits"),
    "a code in capitals": ("[points.clinic]", "[points.Clinic]", "points.Clinic", "not a code", "lower-case"),
    "a table that is none": ("[quotas.badge]", "[quotas]\nodd = 3\n[quotas.badge]", "quotas.odd", "not a table", "[quotas.odd]"),
    "a list that is none": ("fields = [", 'assumed = "check-year"\nlate = [', "booking_rules.appointment.late", "unknown key", "lead_minutes"),
    "a refresh past the end": ("phone_refresh_after_days = 4", "phone_refresh_after_days = 14", "validity.phone_refresh_after_days", "not before", "smaller"),
    "an unknown assumption": ('assumed = "check-year"', 'assumed = "check-yaer"', "quotas.check.assumed", "no assumption", "'check-year'"),
    "an assumption of no setting": ('setting = "quotas.check.period_from"', 'setting = "quotas.check.from"', "assumption[0].setting", "not in this file", "path"),
    "a holiday of another year": ("2026-12-28]", "2027-01-01]", "office.holidays.2026", "not days of that year", "2026-01-01"),
    "hours backwards": ('to = "16:30"', 'to = "08:30"', "office.hours[0].to", "not after from", "later hour"),
    "a worked weekday": ("[office.holidays]", "working_weekends = [2026-11-23]\n[office.holidays]", "office.working_weekends", "no Saturday", "remove it"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "problem", "remedy"), BROKEN.values(), ids=BROKEN)
def test_a_fault_is_told_with_its_place_and_remedy(old, new, place, problem, remedy):
    """Every broken file is refused, and one of its faults names the place, the problem and what to write."""
    faults = faults_of(changed(old, new))
    told = [fault for fault in faults if fault.place == place]
    assert told, f"no fault at {place}: {[str(fault) for fault in faults]}"
    assert any(problem in fault.problem and remedy in fault.remedy for fault in told), [str(fault) for fault in told]


def test_all_faults_are_told_together():
    """Three slips in one file are three faults of one refusal, each on a line of its own."""
    text = (
        changed('quota = "pool"', 'quota = "pol"')
        .replace('"Europe/Dublin"', '"Dublin"')
        .replace("rank = 20", "rank = 0")
    )
    with pytest.raises(ProgrammeError) as refusal:
        parse_programme(text.encode(), "mine.toml")
    places = {fault.place for fault in refusal.value.faults}
    assert {"services.pool-visit.quota", "programme.zone", "tiers.plus.rank"} <= places
    assert str(refusal.value).startswith("mine.toml: ")
    assert len(str(refusal.value).splitlines()) == 1 + len(refusal.value.faults)


NO_TOML = {
    "an empty file": (b"", "missing"),
    "half a line": (b"[programme", "not TOML"),
    "a key twice": (b"a = 1\na = 2\n", "not TOML"),
    "another encoding": ("name = '云'".encode("gb18030"), "not UTF-8"),
    "a byte-order mark of UTF-16": ("a = 1".encode("utf-16"), "not UTF-8"),
    "too much": (b"#" * (LARGEST + 1), "too large"),
    "a list too deep": (b"a = " + b"[" * 100_000, "nested too deep"),
    "a number too long": (b"a = " + b"9" * 10_000, "not TOML"),
}


@pytest.mark.parametrize(("data", "problem"), NO_TOML.values(), ids=NO_TOML)
def test_what_is_no_programme_at_all_is_refused(data, problem):
    """Bytes that are no TOML, or no programme, give one kind of refusal."""
    with pytest.raises(ProgrammeError) as refusal:
        parse_programme(data, "x.toml")
    assert any(problem in fault.problem for fault in refusal.value.faults)


@pytest.mark.slow
def test_keys_nested_beyond_any_depth_are_refused():
    """A dotted key of thousands of parts is quoted as a table, never walked."""
    text = changed("", "a" + ".a" * 5000 + " = 1").replace('name = "Plus"', "name" + ".a" * 5000 + " = 1")
    assert any(fault.place == "tiers.plus.name.a" for fault in faults_of(text))


def test_a_key_that_cannot_be_printed_is_quoted():
    """A key with a line break cannot forge a line of the list of faults."""
    faults = faults_of(changed("", '"a\\nerror: b" = 1'))
    assert all(len(str(fault).splitlines()) == 1 for fault in faults)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """A missing file and a folder are refusals too, with the path as the place."""
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ProgrammeError) as refusal:
            load_programme(path)
        assert refusal.value.faults[0].place == str(path)


def test_a_chinese_text_of_the_shipped_file_needs_its_english():
    """Taking the English of one sentence from Baiyun's file is refused at that sentence."""
    text = (SHIPPED / "baiyun.toml").read_text(encoding="utf-8")
    broken = text.replace('name = { zh = "金卡", en = "Gold Card" }', 'name = { zh = "金卡" }')
    assert [fault.place for fault in faults_of(broken)] == ["tiers.gold.name.en"]
