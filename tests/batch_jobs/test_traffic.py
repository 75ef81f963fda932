"""The line a minute that tells of requests and scores."""

import json

import pytest

from batch_jobs.serving.traffic import PERIOD, Traffic
from tasks.scoring.results import SCORE_BINS


@pytest.fixture
def clock():
    class Clock:
        now = 1_000.0

        def __call__(self):
            return self.now

    return Clock()


def test_a_minute_is_told_in_one_line_and_then_forgotten(clock, capsys):
    traffic = Traffic("v2", clock)
    traffic.scored([0.0, 0.049, 0.5, 1.0])
    for status in (200, 200, 400):
        traffic.answered(status)

    clock.now += PERIOD - 1
    traffic.tell_if_due()
    assert capsys.readouterr().out == ""
    clock.now += 1
    traffic.tell_if_due()
    traffic.tell()

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "level": "INFO",
        "message": "traffic",
        "modelVersion": "v2",
        "seconds": PERIOD,
        "requests": 3,
        "statuses": {"200": 2, "400": 1},
        "predictions": 4,
        "histogram": [2] + [0] * (SCORE_BINS // 2 - 1) + [1] + [0] * (SCORE_BINS // 2 - 2) + [1],
    }


def test_a_minute_without_requests_is_not_told_and_the_next_begins_when_it_ends(clock, capsys):
    traffic = Traffic("v2", clock)
    clock.now += PERIOD
    traffic.tell_if_due()
    traffic.answered(200)
    clock.now += PERIOD / 2
    traffic.tell_if_due()

    assert capsys.readouterr().out == ""
    traffic.tell()
    assert json.loads(capsys.readouterr().out)["seconds"] == PERIOD / 2
