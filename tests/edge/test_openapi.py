import json
from typing import Annotated

import msgspec
import pytest

from edge.clock import FixedClock
from edge.http import answer, create_frame
from edge.openapi import describe, document, openapi_blueprint
from tests.edge.builders import NOON, Leaf


class Search(msgspec.Struct, forbid_unknown_fields=True):
    on: str
    most: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10


def an_app(order=1):
    """An application with a written call, a read one and the document itself; `order` turns the registrations round."""
    app = create_frame("edge", clock=FixedClock(NOON))

    @describe(
        summary="Plant a leaf",
        tag="leaves",
        body=Leaf,
        answers={201: Leaf},
        problems=["operation-conflict"],
        auth="device",
        writes=True,
    )
    def plant(branch, number):
        return answer({"branch": branch, "number": number}, 201)

    @describe(
        summary="Find leaves", tag="search", query=Search, answers={200: list[Leaf], 204: "There is none."}, auth="none"
    )
    def find():
        return answer([])

    @describe(summary="A photo", tag="search", answers={200: "image/jpeg"}, auth="integrator")
    def photo():
        return answer([])

    routes = [
        ("/v1/branches/<branch>/leaves/<int:number>", "plant", plant, ["POST"]),
        ("/v1/leaves", "find", find, ["GET"]),
        ("/v1/photo", "photo", photo, ["GET"]),
        ("/page", "page", lambda: "", ["GET"]),
    ]
    for rule, endpoint, view, methods in routes[::order]:
        app.add_url_rule(rule, endpoint, view, methods=methods)
    app.register_blueprint(openapi_blueprint(title="Test", version="1"))
    return app


def the_document():
    """The document as a client reads it."""
    response = an_app().test_client().get("/v1/openapi.json")
    assert response.content_type == "application/json"
    return response.json


def test_it_is_openapi_3_1_with_all_described_routes_and_no_other():
    """Pages are not part of the interface."""
    found = the_document()
    assert found["openapi"] == "3.1.0"
    assert list(found["paths"]) == [
        "/v1/branches/{branch}/leaves/{number}",
        "/v1/leaves",
        "/v1/openapi.json",
        "/v1/photo",
    ]


def test_a_writing_call_names_its_path_body_and_operation_id():
    """Path parameters are typed by their converters."""
    plant = the_document()["paths"]["/v1/branches/{branch}/leaves/{number}"]["post"]
    named = {item["name"]: item for item in plant["parameters"]}
    assert named["branch"]["schema"] == {"type": "string"}
    assert named["number"]["schema"] == {"type": "integer", "minimum": 0}
    assert named["Idempotency-Key"]["in"] == "header"
    assert [name for name, item in named.items() if not item["required"]] == ["Yunju-Operator"]
    assert plant["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Leaf"}
    assert plant["security"] == [{"device": []}]
    assert named["DPoP"]["in"] == "header"
    assert "**`bh`** = base64url(SHA-256(body))" in named["DPoP"]["description"]


def test_problems_stand_under_their_status():
    """Those that body, rights and writing bring as well as those named."""
    responses = the_document()["paths"]["/v1/branches/{branch}/leaves/{number}"]["post"]["responses"]
    assert {"201", "400", "401", "403", "408", "409", "413", "415", "422", "500"} == set(responses)
    schema = responses["409"]["content"]["application/problem+json"]["schema"]
    assert schema["allOf"][1]["properties"]["code"]["enum"] == ["operation-conflict"]


def test_a_query_becomes_parameters():
    """With bounds, and only what has no default required."""
    on, most = the_document()["paths"]["/v1/leaves"]["get"]["parameters"]
    assert (on["name"], on["in"], on["required"]) == ("on", "query", True)
    assert (most["required"], most["schema"]["maximum"], most["schema"]["default"]) == (False, 50, 10)


def test_answers_may_be_types_media_types_or_sentences():
    """A list, a picture, nothing."""
    paths = the_document()["paths"]
    found = paths["/v1/leaves"]["get"]["responses"]
    assert found["200"]["content"]["application/json"]["schema"]["items"] == {"$ref": "#/components/schemas/Leaf"}
    assert found["204"] == {"description": "There is none."}
    assert list(paths["/v1/photo"]["get"]["responses"]["200"]["content"]) == ["image/jpeg"]


def test_every_reference_leads_somewhere():
    """No schema is named that the document does not hold; every security scheme is explained."""
    found = the_document()
    text = json.dumps(found)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(found["components"]["schemas"])
    used = {
        name for path in found["paths"].values() for call in path.values() for item in call["security"] for name in item
    }
    assert used <= set(found["components"]["securitySchemes"])


def test_unknown_fields_are_closed_in_the_schema_too():
    """forbid_unknown_fields shows to whoever generates a client."""
    assert the_document()["components"]["schemas"]["Leaf"]["additionalProperties"] is False


def test_the_document_does_not_depend_on_the_order_of_registration():
    """The same application is the same document, byte for byte."""
    one, other = (json.dumps(document(an_app(order), title="Test", version="1")) for order in (1, -1))
    assert one == other


def test_an_undescribed_route_under_v1_is_a_fault():
    """Each is named."""
    app = an_app()
    app.add_url_rule("/v1/bare", "bare", lambda: "")
    app.add_url_rule("/v1/worse/<x>", "worse", lambda x: x)
    with pytest.raises(ValueError, match=r"/v1/bare, /v1/worse/<x>"):
        document(app, title="Test", version="1")


def test_an_unknown_problem_code_is_a_fault():
    """The set is closed here too."""
    with pytest.raises(ValueError, match="no-such"):
        describe(summary="", tag="", answers={}, problems=["no-such"])


def test_describing_leaves_the_view_as_it_is():
    """The decorator adds nothing to a request's cost."""

    def view():
        return "as it is"

    assert describe(summary="", tag="", answers={})(view) is view
