from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.infra.cli.conftest import FakeStates, Said, parquet_of, put, write_run


@pytest.fixture
def reported(aws: FakeStates, call: Callable[..., Said]) -> Path:
    write_run("july")
    aws.add("nightly", "SUCCEEDED", request={"runId": "july"})
    said = call("report", "july")
    assert said.code == 0, said.err
    return Path(said.out.strip()).parent


def test_the_pictures_are_pictures_with_something_on_them(reported: Path) -> None:
    names = {path.name for path in reported.glob("*.png")}

    assert names == {"scores.png", "calibration.png", "throughput.png", "timeline.png"}
    for name in names:
        pixels = np.asarray(Image.open(reported / name).convert("L"))
        assert pixels.shape[1] == 1440
        assert pixels.min() < 60, "there is ink"
        assert pixels.max() == 255, "on white"


def test_the_page_shows_the_numbers_of_the_summary(reported: Path) -> None:
    page = (reported / "report.html").read_text()
    summary = json.loads((reported / "summary.json").read_text())

    for number in ("rows", "predictions", "quarantined"):
        assert f"<dt>{number}</dt><dd>{summary[number]:,}</dd>" in page
    for reason, rows in summary["reasons"].items():
        assert f'<td>{reason}</td><td class="number">{rows}</td>' in page
    assert f"<dd>{summary['quality']['auc']:.3f}</dd>" in page
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page.replace("https://", ""), "nothing is fetched from elsewhere"


def test_the_quality_is_that_of_the_rows_with_known_outcome(aws: FakeStates, call: Callable[..., Said]) -> None:
    written = write_run("july")
    aws.add("nightly", "SUCCEEDED", request={"runId": "july"})

    quality = (
        call("report", "july", "--json")
        and json.loads(Path(".ml-pipeline/runs/july/summary.json").read_text())["quality"]
    )

    known = ~np.isnan(written.late)
    score, late = written.scores[known], written.late[known]
    pairs = score[late == 1][:, None] - score[late == 0][None, :]
    assert quality["rowsWithOutcome"] == known.sum()
    assert quality["auc"] == pytest.approx((pairs > 0).mean(), abs=1e-4)
    assert quality["logLoss"] == pytest.approx(-np.log(np.where(late == 1, score, 1 - score)).mean(), rel=1e-9)
    assert quality["brier"] == pytest.approx(((score - late) ** 2).mean(), rel=1e-9)
    assert quality["meanScore"] == pytest.approx(score.mean(), abs=1e-5)


def test_an_unknown_run_is_refused(aws: FakeStates, call: Callable[..., Said]) -> None:
    said = call("report", "june")

    assert said.code == 2
    assert "june" in said.err


def test_the_same_run_draws_the_same_bytes(reported: Path, call: Callable[..., Said]) -> None:
    before = {path.name: path.read_bytes() for path in reported.iterdir()}

    call("report", "july")

    assert {path.name: path.read_bytes() for path in reported.iterdir()} == before


def test_outcomes_of_another_form_are_named(aws: FakeStates, call: Callable[..., Said]) -> None:
    write_run("july")
    aws.add("nightly", "SUCCEEDED", request={"runId": "july"})
    put("data", "outcomes/part-0.parquet", parquet_of(source=["input/part-0.parquet"], late=[True]))

    said = call("report", "july")

    assert said.code == 1
    assert "outcomes/part-0.parquet has the columns source, late" in said.err


def test_what_a_command_leaves_is_nobody_elses_to_read(aws: FakeStates, call: Callable[..., Said], home: Path) -> None:
    write_run("july")
    aws.add("nightly", "SUCCEEDED", request={"runId": "july"})
    kept = home / ".ml-pipeline"
    kept.mkdir()
    kept.chmod(0o777)  # as an earlier version, or another umask, left it

    call("report", "july")

    assert (kept / "runs" / "july" / "report.html").exists()
    assert kept.stat().st_mode & 0o777 == 0o700


def test_a_report_that_cannot_be_written_says_where(aws: FakeStates, call: Callable[..., Said], home: Path) -> None:
    write_run("july")
    aws.add("nightly", "SUCCEEDED", request={"runId": "july"})
    (home / ".ml-pipeline").write_text("in the way")

    said = call("report", "july")

    assert said.code == 1
    assert ".ml-pipeline/runs/july" in said.err
    assert "Traceback" not in said.err
