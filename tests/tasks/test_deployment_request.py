"""What the three workflows take."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deployment.input import DEPLOY_SCHEMA, ROLLBACK_SCHEMA, SHIFT_SCHEMA, parse_deployment, parse_kind
from tasks.errors import InvalidDeployment
from tasks.json_schema import complaint

SCHEDULED = {"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
CHANGED = {
    **SCHEDULED,
    "detail-type": "Parameter Store Change",
    "source": "aws.ssm",
    "detail": {"operation": "Update", "name": "/ml-pipeline/models/active-version", "type": "String"},
}
EVEN = {"ModelA": 50, "ModelB": 50}
STEP = {"weights": EVEN, "bakeSeconds": 300}


@pytest.mark.parametrize("kind", ["deploy", "rollback", "shift"])
@pytest.mark.parametrize("document", [{}, {"Comment": "Insert your JSON here"}, SCHEDULED])
def test_the_empty_the_console_s_and_the_scheduler_s_input_ask_for_the_defaults(kind, document):
    assert parse_deployment(kind, document) == {}


def test_an_event_may_ask_in_its_detail():
    assert parse_deployment("deploy", SCHEDULED | {"detail": {"version": "v2"}}) == {"version": "v2"}


def test_the_news_of_a_changed_parameter_asks_a_rollback_for_nothing_by_itself():
    assert parse_deployment("rollback", CHANGED) == {}


@pytest.mark.parametrize(
    ("kind", "document", "message"),
    [
        ("deploy", [], "the input must be an object, not []"),
        (
            "deploy",
            {"model": "v2"},
            "'model' is not a key of the input; allowed are Comment, role, sharePercent, version",
        ),
        ("deploy", {"version": "v 2"}, 'version is "v 2"; it must be 1 to 64 characters'),
        ("deploy", {"version": 2}, "version is 2; it must be text"),
        ("deploy", {"role": "leader"}, 'role is "leader"; it must be one of champion, challenger'),
        (
            "deploy",
            {"role": "challenger", "sharePercent": 0},
            "sharePercent is 0; it must be a number above 0, up to 100",
        ),
        ("deploy", {"role": "challenger", "sharePercent": True}, "sharePercent is true"),
        ("deploy", {"role": "challenger", "sharePercent": float("nan")}, "sharePercent is NaN"),
        ("deploy", {"sharePercent": 20}, "sharePercent is only for the role challenger"),
        ("deploy", CHANGED, "'operation' is not a key"),
        ("rollback", {"to": "v1"}, "allowed are Comment, version"),
        ("shift", {"weights": {"ModelA": 1}}, "weights lacks ModelB"),
        ("shift", {"weights": {**EVEN, "ModelC": 1}}, "'ModelC' is not a key of weights; allowed are ModelA, ModelB"),
        (
            "shift",
            {"weights": {"ModelA": -1, "ModelB": 1}},
            "weights.ModelA is -1; it must be a number from 0 to 1000000",
        ),
        ("shift", {"weights": {"ModelA": 0, "ModelB": 0}}, "weights are all 0; at least one variant needs traffic"),
        ("shift", {"steps": []}, "steps has 0 entries; allowed are 1 to 50"),
        ("shift", {"steps": [STEP, {"weights": EVEN}]}, "steps[1] lacks bakeSeconds"),
        ("shift", {"steps": [{**STEP, "bakeSeconds": 1.5}]}, "steps[0].bakeSeconds is 1.5; it must be a whole number"),
        ("shift", {"steps": [{**STEP, "weights": {"ModelA": 0, "ModelB": 0}}]}, "steps[0].weights are all 0"),
        ("shift", {"steps": [STEP], "weights": EVEN}, "an input has either steps or weights"),
        ("shift", {"steps": [STEP], "automatic": True}, "an input has either steps or automatic"),
        ("shift", {"end": "keep"}, "end is only for an input with steps"),
        ("shift", {"checkSeconds": 5}, "checkSeconds is only for an input with automatic"),
        ("shift", {"automatic": False}, "automatic is false; it must be true"),
        ("shift", {"automatic": True, "weights": {"ModelA": 1, "ModelB": 0}}, "weights must both be above 0"),
        ("shift", {"weights": EVEN, "guardRails": {}}, "guardRails is only for an input with steps or automatic"),
        ("shift", {"steps": [STEP], "guardRails": {"errors": 5}}, "'errors' is not a key of guardRails"),
    ],
)
def test_a_bad_input_is_refused_with_what_is_wrong_and_what_is_allowed(kind, document, message):
    with pytest.raises(InvalidDeployment) as refusal:
        parse_deployment(kind, document)
    assert message in str(refusal.value)


def test_an_unknown_kind_is_refused():
    with pytest.raises(InvalidDeployment, match="kind is 'undo'; allowed are deploy, rollback, shift"):
        parse_kind("undo")


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**7),
    st.floats(),
    st.sampled_from(["v1", "champion", "promote", "", "ä"]),
    st.just(EVEN),
    st.lists(st.just(STEP), max_size=2),
    st.dictionaries(st.sampled_from(["errorPercent", "latencyP99Ms", "ModelA", "ModelB"]), st.integers(-1, 200)),
)


@pytest.mark.parametrize("schema", [DEPLOY_SCHEMA, ROLLBACK_SCHEMA, SHIFT_SCHEMA], ids=["deploy", "rollback", "shift"])
@given(st.data())
def test_a_document_is_taken_exactly_if_it_fits_the_published_schema(schema, data):
    keys = st.one_of(st.sampled_from(sorted(schema["properties"])), st.just("other"))
    document = data.draw(st.dictionaries(keys, values, max_size=4))
    # JSON Schema counts 7.0 as an integer and lets NaN pass; a person who writes them has erred.
    odd = any(isinstance(value, float) and (value.is_integer() or value != value) for value in document.values())

    taken = complaint(document, schema) is None

    assert taken == jsonschema.Draft202012Validator(schema).is_valid(document) or odd
