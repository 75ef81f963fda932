"""What the runs of a schedule took: of each hour or day an append-only list of takings, each of one run.

An object is taken once, by the one run that S3 let write the next entry of the period's list: a writer that did not
see all earlier entries finds its place occupied, and looks again (S3 user guide, "How to prevent object overwrites with
conditional writes"). What a run took is its own for good, whether it ends well or not; a failed run is replayed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import Any

import orjson

from tasks.runs.layout import takings
from tasks.storage import LOOKS_AT_ONCE, Location, Storage, StoredObject


class Ledger:
    """The takings of one schedule.

    Parameters
    ----------
    bucket
        The results bucket.
    schedule
        Name of the schedule.
    """

    def __init__(self, bucket: str, schedule: str, storage: Storage) -> None:
        self._bucket = bucket
        self._schedule = schedule
        self._storage = storage

    def taken_between(self, first: str, last: str) -> set[str]:
        """Keys of what was taken of the periods from `first` to `last`.

        Days count with their hours, and hours with their day: the schedule's prefix may have had `{hour}` before, or
        not.
        """
        everything = takings(self._bucket, self._schedule)
        from_first_day = self._storage.list(everything, after=takings(self._bucket, self._schedule, first[:10]).key)
        listed = takewhile(lambda found: found.key[len(everything.key) :][: len(last)] <= last, from_first_day)
        return {key for _, entry in self._read(listed) for key in entry["keys"]}

    def take(self, run_id: str, period: str, keys: Collection[str]) -> set[str]:
        """Take for a run what of these keys no other run has taken.

        A run takes of a period once: what it is given at first decides, and is given again to whoever asks for it
        again.
        """
        folder = takings(self._bucket, self._schedule, period)
        while True:
            entries = list(self._read(self._storage.list(folder)))
            for _, entry in entries:
                if entry["runId"] == run_id:
                    return set(entry["keys"])
            free = sorted(set(keys).difference(*(entry["keys"] for _, entry in entries)))
            if not free:
                return set()
            next_number = 1 + max((number for number, _ in entries), default=-1)
            place = folder._replace(key=f"{folder.key}{next_number:05d}.json")
            if self._storage.write_if_absent(place, orjson.dumps({"runId": run_id, "keys": free})):
                return set(free)

    def _read(self, listed: Iterable[StoredObject]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The entries that a listing names, with their numbers."""
        keys = [found.key for found in listed]
        with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
            entries = pool.map(lambda key: self._storage.read_json(Location(self._bucket, key)), keys)
            for key, entry in zip(keys, entries, strict=True):
                if entry is not None:  # else it expired since it was listed
                    yield int(key.rpartition("/")[2].removesuffix(".json")), entry
