"""The API's function, from the gateway's event to its answer and the stored items."""

import base64
import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import InvalidRequest, UnsupportedMediaType
from tasks.handlers import predict
from tasks.online import api_answer
from tasks.online.api_answer import MOST_ERRORS
from tasks.online.api_request import ApiRequest
from tasks.records.cleaning import unknown_fields
from tasks.records.signature import Feature, Signature
from tests.tasks.conftest import CONTEXT, GOOD, SIGNATURE, metrics_in
from tests.tasks.model_server import error, model_error, refused

RECEIVED = 1_795_395_723  # 2026-11-23T01:02:03Z
MONTH = 30 * 86_400


def event(method, **members):
    return {
        "httpMethod": method,
        "path": "/predict",
        "headers": {},
        "multiValueQueryStringParameters": None,
        "queryStringParameters": None,
        "body": None,
        "isBase64Encoded": False,
        "requestContext": {"requestId": "r-1", "requestTimeEpoch": RECEIVED * 1000 + 999},
    } | members


def get(query):
    return event("GET", multiValueQueryStringParameters=parse_qs(query, keep_blank_values=True) or None)


def post(body, **members):
    text = body if isinstance(body, str) else json.dumps(body)
    return event("POST", **{"body": text, "headers": {"Content-Type": "application/json"}} | members)


@pytest.fixture
def api(online, monkeypatch):
    monkeypatch.setattr(predict, "_online", lambda: online)

    def call(request):
        response = predict.handler(request, CONTEXT)
        assert response["headers"]["Content-Type"] == "application/json"
        return response["statusCode"], json.loads(response["body"]), response["headers"]

    return call


def test_a_get_predicts_the_record_of_its_query(api, world, model, capsys):
    status, answer, _ = api(get("distance=300&wind=5.5&origin=JFK"))

    assert status == 200
    assert answer == {
        "requestId": "r-1",
        "modelVersion": "v1",
        "variant": "ModelA",
        "predictionId": "r-1-0",
        "score": 0.3,
        "prediction": False,
    }
    assert model.calls == [[{"distance": 300.0, "wind": 5.5, "origin": "JFK"}]]
    assert world.items() == [
        {
            "predictionId": {"S": "r-1-0"},
            "source": {"S": "api"},
            "variant": {"S": "ModelA"},
            "modelVersion": {"S": "v1"},
            "score": {"N": "0.3"},
            "prediction": {"BOOL": False},
            "createdAt": {"N": str(RECEIVED)},
            "expirationTime": {"N": str(RECEIVED + MONTH)},
        }
    ]
    assert metrics_in(capsys.readouterr().out) == [
        {"variant": "ModelA", "Predictions": [1.0]},
        {"InvalidRecords": [0.0], "FailedRequests": [0.0]},
    ]


@pytest.mark.parametrize("query", ["distance=300&origin=JFK", "distance=300&wind=&origin=JFK"])
def test_a_get_may_leave_a_nullable_feature_out(api, model, query):
    assert api(get(query))[0] == 200
    assert model.calls == [[{"distance": 300.0, "wind": None, "origin": "JFK"}]]


def test_a_post_predicts_its_records_in_their_order(api, world, model):
    model.variant = "ModelB"
    records = [GOOD, {"distance": 700, "origin": "EWR", "wind": None}, {"distance": 500, "origin": "LGA"}]

    status, answer, _ = api(post({"records": records}))

    assert status == 200
    assert answer == {
        "requestId": "r-1",
        "modelVersion": "v1",
        "variant": "ModelB",
        "predictions": [
            {"predictionId": "r-1-0", "score": 0.3, "prediction": False},
            {"predictionId": "r-1-1", "score": 0.7, "prediction": True},
            {"predictionId": "r-1-2", "score": 0.5, "prediction": True},
        ],
    }
    assert [item["score"]["N"] for item in world.items()] == ["0.3", "0.7", "0.5"]
    assert len(model.calls) == 1


