"""Schedule expressions, against the user guides' tables and what AWS was seen to refuse."""

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.schedule_expressions import rule_expression, scheduler_expression, time_zone

RANGES = [("minutes", 0, 59), ("hours", 0, 23), ("day-of-month", 1, 31), ("month", 1, 12), ("day-of-week", 1, 7)]
RANGES.append(("year", 1970, 2199))
FIELD_NAMES = [name for name, _, _ in RANGES]


def value_or_range(first, last):
    pairs = st.tuples(st.integers(first, last), st.integers(first, last)).map(sorted)
    return st.integers(first, last).map(str) | pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")


def items(first, last, *, steps=True):
    bases = value_or_range(first, last) | st.just("*")
    stepped = st.tuples(bases, st.integers(1, 10).filter(lambda step: step <= last)).map(lambda p: f"{p[0]}/{p[1]}")
    return st.lists(bases | stepped if steps else bases, min_size=1, max_size=4).map(",".join)


FIELDS = [items(first, last, steps=name != "day-of-week") for name, first, last in RANGES]
DAYS_OF_MONTH = FIELDS[2] | st.just("L") | st.integers(1, 31).map("{}W".format)
DAYS_OF_WEEK = (
    FIELDS[4]
    | st.sampled_from(["L", "MON", "MON-FRI", "SUN,SAT", "6L", "FRIL"])
    | st.tuples(st.integers(1, 7), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}")
)
DAYS = st.tuples(DAYS_OF_MONTH, st.just("?")) | st.tuples(st.just("?"), DAYS_OF_WEEK)
MONTHS = FIELDS[3] | st.sampled_from(["JAN", "JAN-MAR", "FEB,MAY/2"])
CRONS = st.tuples(FIELDS[0], FIELDS[1], DAYS, MONTHS, FIELDS[5]).map(
    lambda f: [f[0], f[1], f[2][0], f[3], f[2][1], f[4]]
)


@given(CRONS)
def test_every_cron_expression_of_the_grammar_is_accepted(fields):
    assert rule_expression(f"cron({' '.join(fields)})") is None


@given(CRONS, st.sampled_from(range(6)), st.integers(0, 9999), st.booleans())
def test_a_value_out_of_a_fields_range_is_refused_with_the_fields_name_and_range(fields, place, value, in_range):
    name, first, last = RANGES[place]
    if first <= value <= last:
        value = last + 1
    fields[place] = f"{first}-{value}" if in_range else str(value)
    refusal = rule_expression(f"cron({' '.join(fields)})")

    assert refusal is not None
    assert refusal.startswith(f"{name} of {first}-{last}")
    assert fields[place] in refusal


@given(CRONS, FIELDS[2], FIELDS[4])
def test_day_of_month_and_day_of_week_are_never_both_set_and_never_both_open(fields, day_of_month, day_of_week):
    for fields[2], fields[4] in ((day_of_month, day_of_week), ("?", "?")):
        assert "? in one of day-of-month and day-of-week" in (rule_expression(f"cron({' '.join(fields)})") or "")


@given(CRONS, st.integers(0, 5))
def test_a_cron_expression_of_five_fields_as_unix_has_is_refused(fields, place):
    del fields[place]

    assert (rule_expression(f"cron({' '.join(fields)})") or "").startswith("six fields")


@given(st.integers(1, 10_000), st.sampled_from(["minute", "hour", "day"]))
def test_a_rate_has_a_unit_in_the_singular_after_1_and_in_the_plural_after_more(value, unit):
    right, wrong = (unit, f"{unit}s") if value == 1 else (f"{unit}s", unit)

    assert rule_expression(f"rate({value} {right})") is None
    assert rule_expression(f"rate({value} {wrong})") is not None


