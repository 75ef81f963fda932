"""The results of a shard on the worker's disk, until they are published whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.reading.shards import Shard
from tasks.records.rows import BadRow
from tasks.runs.layout import RunFolder
from tasks.scoring.predictions import SCHEMA, prediction_table
from tasks.storage import Storage

#: Rows of a row group of the results, whatever the sizes of the batches that arrive: equal rows, equal bytes.
ROW_GROUP_ROWS = 131_072
#: Bins of the histogram of scores, of equal width between 0 and 1.
SCORE_BINS = 20


class ShardResults:
    """Collects predictions and quarantined rows in two local files.

    Attributes
    ----------
    predictions, quarantined
        How many rows there are of each.
    reasons
        Quarantined rows by the kind of their first flaw.
    histogram
        int64[SCORE_BINS], predictions by score.
    """

    def __init__(self, scratch: Path, shard: Shard, model_version: str, threshold: float) -> None:
        self._shard, self._model_version, self._threshold = shard, model_version, threshold
        self._predictions_file = scratch / "predictions.parquet"
        self._quarantine_file = scratch / "quarantine.jsonl"
        # Everything that decides the bytes is fixed here; there is no clock and no run in them.
        self._parquet = pq.ParquetWriter(
            self._predictions_file,
            SCHEMA,
            version="2.6",
            compression="snappy",
            use_dictionary=["source", "model_version"],
            store_schema=False,
        )
        self._quarantine = self._quarantine_file.open("wb")
        self._numbers: list[npt.NDArray[np.int64]] = []
        self._scores: list[npt.NDArray[np.float64]] = []
        self._waiting = 0
        self.predictions = 0
        self.quarantined = 0
        self.reasons: Counter[str] = Counter()
        self.histogram = np.zeros(SCORE_BINS, np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of the files; what they hold without `finish` is not complete."""
        try:
            self._quarantine.close()
        finally:
            self._parquet.close()

    def finish(self) -> None:
        """Complete the files."""
        self._write_groups(at_least=1)
        self._quarantine.close()
        self._parquet.close()

    def add(self, numbers: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> None:
        """Take the scores (probabilities) of some rows."""
        self._numbers.append(numbers)
        self._scores.append(scores)
        self._waiting += len(numbers)
        self.predictions += len(numbers)
        bins = np.minimum((scores * SCORE_BINS).astype(np.intp), SCORE_BINS - 1)
        self.histogram += np.bincount(bins, minlength=SCORE_BINS)
        self._write_groups(at_least=ROW_GROUP_ROWS)

    def set_aside(self, bad: Sequence[BadRow]) -> None:
        """Take some bad rows."""
        for row in bad:
            line = {"source": self._shard.key, "row": row.row, "reason": row.reason, "record": row.record}
            self._quarantine.write(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))
            self.reasons[row.flaws[0].kind] += 1
        self.quarantined += len(bad)

    def _write_groups(self, at_least: int) -> None:
        while self._waiting >= at_least:
            numbers, scores = np.concatenate(self._numbers), np.concatenate(self._scores)
            table = prediction_table(
                numbers[:ROW_GROUP_ROWS], scores[:ROW_GROUP_ROWS], self._shard, self._model_version, self._threshold
            )
            self._parquet.write_table(table, row_group_size=ROW_GROUP_ROWS)
            self._numbers, self._scores = [numbers[ROW_GROUP_ROWS:]], [scores[ROW_GROUP_ROWS:]]
            self._waiting -= len(table)

    def publish(self, folder: RunFolder, storage: Storage) -> list[dict[str, str]]:
        """Upload the closed files, each with one PUT; returns their keys and etags."""
        places = [(folder.predictions(self._shard.shard_id), self._predictions_file)]
        if self.quarantined:
            places.append((folder.quarantine(self._shard.shard_id), self._quarantine_file))
        else:
            # An earlier version of the object may have had bad rows.
            storage.delete(folder.quarantine(self._shard.shard_id))
        return [{"key": place.key, "etag": storage.publish(place, file)} for place, file in places]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The predictions in the closed file, some thousand rows at a time."""
        with pq.ParquetFile(self._predictions_file, pre_buffer=False) as file:
            yield from file.iter_batches(16_384, use_threads=False)

    def to_json(self) -> dict[str, Any]:
        """The counts, for the marker."""
        return {
            "predictions": self.predictions,
            "quarantined": self.quarantined,
            "reasons": dict(sorted(self.reasons.items())),
            "histogram": self.histogram.tolist(),
        }