def test_a_body_may_come_in_base64(api):
    body = base64.b64encode(json.dumps({"records": [GOOD]}).encode()).decode()

    assert api(post(body, isBase64Encoded=True))[0] == 200


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_is_read_as_http_says(api, kind):
    assert api(post({"records": [GOOD]}, headers={"content-type": kind}))[0] == 200


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("wind=5&origin=JFK", "distance", "no value, and the model needs one"),
        ("distance=&wind=5&origin=JFK", "distance", "no value"),
        ("distance=far&origin=JFK", "distance", '"far" is not a number'),
        ("distance=nan&origin=JFK", "distance", "NaN is not a finite number"),
        ("distance=1e999&origin=JFK", "distance", "inf is not a finite number"),
        ("distance=300&origin=SFO", "origin", 'the model does not know "SFO"; it knows EWR, JFK, LGA'),
        ("distance=300&origin=JFK&wnd=5", "wnd", "the model has no such feature; it has distance, wind, origin"),
        ("distance=300&distance=400&origin=JFK", "distance", "there 2 times"),
    ],
)
def test_a_get_with_a_bad_value_is_refused_and_its_field_named(api, world, model, query, field, message):
    status, answer, _ = api(get(query))

    assert status == 400
    assert [entry["field"] for entry in answer["errors"]] == [field]
    assert message in answer["errors"][0]["message"]
    assert f"{field}: " in answer["message"]
    assert answer["requestId"] == "r-1"
    assert model.calls == world.items() == []


def test_a_model_with_many_features_does_not_list_all_of_them_at_every_misspelled_one():
    signature = Signature(tuple(Feature(f"feature_{number}", "number") for number in range(5_000)))
    records = [{"featur": 1.0}] * 100

    said = list(unknown_fields(records, signature))

    assert said[0].message.startswith("the model has no such feature; it has feature_0, feature_1, ")
    assert said[0].message.endswith(" and 4980 more")
    assert sum(len(error.message) for error in said) < 100_000, "Lambda's answers have a size limit"


def test_one_bad_record_of_a_post_means_that_nothing_is_predicted(api, world, model, capsys):
    bad = [{"distance": "300", "origin": 7, "extra": 1}, {"distance": True, "origin": "JFK"}]

    status, answer, _ = api(post({"records": [GOOD, *bad]}))

    assert status == 400
    assert answer["error"] == "InvalidRecords"
    assert [(entry["record"], entry["field"]) for entry in answer["errors"]] == [
        (1, "extra"),
        (1, "distance"),
        (1, "origin"),
        (2, "distance"),
    ]
    assert answer["message"].endswith("(and 3 more)")
    assert model.calls == world.items() == []
    assert metrics_in(capsys.readouterr().out) == [{"InvalidRecords": [2.0], "FailedRequests": [0.0]}]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ("", None, "the request has no body"),
        (" \n", None, "the request has no body"),
        ("{", None, "the body is not JSON"),
        ("[" * 100_000, None, "the body is not JSON"),
        ('{"records": [{"distance": "\\ud800"}]}', None, "cannot be stored as JSON"),
        ('{"records": [{"distance": "\ud800"}]}', None, "the body"),
        ("[]", None, "JSON, but not an object"),
        ("{}", "records", "is no array"),
        ('{"records": {}}', "records", "is no array"),
        ('{"records": []}', "records", "array of 1 to 100 objects, and is 0 records"),
        (json.dumps({"records": [GOOD] * 101}), "records", "is 101 records"),
        ('{"records": [{}], "model": "v2"}', "model", "not a key of the body"),
        ('{"records": [null]}', None, "the record is not an object"),
    ],
)
def test_a_body_of_another_form_is_refused_with_what_is_wrong(api, model, body, field, message):
    status, answer, _ = api(post(body))

    assert (status, answer["error"]) == (400, "InvalidRequest")
    assert answer["errors"][0]["field"] == field
    assert message in answer["errors"][0]["message"]
    assert model.calls == []


def test_a_refusal_is_logged_with_its_fields_but_not_with_their_values(api, logs):
    api(get("distance=secret&origin=JFK&extra=hidden"))

    (logged,) = logs()
    assert (logged["error"], logged["fields"]) == ("InvalidRecords", ["distance", "extra"])
    assert not [word for word in ("secret", "hidden") if word in json.dumps(logged)]


