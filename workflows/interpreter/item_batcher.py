"""The ItemBatcher of a distributed Map: several items for one child.

Facts: Step Functions developer guide, "ItemBatcher (Map)".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflows.interpreter import data_flow, templates
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.payload import MAXIMUM_BYTES, limited_text_of, text_of
from workflows.interpreter.visit import Visit


def batches_of(visit: Visit, items: list[Json], document: Json) -> list[tuple[Json, int]]:
    """Put the items into the inputs of the children.

    Returns
    -------
    For each child its input and the number of items in it: the items one by one without an ItemBatcher, else
    `{"Items": […]}`, with `BatchInput` where the batcher has one.
    """
    batcher: dict[str, Any] | None = visit.state.get("ItemBatcher")
    if batcher is None:
        for item in items:
            # "The execution input used to start a child workflow execution can't exceed 256 KiB" ("ItemReader (Map)").
            limited_text_of(item, visit.name)
        return [(item, 1) for item in items]
    most_items = data_flow.number(batcher, "MaxItemsPerBatch", visit, document)
    most_bytes = data_flow.number(batcher, "MaxInputBytesPerBatch", visit, document)
    frame: dict[str, Json] = {}
    if "BatchInput" in batcher:
        frame["BatchInput"] = templates.fill(batcher["BatchInput"], document, visit.context, field="BatchInput")
    return [
        ({**frame, "Items": batch}, len(batch))
        for batch in _cut(items, most_items or len(items), min(most_bytes or MAXIMUM_BYTES, MAXIMUM_BYTES), frame)
    ]


def _cut(items: list[Json], most_items: int, most_bytes: int, frame: Json) -> Iterator[list[Json]]:
    empty = _size({**frame, "Items": []})
    batch: list[Json] = []
    size = empty
    for item in items:
        item_size = _size(item)
        if empty + item_size > most_bytes:
            raise StatesError(
                "States.ItemReaderFailed",
                f"An item of {item_size} bytes does not fit into a batch of at most {most_bytes} bytes.",
            )
        # Items after the first have a comma before them.
        if batch and (len(batch) >= most_items or size + 1 + item_size > most_bytes):
            yield batch
            batch, size = [], empty
        size += item_size + (1 if batch else 0)
        batch.append(item)
    if batch:
        yield batch


def _size(value: Json) -> int:
    return len(text_of(value).encode())
