"""What a run scores: all that lies below its prefix, or, of a schedule's folders, what no earlier run of it took.

The rule for late objects: a run of a schedule takes what is in the folder of its period, and what came to the folders
of the `late_periods` before since other runs looked there. What comes later still is seen by none.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import orjson

from tasks.errors import NoInputFound
from tasks.runs.inventory import objects_below
from tasks.runs.layout import RunFolder
from tasks.runs.ledger import Ledger
from tasks.runs.request import RunRequest
from tasks.storage import LOOKS_AT_ONCE, Storage, StoredObject


def objects_to_score(request: RunRequest, folder: RunFolder, storage: Storage) -> list[StoredObject]:
    """The objects of a run that was not planned yet; of a schedule's run those of its own period come first.

    Raises
    ------
    NoInputFound
        If the bucket does not exist or may not be read; or if there is nothing to score, and no schedule has started
        the run but a person, who may have mistyped the prefix.
    """
    objects = _taken(request, folder, storage) if request.folders else objects_below(request.input, storage)
    if not objects and request.scheduled_time is None:
        raise NoInputFound(f"nothing to score below {request.input}: the bucket has no object with that prefix")
    return objects


def _taken(request: RunRequest, folder: RunFolder, storage: Storage) -> list[StoredObject]:
    """What the run takes of its folders.

    What was found at first is recorded before any of it is taken. So all executions of a run, at once or one after
    another, take the same, and none takes what the plan of another would leave out.
    """
    listed = _listed(request, storage)
    ledger = Ledger(folder.bucket, str(request.schedule), storage)
    taken = ledger.taken_between(min(listed), max(listed))
    found = {period: [each.key for each in of if each.key not in taken] for period, of in listed.items()}
    if not storage.write_if_absent(folder.found, orjson.dumps(found)):
        found = storage.read_json(folder.found)
        listed = _listed(request, storage)  # whoever recorded it may have looked later than we did
    mine = {period: ledger.take(request.run_id, period, keys) for period, keys in found.items() if keys}
    return [each for period, objects in listed.items() for each in objects if each.key in mine.get(period, ())]


def _listed(request: RunRequest, storage: Storage) -> dict[str, list[StoredObject]]:
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        listings = pool.map(partial(objects_below, storage=storage), request.folders.values())
        return dict(zip(request.folders, listings, strict=True))