def test_as_many_records_as_the_settings_say_are_taken(api, monkeypatch):
    monkeypatch.setenv("ML_PIPELINE_MOST_RECORDS", "2")

    assert api(post({"records": [GOOD] * 2}))[0] == 200
    assert api(post({"records": [GOOD] * 3}))[0] == 400


def test_a_body_that_is_not_base64_is_refused(api):
    assert api(post("%%%", isBase64Encoded=True))[:1] == (400,)


@pytest.mark.parametrize("headers", [None, {}, {"Content-Type": "text/csv"}])
def test_a_body_that_is_not_declared_as_json_is_refused(api, headers):
    status, answer, _ = api(post({"records": [GOOD]}, headers=headers))

    assert (status, answer["error"]) == (415, "UnsupportedMediaType")


def test_another_method_is_refused(api):
    assert api(event("DELETE"))[:1] == (405,)


def test_an_answer_lists_a_bounded_number_of_errors_with_bounded_names(api):
    fields = {f"{number}{'x' * 10_000}": 1 for number in range(MOST_ERRORS + 50)}

    status, answer, _ = api(post({"records": [GOOD | fields]}))

    assert status == 400
    assert len(answer["errors"]) == MOST_ERRORS
    assert answer["message"].endswith(f"(and {MOST_ERRORS + 49} more)")
    assert max(len(entry["field"]) for entry in answer["errors"]) <= 100


def test_what_the_variant_s_model_refuses_is_the_caller_s_to_mend(api, world, model):
    model.script.append(refused((0, "origin", "the model does not know it")))

    status, answer, _ = api(post({"records": [GOOD]}))

    assert (status, answer["error"]) == (400, "InvalidRecords")
    assert answer["errors"] == [{"record": 0, "field": "origin", "message": "the model does not know it"}]
    assert world.items() == []


@pytest.mark.parametrize(
    ("reply", "status", "name"),
    [
        (error(400, "ThrottlingException"), 503, "EndpointUnavailable"),
        (model_error(500, "Traceback: secret"), 503, "EndpointUnavailable"),
        (error(400, "ValidationError"), 502, "EndpointRefused"),
        ((200, {}, b"secret"), 502, "EndpointAnswerInvalid"),
        (error(403, "AccessDeniedException"), 500, "InternalError"),
    ],
)
def test_a_failure_of_ours_has_a_status_and_no_details(api, world, model, logs, capsys, reply, status, name):
    model.script += [reply] * 2

    found, answer, headers = api(post({"records": [GOOD]}))

    assert (found, answer["error"], answer["requestId"]) == (status, name, "r-1")
    assert ("Retry-After" in headers) == (status == 503)
    assert not [word for word in ("secret", "its words", "flights", "Trace") if word in json.dumps(answer)]
    assert world.items() == []
    assert metrics_in(capsys.readouterr().out) == [{"InvalidRecords": [0.0], "FailedRequests": [1.0]}]
    (logged,) = logs()
    assert (logged["level"], logged["api_request_id"]) == ("ERROR", "r-1")
    assert "Traceback" in logged["exception"]


def test_a_prediction_that_could_not_be_stored_is_not_told(api, online, monkeypatch):
    monkeypatch.setattr(online.items, "_send", lambda body: (503, b"slow down"))
    monkeypatch.setattr("tasks.scoring.item_store.time.sleep", lambda seconds: None)

    status, answer, headers = api(post({"records": [GOOD]}))

    assert (status, answer["error"]) == (503, "ServiceUnavailable")
    assert headers["Retry-After"] == "5"
    assert "score" not in json.dumps(answer)


def test_a_defect_of_ours_is_an_error_without_details(api, monkeypatch):
    def defect(*arguments):
        raise RuntimeError("secret")

    monkeypatch.setattr(ApiRequest, "cleaned", defect)

    status, answer, _ = api(post({"records": [GOOD]}))

    assert (status, answer["error"]) == (500, "InternalError")
    assert "secret" not in json.dumps(answer)


