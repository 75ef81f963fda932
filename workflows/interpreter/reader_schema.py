"""The form of a distributed Map's ItemReader.

Facts: Step Functions developer guide, "ItemReader (Map)", section "Contents of the ItemReader field".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from workflows.interpreter import expressions
from workflows.interpreter.findings import Findings
from workflows.interpreter.item_formats import DELIMITERS, FORMATS, MAX_HEADER_BYTES

MAX_ITEMS = 100_000_000
MAX_POINTER = 2000
_ENUMERATIONS: dict[str, tuple[str, ...]] = {
    "InputType": ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"),
    "CSVHeaderLocation": ("FIRST_ROW", "GIVEN"),
    "CSVDelimiter": tuple(DELIMITERS),
    "ManifestType": ("ATHENA_DATA", "S3_INVENTORY"),
    "Transformation": ("NONE", "LOAD_AND_FLATTEN"),
}
_OF_ATHENA = ("CSV", "JSONL", "PARQUET")
_OF_CSV = ("CSVHeaderLocation", "CSVHeaders", "CSVDelimiter")
_FIELDS = (*_ENUMERATIONS, "MaxItems", "MaxItemsPath", "CSVHeaders", "ItemsPointer")
_POINTER = re.compile(r"(?:/(?:[^/~]|~[01])*)*")


def check(findings: Findings, reader: Mapping[str, Any], location: str) -> None:
    """Report what is wrong with a ReaderConfig, and with Parameters that it excludes."""
    config, place = reader.get("ReaderConfig", {}), f"{location}/ReaderConfig"
    if not findings.of_type(config, "[OBJECT]", place):
        return
    findings.known(config, _FIELDS, place)
    # Of fields whose value is none that they may have, nothing more is asked.
    fit = [
        findings.one_of(config[name], allowed, f"{place}/{name}")
        for name, allowed in _ENUMERATIONS.items()
        if name in config
    ]
    if all(fit):
        listing = str(reader.get("Resource", "")).endswith(":listObjectsV2")
        _check_source(findings, config, place, listing=listing)
        _check_csv(findings, config, place)
    _check_headers(findings, config, place)
    _check_pointer(findings, config, place)
    _check_limit(findings, config, place)
    parameters = reader.get("Parameters")
    if config.get("InputType") == "PARQUET" and isinstance(parameters, dict):
        for name in ("VersionId", "VersionId.$"):
            if name in parameters:
                findings.add(f"Field '{name}' is not supported", f"{location}/Parameters")


def _check_source(findings: Findings, config: Mapping[str, Any], place: str, *, listing: bool) -> None:
    """Report an InputType that does not go with where the items come from."""
    if config.get("Transformation") == "LOAD_AND_FLATTEN":
        if not listing:
            findings.add("Value 'LOAD_AND_FLATTEN' is only supported for s3:listObjectsV2", f"{place}/Transformation")
        _check_input_type(findings, config, place, tuple(FORMATS))
    manifest = config.get("ManifestType")
    if manifest == "ATHENA_DATA":
        _check_input_type(findings, config, place, _OF_ATHENA)
    if manifest == "S3_INVENTORY" and "InputType" in config:
        findings.add("Field 'InputType' is not supported", place)
    if manifest is not None and listing:
        findings.add("Field 'ManifestType' is not supported", place)


def _check_input_type(findings: Findings, config: Mapping[str, Any], place: str, allowed: tuple[str, ...]) -> None:
    findings.required(config, ("InputType",), place)
    if "InputType" in config:
        findings.one_of(config["InputType"], allowed, f"{place}/InputType")


def _check_csv(findings: Findings, config: Mapping[str, Any], place: str) -> None:
    kind = config.get("InputType")
    if kind != "CSV":
        for name in _OF_CSV:
            if name in config and kind != "MANIFEST" and config.get("ManifestType") != "S3_INVENTORY":
                findings.add(f"Field '{name}' is not supported", place)
    elif "CSVHeaderLocation" not in config:
        findings.add("The field 'CSVHeaderLocation' is required", place)
    elif config["CSVHeaderLocation"] == "GIVEN":
        findings.required(config, ("CSVHeaders",), place)


def _check_headers(findings: Findings, config: Mapping[str, Any], place: str) -> None:
    if not findings.has(config, "CSVHeaders", "[ARRAY]", place):
        return
    headers, where = config["CSVHeaders"], f"{place}/CSVHeaders"
    if not headers:
        findings.add("Value cannot be empty", where)
    fit = [findings.of_type(header, "[STRING]", f"{where}[{index}]") for index, header in enumerate(headers)]
    if all(fit) and sum(len(header.encode()) for header in headers) > MAX_HEADER_BYTES:
        findings.add(f"CSV headers cannot have more than {MAX_HEADER_BYTES} bytes", where)


def _check_pointer(findings: Findings, config: Mapping[str, Any], place: str) -> None:
    if not findings.has(config, "ItemsPointer", "[STRING]", place):
        return
    pointer, where = config["ItemsPointer"], f"{place}/ItemsPointer"
    if config.get("InputType") != "JSON":
        findings.add("Field 'ItemsPointer' is not supported", place)
    if len(pointer) >= MAX_POINTER or not _POINTER.fullmatch(pointer):
        findings.add("Value must be a valid JSONPointer", where)


def _check_limit(findings: Findings, config: Mapping[str, Any], place: str) -> None:
    findings.at_most_one(config, ("MaxItems", "MaxItemsPath"), place)
    if "MaxItems" in config:
        findings.within(config["MaxItems"], f"{place}/MaxItems", least=0, most=MAX_ITEMS)
    if "MaxItemsPath" in config:
        expressions.reference_path(findings, config["MaxItemsPath"], f"{place}/MaxItemsPath")
