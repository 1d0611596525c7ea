import pytest

from edge.problems import PROBLEMS, Problem, ProblemKind, register_problem

BASE = {
    "bad-json": 400,
    "bad-request": 400,
    "unauthenticated": 401,
    "bad-token": 401,
    "bad-dpop-proof": 401,
    "bad-wallet-proof": 401,
    "clock-off": 401,
    "device-revoked": 401,
    "not-permitted": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "too-slow": 408,
    "operation-conflict": 409,
    "too-large": 413,
    "unsupported-media-type": 415,
    "malformed": 422,
    "card-unknown": 422,
    "invalid-field": 422,
    "too-many-requests": 429,
    "internal": 500,
    "unavailable": 503,
    "clock-skew": 503,
}


@pytest.mark.parametrize(("code", "status"), BASE.items())
def test_the_base_codes_keep_their_status(code, status):
    """A code is a promise to integrators."""
    assert PROBLEMS[code].status == status


@pytest.mark.parametrize("kind", [PROBLEMS[code] for code in BASE], ids=lambda kind: kind.code)
def test_each_kind_speaks_both_languages_and_names_a_remedy(kind):
    """Neither name nor hint is empty."""
    assert kind.zh
    assert kind.en
    assert kind.hint.endswith(".")


def test_a_rooms_kind_joins_the_set_once():
    """Registering again is harmless, taking a known code is not."""
    kind = ProblemKind("test-only", 409, "测试", "A test", "None.")
    assert register_problem(kind) is kind
    register_problem(ProblemKind("test-only", 409, "测试", "A test", "None."))
    assert Problem("test-only").status == 409
    with pytest.raises(ValueError, match="taken"):
        register_problem(ProblemKind("test-only", 404, "测试", "A test", "None."))


def test_the_set_cannot_be_changed_from_outside():
    """Only register_problem adds."""
    with pytest.raises(TypeError):
        PROBLEMS["other"] = PROBLEMS["internal"]


def test_an_unknown_code_is_a_fault_of_ours():
    """The set is closed."""
    with pytest.raises(ValueError, match="no-such"):
        Problem("no-such")


def test_extra_members_cannot_replace_the_documents_own():
    """A view cannot lie about the status by accident."""
    with pytest.raises(ValueError, match="own"):
        Problem("not-found", extra={"status": 200})


def test_the_document_has_the_members_of_rfc_9457():
    """With detail, instance and further members where there are some."""
    document = Problem("invalid-field", "Too long.", extra={"fields": []}).document("abc")
    assert document == {
        "type": "/problems/invalid-field",
        "title": "A field is not valid",
        "status": 422,
        "code": "invalid-field",
        "hint": PROBLEMS["invalid-field"].hint,
        "message": {"zh": "填写有误，请更正标出的栏目", "en": "A field is not valid"},
        "detail": "Too long.",
        "instance": "abc",
        "fields": [],
    }
