"""The ItemReader of a distributed Map: items from objects in S3.

Facts: Step Functions developer guide, "ItemReader (Map)".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from workflows.interpreter import data_flow, json_text, templates
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.item_formats import items_in
from workflows.interpreter.json_text import JsonError
from workflows.interpreter.map_input import Item
from workflows.interpreter.parquet_rows import UnreadableItems
from workflows.interpreter.s3_requests import GET_OBJECT, ask, require
from workflows.interpreter.visit import Visit


def most_items(visit: Visit, document: Json) -> int | None:
    """Tell how many items the state's ItemReader shall read at most, as it is stated; None if it states nothing.

    Raises
    ------
    StatesError
        ``States.Runtime`` when MaxItemsPath leads to anything but an integer.
    """
    reader: Mapping[str, Any] = visit.state.get("ItemReader", {})
    return data_flow.integer(reader.get("ReaderConfig", {}), "MaxItems", visit, document)


async def read_items(visit: Visit, document: Json, most: int | None) -> list[Item]:
    """Read the items that the state's ItemReader names.

    Parameters
    ----------
    most
        How many items to read at most, as `most_items` tells it; None and 0 are for all.

    Raises
    ------
    StatesError
        ``States.ItemReaderFailed`` when the object cannot be read or understood; ``States.Runtime`` when the
        reader's own fields cannot be evaluated.
    """
    reader: Mapping[str, Any] = visit.state["ItemReader"]
    listing = reader["Resource"].endswith(":listObjectsV2")
    with visit.locating():
        arguments = templates.fill(reader.get("Parameters", {}), document, visit.context, field="ItemReader")
        require(arguments, "Bucket" if listing else "Bucket Key")
    if most is not None and most < 0:
        raise StatesError("States.ItemReaderFailed", "field MaxItems must be positive")
    try:
        return await _Reader(visit, reader, arguments, most or None).read(listing=listing)
    except UnreadableItems as problem:
        raise StatesError("States.ItemReaderFailed", str(problem)) from problem
    except StatesError as failure:
        raise StatesError("States.ItemReaderFailed", failure.cause or failure.error) from failure


class _Reader:
    """One reading of a dataset, up to the limit."""

    def __init__(self, visit: Visit, reader: Mapping[str, Any], arguments: dict[str, Json], limit: int | None) -> None:
        self._visit = visit
        self._resource: str = reader["Resource"]
        self._config: Mapping[str, Any] = reader.get("ReaderConfig", {})
        self._arguments = arguments
        self._limit = limit
        self._items: list[Item] = []

    async def read(self, *, listing: bool) -> list[Item]:
        if listing:
            await self._read_listing(flatten=self._config.get("Transformation") == "LOAD_AND_FLATTEN")
        elif self._config.get("ManifestType") == "ATHENA_DATA":
            await self._read_athena_manifest()
        elif "ManifestType" in self._config or self._config.get("InputType") == "MANIFEST":
            await self._read_inventory()
        else:
            await self._read_object(self._arguments, self._config)
        return self._items

    @property
    def _left(self) -> int | None:
        return None if self._limit is None else self._limit - len(self._items)

    async def _get(self, arguments: Mapping[str, Json]) -> bytes:
        answer = await ask(self._visit, GET_OBJECT, arguments)
        body: str | bytes = answer["Body"]
        return body.encode() if isinstance(body, str) else body

    def _in_bucket(self, bucket: Json, key: str) -> dict[str, Json]:
        """Make the request for a further object that the dataset names."""
        return {**self._owner, "Bucket": bucket, "Key": key}

    @property
    def _owner(self) -> dict[str, Json]:
        name = "ExpectedBucketOwner"
        return {name: self._arguments[name]} if name in self._arguments else {}

    async def _read_object(self, arguments: Mapping[str, Json], config: Mapping[str, Any]) -> None:
        if self._left != 0:
            body = await self._get(arguments)
            source = f"S3://{arguments['Bucket']}/{arguments['Key']}"
            self._items += items_in(body, config, source, self._left)

    async def _read_listing(self, *, flatten: bool) -> None:
        bucket = self._arguments["Bucket"]
        async for entry in self._listed():
            if self._left == 0:
                return
            if not flatten:
                self._items.append(Item(_described(entry), source=f"S3://{bucket}"))
            elif not (entry["Key"].endswith("/") and entry.get("Size") == 0):  # A folder that the console made.
                await self._read_object(self._in_bucket(bucket, entry["Key"]), self._config)

    async def _listed(self) -> AsyncIterator[Mapping[str, Any]]:
        page: dict[str, Json] = await ask(self._visit, self._resource, self._arguments)
        while True:
            for entry in page.get("Contents", ()):
                yield entry
            if "NextContinuationToken" not in page:
                return
            further = {**self._arguments, "ContinuationToken": page["NextContinuationToken"]}
            page = await ask(self._visit, self._resource, further)

    async def _read_athena_manifest(self) -> None:
        """Read the data files that an UNLOAD query of Athena wrote: its manifest has the URI of one in each line."""
        config = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["uri"]}
        for line in items_in(await self._get(self._arguments), config, "", None):
            bucket, _, key = line.value["uri"].strip().removeprefix("s3://").partition("/")
            if not line.value["uri"].startswith("s3://") or not bucket or not key:
                raise UnreadableItems("The object is not the manifest of an Athena UNLOAD query.")
            await self._read_object(self._in_bucket(bucket, key), self._config)

    async def _read_inventory(self) -> None:
        """Read the entries of an S3 inventory: its manifest names compressed CSV files and their columns."""
        try:
            manifest = json_text.parse((await self._get(self._arguments)).decode())
            headers = [name.strip() for name in manifest["fileSchema"].split(",")]
            keys = [str(entry["key"]) for entry in manifest["files"]]
            written_as = manifest.get("fileFormat", "CSV")
        except (JsonError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise UnreadableItems("The object is not the manifest of an S3 inventory.") from problem
        if written_as != "CSV":
            raise UnreadableItems(f"The S3 inventory is written as {written_as}: its output format must be CSV.")
        config = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": headers}
        # The items come from the manifest, as far as `$$.Map.Item.Source` is concerned.
        source = f"S3://{self._arguments['Bucket']}/{self._arguments['Key']}"
        for key in keys:
            if self._left != 0:
                body = await self._get(self._in_bucket(self._arguments["Bucket"], key))
                self._items += items_in(body, config, source, self._left)


def _described(entry: Mapping[str, Any]) -> Json:
    """Describe an object as Step Functions does an element of a listing."""
    changed = entry.get("LastModified")
    return {
        "Etag": entry.get("ETag"),
        "Key": entry["Key"],
        "LastModified": changed.timestamp() if isinstance(changed, datetime) else changed,
        "Size": entry.get("Size"),
        "StorageClass": entry.get("StorageClass", "STANDARD"),
    }
