"""What the main job leaves for its user."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from tests.e2e.conftest import World

JULY = 29_425


def test_the_example_scores_july_and_says_so(example: Path) -> None:
    folder = example / ".ml-pipeline" / "runs" / "flights-2013-07"
    summary = json.loads((folder / "summary.json").read_text())
    said = (example / "example.out").read_text()

    predictions = pq.read_table(folder / "predictions")

    assert summary["rows"] == JULY
    assert summary["predictions"] + summary["quarantined"] == JULY
    assert predictions.num_rows == summary["predictions"]
    assert f"{JULY:,}" in said
    assert "unknown category" in said
    assert str(Path(".ml-pipeline/runs/flights-2013-07/report.html")) in said


def test_the_scores_tell_late_flights_from_others_as_well_as_the_model_can(example: Path) -> None:
    summary = json.loads((example / ".ml-pipeline/runs/flights-2013-07/summary.json").read_text())

    assert summary["quality"]["rowsWithOutcome"] > 28_000
    assert summary["quality"]["auc"] > 0.7


def test_the_reports_pictures_can_be_looked_at(example: Path) -> None:
    folder = example / ".ml-pipeline" / "runs" / "flights-2013-07"

    for name in ("scores", "throughput", "timeline", "calibration"):
        with Image.open(folder / f"{name}.png") as picture:
            width, height = picture.size
            assert width > 600
            assert height > 200
            assert len(picture.convert("RGB").getcolors(maxcolors=10_000_000) or []) > 3


def test_what_the_example_stored_outlives_its_emulator(example: Path, world: World) -> None:
    summary = json.loads((example / ".ml-pipeline/runs/flights-2013-07/summary.json").read_text())

    assert len(world.rows("flights-2013-07")) == summary["predictions"]
    listed = json.loads(world.cli("executions", "--json").stdout)
    assert "flights-2013-07" in {execution["execution"] for execution in listed}