def test_the_path_is_made_once_for_a_process(online):
    predict._online.cache_clear()

    assert predict._online() is predict._online()
    predict._online.cache_clear()


def outcome(request):
    """The cleaned records of a request, or the body of its refusal."""
    try:
        return ApiRequest.parse(request, 100).cleaned(SIGNATURE), None
    except (InvalidRequest, UnsupportedMediaType) as refusal:
        return [], json.loads(api_answer.failure("r-1", refusal)["body"])


texts = st.one_of(st.sampled_from(["300", "JFK", "", "nan", "1e400", "\ud800"]), st.text(max_size=5))
names = st.one_of(st.sampled_from(["distance", "wind", "origin"]), texts)


@given(st.one_of(st.none(), st.dictionaries(names, st.lists(texts, min_size=1, max_size=3), max_size=5)))
def test_any_query_is_a_record_or_is_refused_with_its_fields(parameters):
    records, refusal = outcome(event("GET", multiValueQueryStringParameters=parameters))

    if refusal is not None:
        told = {(entry["record"], entry["field"]) for entry in refusal["errors"]}
        assert told <= {(0, name) for name in (*SIGNATURE.names, *(parameters or ()), None)}
    else:
        (record,) = records
        assert set(parameters) <= set(SIGNATURE.names)
        assert isinstance(record["distance"], float)
        assert record["origin"] in ("EWR", "JFK", "LGA")


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(-(10**30), 10**30), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)
bodies = st.one_of(
    st.text(max_size=30),
    values.map(json.dumps),
    st.lists(st.one_of(values, st.dictionaries(names, values, max_size=4)), max_size=4).map(
        lambda records: json.dumps({"records": records})
    ),
)


@given(bodies, st.booleans(), st.sampled_from([{"Content-Type": "application/json"}, {}, {"content-type": "x"}, None]))
def test_any_body_is_records_or_is_refused(body, is_base64, headers):
    records, refusal = outcome(post(body, isBase64Encoded=is_base64, headers=headers))

    if refusal is not None:
        declared = headers == {"Content-Type": "application/json"}
        assert declared == bool(refusal["errors"])
    else:
        assert len(records) == len(json.loads(body)["records"])
        assert all(set(record) == set(SIGNATURE.names) for record in records)


# While the active version is of no use


def write(world, value):
    world.registry._ssm.put_parameter(Name="/ml-pipeline/models/active-version", Value=value, Overwrite=True)


def test_a_typo_in_the_active_version_changes_no_answer_and_is_logged_and_counted(api, world, online, logs, capsys):
    api(post({"records": [GOOD]}))
    write(world, "v22")
    online.active._look_again_at = float("-inf")  # a minute later
    capsys.readouterr()

    assert [api(post({"records": [GOOD]}))[0] for _ in range(61)] == [200] * 61

    (logged,) = [line for line in logs() if line["level"] == "ERROR"]
    assert (logged["message"], logged["error"], logged["instead"]) == (
        "active version not usable",
        "NoSuchVersion",
        "v1",
    )
    assert "says 'v22'" in logged["reason"]
    counted = [found for found in metrics_in(capsys.readouterr().out) if "ActiveVersionFailures" in found]
    assert counted == [{"ActiveVersionFailures": [1.0], "InvalidRecords": [0.0], "FailedRequests": [0.0]}]


def test_a_process_that_starts_with_a_typo_serves_by_the_version_before(api, world):
    write(world, "v22")

    assert api(post({"records": [GOOD]}))[0] == 200


def test_a_process_that_starts_without_any_version_says_that_it_is_unavailable(api, world, model):
    world.registry._ssm.delete_parameter(Name="/ml-pipeline/models/active-version")

    status, answer, headers = api(post({"records": [GOOD]}))

    assert (status, answer["error"], headers["Retry-After"]) == (503, "ServiceUnavailable", "5")
    assert "active-version" not in json.dumps(answer)
    assert model.calls == []
