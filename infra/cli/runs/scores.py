"""How a run's scores are distributed, and how well they agree with what really happened.

Everything is counted shard by shard into fine bins, so that a run of a hundred million rows needs no more
memory than one of a thousand.
"""

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.cli.runs.run_record import Marker, RunRecord
from infra.cli.terminal.errors import CommandError
from infra.cli.terminal.target import Target

FINE_BINS = 1 << 16
"""Bins of [0, 1]: two scores in one bin count as equal, which moves an AUC by less than 0.0001."""

NEGATIVE, POSITIVE, UNKNOWN = 0, 1, 2


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows with scores around `centre`: their mean score, and the share with the outcome (95 % Wilson interval)."""

    centre: float
    mean_score: float
    rate: float
    rate_low: float
    rate_high: float
    rows: int


class ScoreTally:
    """Counts scores by outcome.

    Parameters
    ----------
    outcome
        What the score is the probability of, in a word: `late`.
    """

    def __init__(self, outcome: str = "positive") -> None:
        self.outcome = outcome
        self._counts = np.zeros((3, FINE_BINS), np.int64)
        self._log_loss = 0.0
        self._squared_error = 0.0

    def add(self, scores: npt.NDArray[np.float64], outcomes: npt.NDArray[np.float64]) -> None:
        """Count some rows.

        Parameters
        ----------
        scores
            Probabilities, shape (n,).
        outcomes
            1.0 where it happened, 0.0 where not, NaN where that is not known; shape (n,).
        """
        fine = np.minimum((scores * FINE_BINS).astype(np.int64), FINE_BINS - 1)
        known = ~np.isnan(outcomes)
        kinds = np.where(known, np.nan_to_num(outcomes), UNKNOWN).astype(np.int64)
        self._counts += np.bincount(kinds * FINE_BINS + fine, minlength=3 * FINE_BINS).reshape(3, FINE_BINS)
        probability, happened = scores[known], outcomes[known]
        sure = np.clip(np.where(happened == 1.0, probability, 1.0 - probability), 1e-15, 1.0)
        self._log_loss -= float(np.log(sure).sum())
        self._squared_error += float(((probability - happened) ** 2).sum())

    @property
    def rows(self) -> int:
        """All rows that were counted."""
        return int(self._counts.sum())

    @property
    def rows_with_outcome(self) -> int:
        """Rows whose outcome is known."""
        return int(self._counts[:UNKNOWN].sum())

    @property
    def outcome_rate(self) -> float | None:
        """Share of the rows with a known outcome for which it happened."""
        return int(self._counts[POSITIVE].sum()) / self.rows_with_outcome if self.rows_with_outcome else None

    @property
    def mean_score(self) -> float | None:
        """Mean score of the rows with a known outcome."""
        counts = self._counts[:UNKNOWN].sum(axis=0)
        return float(counts @ _centres() / counts.sum()) if counts.any() else None

    @property
    def log_loss(self) -> float | None:
        """Mean negative log-likelihood of the known outcomes, in nats."""
        return self._log_loss / self.rows_with_outcome if self.rows_with_outcome else None

    @property
    def brier(self) -> float | None:
        """Mean squared difference between score and outcome."""
        return self._squared_error / self.rows_with_outcome if self.rows_with_outcome else None

    @property
    def auc(self) -> float | None:
        """Chance that a row for which it happened has a higher score than one for which not; ties count half."""
        negatives, positives = self._counts[NEGATIVE], self._counts[POSITIVE]
        pairs = int(negatives.sum()) * int(positives.sum())
        if not pairs:
            return None
        below = np.cumsum(negatives) - negatives
        return float((positives * (below + negatives / 2)).sum() / pairs)

    def histogram(self, bins: int = 64) -> npt.NDArray[np.int64]:
        """Count rows in equal bins of [0, 1]; shape (3, bins), by NEGATIVE, POSITIVE and UNKNOWN outcome."""
        counted: npt.NDArray[np.int64] = self._counts.reshape(3, bins, FINE_BINS // bins).sum(axis=2)
        return counted

    def reliability(self, bins: int = 16) -> list[ReliabilityBin]:
        """Compare scores with outcomes in equal bins of [0, 1]; empty bins are left out."""
        width = FINE_BINS // bins
        found = []
        for at in range(0, FINE_BINS, width):
            counts = self._counts[:UNKNOWN, at : at + width].sum(axis=0)
            rows = int(counts.sum())
            if rows:
                happened = int(self._counts[POSITIVE, at : at + width].sum())
                mean = float(counts @ _centres()[at : at + width] / rows)
                found.append(
                    ReliabilityBin((at + width / 2) / FINE_BINS, mean, happened / rows, *_wilson(happened, rows), rows)
                )
        return found


def _centres() -> npt.NDArray[np.float64]:
    return (np.arange(FINE_BINS) + 0.5) / FINE_BINS


def _wilson(happened: int, rows: int) -> tuple[float, float]:
    """95 % confidence interval of a share (E. B. Wilson, 1927)."""
    z = 1.96
    share = happened / rows
    centre = share + z * z / (2 * rows)
    spread = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    scale = 1 + z * z / rows
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def tally_scores(target: Target, record: RunRecord, markers: Iterable[Marker]) -> ScoreTally:
    """Read the predictions of a run, and the outcomes that are known of the same rows, and count them.

    Outcomes are Parquet objects below `outcomes/` in the data bucket with the columns `source` (the input object's
    key), `row` (from 1) and one more: bool, null where not known, named for what it tells, such as `late`. Those of
    online predictions, below `outcomes/online/`, have another form and are left alone.

    Raises
    ------
    CommandError
        If an object of outcomes has other columns.
    """
    import pyarrow.parquet as parquet

    outcomes, name = _read_outcomes(target, {shard.key for shard in record.shards() or []})
    tally = ScoreTally(name) if name else ScoreTally()
    for marker in markers:
        for key in marker.objects:
            if not key.endswith(".parquet"):
                continue
            table = parquet.read_table(io.BytesIO(record.read(key)), columns=["source", "row", "score"])
            scores = table["score"].to_numpy()
            # A shard is part of one object, so all its rows have one source.
            of_source = outcomes.get(table["source"][0].as_py()) if len(table) else None
            known = np.full(len(scores), np.nan)
            if of_source is not None:
                rows = table["row"].to_numpy()
                inside = rows <= len(of_source)
                known[inside] = of_source[rows[inside] - 1]
            tally.add(scores, known)
    return tally


def _read_outcomes(target: Target, sources: set[str]) -> tuple[dict[str, npt.NDArray[np.float64]], str]:
    """Map each of the sources to its outcomes by row (1.0, 0.0 or NaN), and tell what the outcome is called."""
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet

    from tasks.deployment import outcomes

    s3, bucket = target.client("s3"), target.names.bucket("data")
    found: dict[str, npt.NDArray[np.float64]] = {}
    name = ""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="outcomes/"):
        for item in page.get("Contents", []):
            if not item["Key"].endswith(".parquet") or item["Key"].startswith(outcomes.PREFIX):
                continue
            table = parquet.read_table(io.BytesIO(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()))
            told = set(table.column_names) - {"source", "row"}
            if len(told) != 1 or len(table.column_names) != 3:
                raise CommandError(
                    f"s3://{bucket}/{item['Key']} has the columns {', '.join(table.column_names)}.",
                    "An object of outcomes has source, row, and one for the outcome; move others out of outcomes/.",
                )
            for source in sources & set(compute.unique(table["source"]).to_pylist()):
                (name,) = told
                of_source = table.filter(compute.equal(table["source"], source))
                rows = of_source["row"].to_numpy()
                before = found.get(source, np.empty(0))
                by_row = np.full(max(len(before), int(rows.max())), np.nan)
                by_row[: len(before)] = before
                by_row[rows - 1] = of_source[name].cast("float64").to_numpy()
                found[source] = by_row
    return found, name
