"""Reading and writing by JSONPath."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.interpreter import paths
from workflows.interpreter.errors import StatesError
from workflows.interpreter.json_text import text_of
from workflows.interpreter.paths import PathSyntaxError

FLEET = {
    "planes": [
        {"tail": "N10", "seats": 55, "engine": {"kind": "jet"}},
        {"tail": "N20", "seats": 149, "engine": {"kind": "jet"}, "retired": None},
        {"tail": "N30", "seats": 8, "engine": {"kind": "prop"}},
    ],
    "limit": 100,
    "odd name": {"a.b": 1, "it's": 2},
    "nothing": None,
    "@type": {"a-b": 7},
    "huge": [1e308, 1e308],
}


def read(path: str, document: Any = FLEET, context: Any = None) -> Any:
    return paths.read(path, document, context, field="InputPath")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", FLEET),
        ("$.limit", 100),
        ("$.planes[0].tail", "N10"),
        ("$.planes[-1].tail", "N30"),
        ("$['planes'][1]['tail']", "N20"),
        ("$['odd name']['a.b']", 1),
        (r"$['odd name']['it\'s']", 2),
        ('$["limit"]', 100),
        ("$.planes[*].tail", ["N10", "N20", "N30"]),
        ("$.planes.*.tail", ["N10", "N20", "N30"]),
        ("$..tail", ["N10", "N20", "N30"]),
        ("$..engine.kind", ["jet", "jet", "prop"]),
        ("$..[0].tail", ["N10"]),
        ("$.planes[1:].tail", ["N20", "N30"]),
        ("$.planes[:-1].tail", ["N10", "N20"]),
        ("$.planes[0,2].tail", ["N10", "N30"]),
        ("$.planes[0]['tail','seats']", {"tail": "N10", "seats": 55}),
        ("$.planes[?(@.seats > 50)].tail", ["N10", "N20"]),
        ("$.planes.[?(@.seats > 50)].tail", ["N10", "N20"]),
        ("$.planes[?(@.seats <= $.limit)].tail", ["N10", "N30"]),
        ("$.planes[?(@.engine.kind == 'jet' && @.seats < 100)].tail", ["N10"]),
        ("$.planes[?(@.seats == 8 || @['tail'] == \"N20\")].tail", ["N20", "N30"]),
        ("$.planes[?(!(@.seats in [8, 55]))].tail", ["N20"]),
        ("$.planes[?(@.retired)].tail", ["N20"]),
        ("$.planes[?(!@.retired)].tail", ["N10", "N30"]),
        ("$.planes[?(@.tail =~ /n[12]0/i)].tail", ["N10", "N20"]),
        ("$.planes[?(@.seats > 'many')].tail", []),
        ("$.planes[?(@.seats > 50)].missing", []),
        ("$.planes.length()", 3),
        ("$.planes[*].seats.max()", 149.0),
        # An indefinite path below what is not there matches nothing.
        ("$.engines[*]", []),
        ("$.engines[1:].kind", []),
        ("$.engines[0,1]", []),
        ("$.engines[?(@.kind == 'jet')]", []),
        ("$.planes[7].parts[*].id", []),
        ("$.limit.units[*]", []),
        ("$.nothing[1:]", []),
        ("$.nothing[*]", []),
        ("$.limit[*]", []),
        ("$.engines..kind", []),
        ("$.engines[*].length()", 0),
        # Text without quotes, and other values.
        ("$.planes[?(@.tail == N20)].seats", [149]),
        ("$.planes[?(@.tail==N20 || @.tail == N30)].seats", [149, 8]),
        ("$.planes[?(@.engine.kind==jet && @.seats != 55)].seats", [149]),
        ("$.planes[?(@.tail in [N10, 'N30'])].seats", [55, 8]),
        ("$.planes[?(@.tail nin [N10])].seats", [149, 8]),
        ("$.planes[?(8 == @.seats)].tail", ["N30"]),
        ("$.planes[?(@.seats == '149')].tail", ["N20"]),
        ("$.planes[?(@.seats === '149')].tail", []),
        ("$.planes[?(@.tail !== N10)].tail", ["N20", "N30"]),
        ("$.planes[?(@.seats =~ /1\\d+/)].tail", ["N20"]),
        ("$.planes[?(@.tail.length() == 3)].tail", ["N10", "N20", "N30"]),
        ("$.planes[?(@.retired == null)].tail", ["N20"]),
        ("$.planes[?(@.retired != null)].tail", ["N10", "N30"]),
        ("$..[?(@.seats > 50)].tail", ["N10", "N20"]),
        # Unions, slices and names.
        ("$.planes[0]['seats','engine'].kind", ["jet"]),
        (
            "$..['tail','seats']",
            [{"tail": "N10", "seats": 55}, {"tail": "N20", "seats": 149}, {"tail": "N30", "seats": 8}],
        ),
        ("$.planes[1:-1].tail", []),
        ("$.planes[-2:-1].tail", ["N20"]),
        ("$.planes[(@.length-1)].tail", "N30"),
        ("$.@type.a-b", 7),
        (r"$['odd name'].a\.b", 1),
        ("$.planes[ 0 ][ 'tail' ] ", "N10"),
        ("$.limit\t\n", 100),
    ],
)
def test_a_path_selects(path: str, expected: Any) -> None:
    assert read(path) == expected


def test_a_backslash_that_escapes_nothing_is_part_of_the_name() -> None:
    assert read(r"""$['two\"inches']""", {r"two\"inches": 1}) == 1
    assert read(r"""$["two\"inches"]""", {'two"inches': 1}) == 1


def test_two_dollars_read_the_context_object() -> None:
    context = {"Execution": {"Name": "run-1"}}
    assert read("$$.Execution.Name", {}, context) == "run-1"
    assert read("$$", {}, context) == context


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("$.engines", "Invalid path '$.engines' : No results for path: $['engines']"),
        ("$.engines.first", "Invalid path '$.engines.first' : Missing property in path $['engines']"),
        ("$.planes[7]", "Invalid path '$.planes[7]' : No results for path: $['planes'][7]"),
        ("$.limit.unit", "Invalid path '$.limit.unit' : No results for path: $['limit']['unit']"),
        ("$[1:]", "Invalid path '$[1:]' : Filter: [1:] can only be applied to arrays"),
        ("$.limit[0,1]", "Invalid path '$.limit[0,1]' : Filter: [0,1] can only be applied to arrays"),
        ("$.limit[?(@.a)]", "Invalid path '$.limit[?(@.a)]' : Filter: [?] can not be applied to primitives"),
        (
            "$..tail.max()",
            "Invalid path '$..tail.max()' : Aggregation function attempted to calculate value using empty array",
        ),
        (
            "$.huge[*].sum()",
            "Invalid path '$.huge[*].sum()' : Aggregation function gave a number out of range of double",
        ),
    ],
)
def test_a_path_that_leads_nowhere_fails_with_the_place(path: str, cause: str) -> None:
    with pytest.raises(StatesError) as failure:
        read(path)
    assert (failure.value.error, failure.value.cause) == ("States.Runtime", cause)


def test_in_a_payload_template_the_failure_names_the_field_and_shows_the_input() -> None:
    with pytest.raises(StatesError) as failure:
        paths.read("$.b", {"a": "é"}, None, field="x.$")
    expected = "The JSONPath '$.b' specified for the field 'x.$' could not be found in the input '{\"a\":\"é\"}'"
    assert failure.value.cause == expected


@pytest.mark.parametrize(
    "text",
    [
        *["", "a", "$a", "$.", "$..", "$[", "$['a'", "$.a[", "$.a[x]", "$.a b"],
        *[
            "$[?(@.a >)]",
            "$[?(1)]",
            "$[?@.a]",
            "$.f(1)",
            "$.a.frobnicate()",
            "$.a[?(@.b =~ /[/)]",
            "$[" + "9" * 5000 + "]",
        ],
        *["$[?(a == 1)]", "$[?(@.a == )]", "$[?(@.a =~ b)]", "$[?(@.a = 1)]", " $.a", "$.a [0]", "$.a\\"],
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(PathSyntaxError):
        paths.check(text)


@pytest.mark.parametrize(
    ("path", "there"),
    [("$.planes[1].retired", True), ("$.gone", False), ("$.planes[?(@.seats > 500)]", False), ("$..tail", True)],
)
def test_exists_counts_null_but_not_an_empty_selection(path: str, there: bool) -> None:
    assert paths.exists(path, FLEET, None) is there


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        *[("$", True), ("$.a[0]['b']", True), ("$.a[*]", False), ("$..a", False), ("$.a[0:1]", False)],
        *[("$.a[-1]", False), ("$.a.length()", False), ("$.a[(@.length-1)]", False), (r"$.a\.b", True)],
    ],
)
def test_reference_paths_are_those_that_name_one_node(path: str, reference: bool) -> None:
    assert paths.is_reference(path) is reference


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        ("$", {"a": 1}, 9),
        ("$.b", {"a": 1}, {"a": 1, "b": 9}),
        ("$.a", {"a": {"old": 1}}, {"a": 9}),
        ("$.x.y.z", {"a": 1}, {"a": 1, "x": {"y": {"z": 9}}}),
        ("$.a[1].b", {"a": [{}, {"c": 1}]}, {"a": [{}, {"c": 1, "b": 9}]}),
    ],
)
def test_write_makes_what_is_missing_and_leaves_the_input_alone(path: str, document: Any, expected: Any) -> None:
    before = copy.deepcopy(document)
    assert paths.write(path, document, 9) == expected
    assert document == before


@pytest.mark.parametrize(
    ("path", "document"), [("$.a.b", {"a": 1}), ("$.a", [1]), ("$.a[3]", {"a": [1]}), ("$.a", None)]
)
def test_write_through_what_is_no_object_fails(path: str, document: Any) -> None:
    with pytest.raises(StatesError) as failure:
        paths.write(path, document, 9)
    assert failure.value.error == "States.ResultPathMatchFailure"
    assert failure.value.cause == f"Unable to apply ReferencePath {path} to input {text_of(document)}"


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\'"), min_size=1, max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def places(value: Any, path: str = "$") -> list[tuple[str, Any]]:
    """Every node of `value` with the bracket path that names it."""
    found = [(path, value)]
    if isinstance(value, dict):
        for key, child in value.items():
            found += places(child, f"{path}['{key}']")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            found += places(child, f"{path}[{index}]")
    return found


@given(VALUES)
def test_every_node_is_found_by_the_path_that_names_it(value: Any) -> None:
    for path, node in places(value):
        assert read(path, value) == node


@given(VALUES)
def test_what_is_written_is_read_back_and_nothing_else_changes(value: Any) -> None:
    document = {"root": value, "other": 1}
    for path, _ in places(value, "$['root']"):
        changed = paths.write(path, document, "new")
        assert read(path, changed) == "new"
        assert changed["other"] == 1


@given(VALUES)
def test_recursive_descent_finds_every_node_below_the_root(value: Any) -> None:
    if isinstance(value, dict | list):
        assert len(read("$..*", value)) == len(places(value)) - 1


@given(st.text(max_size=30))
def test_any_text_is_either_a_path_or_refused_as_none(text: str) -> None:
    try:
        paths.check("$" + text)
    except PathSyntaxError:
        return
    assert isinstance(paths.exists("$" + text, FLEET, {}), bool)


TOKENS = [
    *["$", "@", ".", "..", "[", "]", "(", ")", "?", "'", '"', "*", ",", ":", "-", "\\", "/", " ", "!", "&&", "||"],
    *["==", "!=", "<", ">=", "=~", "===", "in", "nin", "empty", "size", "a", "tail", "seats", "planes", "engine"],
    *["0", "1", "-1", "2", "9" * 5000, "1e400", "true", "null", "length()", "sum()", "[?(", ")]", "[*]", "[1:]"],
]


@given(st.lists(st.sampled_from(TOKENS), max_size=14).map("".join), VALUES)
def test_paths_made_of_tokens_read_something_or_fail_by_name(text: str, value: Any) -> None:
    try:
        paths.check("$" + text)
    except PathSyntaxError:
        return
    for document in (FLEET, value):
        paths.exists("$" + text, document, {})
        with contextlib.suppress(StatesError):
            text_of(read("$" + text, document))
