"""The form of what only a Map state has: items, batches, results, tolerated failures, processor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from workflows.interpreter import expressions, reader_schema
from workflows.interpreter.findings import Findings

MAX_LABEL = 40
FIELDS = frozenset(
    {
        "ItemProcessor",
        "Iterator",
        "Items",
        "ItemsPath",
        "ItemSelector",
        "ItemReader",
        "ItemBatcher",
        "ResultWriter",
        "MaxConcurrency",
        "MaxConcurrencyPath",
        "ToleratedFailureCount",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
        "Label",
    }
)
# What has no meaning without child executions.
_DISTRIBUTED_ONLY = (
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
    "Label",
)
_EXCLUSIVE = (
    ("Parameters", "ItemSelector"),
    ("MaxConcurrency", "MaxConcurrencyPath"),
    ("ToleratedFailureCount", "ToleratedFailureCountPath"),
    ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
)
_READ = re.compile(r"arn:[\w-]+:states:::s3:(getObject|listObjectsV2)$", re.ASCII)
_WRITE = re.compile(r"arn:[\w-]+:states:::s3:putObject$", re.ASCII)
_UNFIT_FOR_LABEL = re.compile(r"[\s?*<>{}\[\]:;,\\|^~$#%&`\"\x00-\x1f\x7f-\x9f]")


def check(findings: Findings, state: Mapping[str, Any], location: str, *, express: bool) -> bool:
    """Report what is wrong with the Map's own fields; say whether its children are Express workflows."""
    findings.exactly_one(state, ("ItemProcessor", "Iterator"), location)
    for pair in _EXCLUSIVE:
        findings.at_most_one(state, pair, location)
    name = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    distributed, express_children = _check_processor(findings, state.get(name), f"{location}/{name}", express=express)
    if not distributed:
        for field in _DISTRIBUTED_ONLY:
            if field in state:
                findings.add(f"Field '{field}' is not supported", location)
    if "ItemsPath" in state:
        expressions.reference_path(findings, state["ItemsPath"], f"{location}/ItemsPath", of_context=True)
    if "ItemSelector" in state:
        expressions.template(findings, state["ItemSelector"], f"{location}/ItemSelector")
    _check_numbers(findings, state, location)
    if "Label" in state:
        _check_label(findings, state["Label"], f"{location}/Label")
    for field, checker in (
        ("ItemReader", _check_reader),
        ("ItemBatcher", _check_batcher),
        ("ResultWriter", _check_writer),
    ):
        if field in state and findings.of_type(state[field], "[OBJECT]", f"{location}/{field}"):
            checker(findings, state[field], f"{location}/{field}")
    return express_children


def _check_processor(findings: Findings, processor: Any, location: str, *, express: bool) -> tuple[bool, bool]:
    """Report what is wrong with a ProcessorConfig; gives whether it is distributed, and with Express children."""
    if not isinstance(processor, dict) or "ProcessorConfig" not in processor:
        return False, False
    config, place = processor["ProcessorConfig"], f"{location}/ProcessorConfig"
    if not findings.of_type(config, "[OBJECT]", place):
        return False, False
    mode = config.get("Mode", "INLINE")
    findings.one_of(mode, ("INLINE", "DISTRIBUTED"), f"{place}/Mode")
    if mode != "DISTRIBUTED":
        findings.known(config, ("Mode",), place)
        return False, False
    if express:
        message = "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines"
        findings.add(message, f"{place}/Mode")
    findings.known(config, ("Mode", "ExecutionType"), place)
    findings.required(config, ("ExecutionType",), place)
    if "ExecutionType" in config:
        findings.one_of(config["ExecutionType"], ("STANDARD", "EXPRESS"), f"{place}/ExecutionType")
    return True, config.get("ExecutionType") == "EXPRESS"


def _check_numbers(findings: Findings, state: Mapping[str, Any], location: str) -> None:
    for name in ("MaxConcurrency", "ToleratedFailureCount"):
        if name in state:
            findings.within(state[name], f"{location}/{name}", least=0, most=None)
    name = "ToleratedFailurePercentage"
    if name in state:
        findings.within(state[name], f"{location}/{name}", least=0.0, most=100.0, integer=False)
    for name in ("MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath"):
        if name in state:
            expressions.reference_path(findings, state[name], f"{location}/{name}")


def _check_label(findings: Findings, label: Any, location: str) -> None:
    if not findings.of_type(label, "[STRING]", location):
        return
    if not label:
        findings.add("Label cannot be empty", location, "INVALID_LABEL_NAME")
    elif len(label) > MAX_LABEL:
        message = f"Label '{label}' exceeds the {MAX_LABEL}-character limit allowed by the service"
        findings.add(message, location, "INVALID_LABEL_NAME")
    elif unfit := _UNFIT_FOR_LABEL.search(label):
        findings.add(f"Label '{label}' contains invalid character: '{unfit.group()}'", location, "INVALID_LABEL_NAME")


def _check_reader(findings: Findings, reader: Mapping[str, Any], location: str) -> None:
    findings.known(reader, ("Resource", "Parameters", "ReaderConfig"), location)
    _check_access(findings, reader, location, _READ)
    reader_schema.check(findings, reader, location)


def _check_batcher(findings: Findings, batcher: Mapping[str, Any], location: str) -> None:
    sizes = ("MaxItemsPerBatch", "MaxInputBytesPerBatch")
    with_paths = [name + suffix for name in sizes for suffix in ("", "Path")]
    findings.known(batcher, {*with_paths, "BatchInput"}, location)
    if not any(name in batcher for name in with_paths):
        findings.add(f"At least one of these fields is required: [{', '.join(with_paths)}]", location)
    for name in sizes:
        findings.at_most_one(batcher, (name, f"{name}Path"), location)
        if name in batcher:
            findings.within(batcher[name], f"{location}/{name}", least=0, most=None)
        if f"{name}Path" in batcher:
            expressions.reference_path(findings, batcher[f"{name}Path"], f"{location}/{name}Path")
    if "BatchInput" in batcher:
        expressions.template(findings, batcher["BatchInput"], f"{location}/BatchInput")


def _check_writer(findings: Findings, writer: Mapping[str, Any], location: str) -> None:
    findings.known(writer, ("Resource", "Parameters", "WriterConfig"), location)
    if "Resource" in writer or "Parameters" in writer or "WriterConfig" not in writer:
        _check_access(findings, writer, location, _WRITE)
    if not findings.has(writer, "WriterConfig", "[OBJECT]", location):
        return
    config, place = writer["WriterConfig"], f"{location}/WriterConfig"
    findings.known(config, ("Transformation", "OutputType"), place)
    for name, allowed in (("Transformation", ("NONE", "COMPACT", "FLATTEN")), ("OutputType", ("JSON", "JSONL"))):
        if name in config:
            findings.one_of(config[name], allowed, f"{place}/{name}")


def _check_access(findings: Findings, access: Mapping[str, Any], location: str, resources: re.Pattern[str]) -> None:
    """Report a Resource that cannot be read or written, and unfit Parameters."""
    findings.required(access, ("Resource",), location)
    resource, place = access.get("Resource"), f"{location}/Resource"
    if "Resource" in access and findings.of_type(resource, "[STRING]", place) and not resources.match(str(resource)):
        findings.add("The field 'Resource' does not match any of the allowed values", place)
    if "Parameters" in access and findings.of_type(access["Parameters"], "[OBJECT]", f"{location}/Parameters"):
        expressions.template(findings, access["Parameters"], f"{location}/Parameters")