@given(st.text() | st.from_regex(r"(cron|rate|at)\([0-9A-Z*?/#L, -]*\)", fullmatch=True))
def test_any_text_is_accepted_or_refused_in_words(text):
    refusal = rule_expression(text)

    assert refusal is None or len(refusal) > 10
    assert refusal is not None or re.match(r"(cron|rate)\(", text)


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 6 * * ? *)",
        "cron(15 10 ? * 6L 2022-2023)",
        "cron(0/15 8-17 ? * MON-FRI *)",
        "cron(0 8 3W 1-11 ? *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0  0  L  *  ?  *)",
        "rate(1 hour)",
        "rate(5 minutes)",
    ],
)
def test_expressions_as_people_write_them_are_accepted(expression):
    assert rule_expression(expression) is None


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("@daily", "cron(minutes hours day-of-month month day-of-week year) or rate(value unit)"),
        ("at(2030-01-01T00:00:00)", "cron(minutes hours"),
        ("cron (0 6 * * ? *)", "cron(minutes hours"),
        ("cron(0 6 * * ? *) ", "cron(minutes hours"),
        ("cron(0 24 * * ? *)", "hours of 0-23 with , - * / (not '24')"),
        ("cron(? 6 * * ? *)", "minutes of 0-59"),
        ("cron(0/0 6 * * ? *)", "minutes of 0-59"),
        ("cron(0 6 0W * ? *)", "day-of-month of 1-31 with , - * ? / L W"),
        ("cron(0 6 L,W * ? *)", "day-of-month of 1-31"),
        ("cron(0 6 * MAI ? *)", "month of 1-12 or JAN-DEC"),
        ("cron(0 6 * 12-1 ? *)", "month of 1-12 or JAN-DEC"),
        ("cron(0 6 ? * 0 *)", "day-of-week of 1-7 or SUN-SAT with , - * ? L #"),
        ("cron(0 6 ? * 2/2 *)", "day-of-week of 1-7"),
        ("cron(0 6 ? * 3#6 *)", "day-of-week of 1-7"),
        ("cron(0 6 ? * 3#1,6#3 *)", "day-of-week of 1-7"),
        ("cron(0 6 * * ? 1969)", "year of 1970-2199"),
        ("cron(0 6 * * * *)", "? in one of day-of-month and day-of-week"),
        ("rate(0 minutes)", "rate(5 minutes)"),
        ("rate(-1 minutes)", "rate(5 minutes)"),
        ("rate(1 minutes)", "rate(1 minute)"),
        ("rate(5 weeks)", "rate(5 minutes): minutes, hours or days"),
        ("rate(5minutes)", "rate(5 minutes)"),
    ],
)
def test_expressions_as_people_mistake_them_are_refused_with_what_would_fit(expression, allowed):
    assert allowed in (rule_expression(expression) or "")


# Refused by both services (answers of AWS that LocalStack's tests recorded).
@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 1 * * * *)",
        "cron(7 20 * * NOT *)",
        "cron(INVALID)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(71 8 1 * ? *)",
        "cron()",
        "cron( 0 6 * * ? *)",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(10 MINUTES)",
        "rate(foo minutes)",
        "rate(0 minutes)",
        "rate(-10 minutes)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31)",
        "at(2030-02-30T00:00:00)",
        "at(2030-01-01T24:00:00)",
        "at()",
    ],
)
def test_what_aws_refuses_anywhere_is_refused_for_rules_and_for_scheduler(expression):
    assert rule_expression(expression) is not None
    assert scheduler_expression(expression) is not None


@given(CRONS)
def test_scheduler_takes_the_cron_expressions_of_rules(fields):
    assert scheduler_expression(f"cron({' '.join(fields)})") is None


@given(st.datetimes(min_value=datetime(1970, 1, 1)).map(lambda time: f"{time:%Y-%m-%dT%H:%M:%S}"))  # noqa: DTZ001
def test_scheduler_alone_takes_a_time_of_the_calendar(time):
    assert scheduler_expression(f"at({time})") is None
    assert rule_expression(f"at({time})") is not None


@pytest.mark.parametrize("expression", ["rate(1 minutes)", "rate(5 minute)", "rate(1 days)"])
def test_scheduler_alone_does_not_mind_the_number_of_a_unit(expression):
    assert scheduler_expression(expression) is None
    assert rule_expression(expression) is not None


def test_a_time_zone_is_one_of_the_iana_database():
    assert [time_zone(name) for name in ("UTC", "Europe/Berlin", "America/New_York")] == [None] * 3
    assert all(time_zone(name) for name in ("", "CEST", "Europe/Nowhere", "+01:00", "../UTC"))
