"""The inputs of the three workflows that change what the endpoint serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

from tasks.errors import InvalidDeployment
from tasks.json_schema import complaint

Kind = Literal["deploy", "rollback", "shift"]
Asked = Mapping[str, Any]

#: Guard-rails where the input names none, or leaves one out.
DEFAULT_GUARD_RAILS: Mapping[str, float] = {"errorPercent": 5.0, "latencyP99Ms": 2000.0, "fewestInvocations": 20}
DEFAULT_CHECK_SECONDS = 60
DEFAULT_LONGEST_SECONDS = 86_400
#: What EventBridge calls the event of a parameter that has changed (AWS Systems Manager user guide, "Setting up
#: notifications or triggering actions based on Parameter Store events").
PARAMETER_CHANGED = "Parameter Store Change"

_VERSION = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9_.-]{1,64}$",
    "x-inWords": "1 to 64 characters of A-Z a-z 0-9 _ . and -",
}
_COMMENT = {"type": "string", "description": "Ignored; the Step Functions console proposes it."}
_WEIGHT = {"type": "number", "minimum": 0, "maximum": 1_000_000}
_WEIGHTS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ModelA", "ModelB"],
    "properties": {"ModelA": _WEIGHT, "ModelB": _WEIGHT},
}
_SECONDS = {"type": "integer", "minimum": 1, "maximum": 604_800}

DEPLOY_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Input of a model deployment",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "version": {
            **_VERSION,
            "description": "A registered version. Default: the one that was created last.",
        },
        "role": {
            "type": "string",
            "enum": ["champion", "challenger"],
            "default": "champion",
            "description": "champion: it gets all traffic and becomes active. challenger: it gets a share of it.",
        },
        "sharePercent": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 100,
            "default": 20,
            "description": "Traffic of a challenger, percent.",
        },
        "Comment": _COMMENT,
    },
}

ROLLBACK_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Input of a model rollback",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "version": {
            **_VERSION,
            "description": "The version to go back to. Default: the active one if a deployment is under way, which is "
            "then stopped; else the one that was active before.",
        },
        "Comment": _COMMENT,
    },
}

SHIFT_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Input of a traffic shift",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "weights": {
            **_WEIGHTS,
            "description": "Weights to set; with automatic, those while the variants are compared. At least one is "
            "above 0. Default: nothing is changed; with automatic, the weights that there are, or equal ones where a "
            "variant has none.",
        },
        "steps": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "description": "Weights to set one after the other. After each one's bake time the guard-rails are asked.",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["weights", "bakeSeconds"],
                "properties": {"weights": _WEIGHTS, "bakeSeconds": _SECONDS},
            },
        },
        "end": {
            "type": "string",
            "enum": ["promote", "keep"],
            "default": "promote",
            "description": "After the last step. promote: the variant that has most of the traffic then gets all of "
            "it, and its version becomes active. keep: the last weights stay.",
        },
        "automatic": {
            "type": "boolean",
            "const": True,
            "description": "Compare the two variants until one is better: promote it or roll back.",
        },
        "checkSeconds": {
            **_SECONDS,
            "default": DEFAULT_CHECK_SECONDS,
            "description": "Between two looks at the comparison.",
        },
        "longestSeconds": {
            **_SECONDS,
            "default": DEFAULT_LONGEST_SECONDS,
            "description": "After this time without a decision the challenger is rolled back.",
        },
        "guardRails": {
            "type": "object",
            "additionalProperties": False,
            "description": "Limits for each variant that gets traffic.",
            "properties": {
                "errorPercent": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 100,
                    "default": DEFAULT_GUARD_RAILS["errorPercent"],
                    "description": "Invocations that may fail, percent.",
                },
                "latencyP99Ms": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": 60_000,
                    "default": DEFAULT_GUARD_RAILS["latencyP99Ms"],
                    "description": "Slowest that 99 % of the answers of the model may be, milliseconds.",
                },
                "fewestInvocations": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1_000_000_000,
                    "default": DEFAULT_GUARD_RAILS["fewestInvocations"],
                    "description": "A variant with fewer invocations is not judged.",
                },
            },
        },
        "Comment": _COMMENT,
    },
    "dependentRequired": {"end": ["steps"], "checkSeconds": ["automatic"], "longestSeconds": ["automatic"]},
}

_SCHEMAS: dict[Kind, dict[str, Any]] = {"deploy": DEPLOY_SCHEMA, "rollback": ROLLBACK_SCHEMA, "shift": SHIFT_SCHEMA}


def parse_kind(kind: Any) -> Kind:
    """What is to be planned, from the event of `plan-deployment`.

    Raises
    ------
    InvalidDeployment
        If it is none of ours.
    """
    if kind not in get_args(Kind):
        raise InvalidDeployment(f"kind is {kind!r}; allowed are {', '.join(get_args(Kind))}")
    return cast("Kind", kind)


def is_by_hand(document: Any) -> bool:
    """Whether the input is EventBridge's news that the parameter of the active version was changed."""
    return isinstance(document, dict) and document.get("detail-type") == PARAMETER_CHANGED


def parse_deployment(kind: Kind, document: Any) -> Asked:
    """What the user asks, from the input of an execution.

    Parameters
    ----------
    document
        The documented input; `{}`; the console's default (`Comment` alone); an EventBridge event, whose `detail` may
        hold our keys; or, for a rollback, the event of the changed parameter, which asks for nothing by itself.

    Returns
    -------
    The given keys without `Comment`, each value checked.

    Raises
    ------
    InvalidDeployment
        Names the key, its value and what is allowed.
    """
    if kind == "rollback" and is_by_hand(document):
        return {}
    if isinstance(document, dict) and {"detail-type", "source", "detail"} <= document.keys():
        return parse_deployment(kind, document["detail"])
    found = complaint(document, _SCHEMAS[kind])
    if found:
        raise InvalidDeployment(found)
    asked = {key: value for key, value in document.items() if key != "Comment"}
    if kind == "deploy" and "sharePercent" in asked and asked.get("role") != "challenger":
        raise InvalidDeployment("sharePercent is only for the role challenger; a champion gets all traffic")
    if kind == "shift":
        _check_shift(asked)
    return asked


def _check_shift(asked: Asked) -> None:
    if "steps" in asked:
        for other in ("weights", "automatic"):
            if other in asked:
                raise InvalidDeployment(f"an input has either steps or {other}")
    if "guardRails" in asked and not asked.keys() & {"steps", "automatic"}:
        raise InvalidDeployment("guardRails is only for an input with steps or automatic")
    named = {"weights": asked.get("weights")}
    named |= {f"steps[{place}].weights": step["weights"] for place, step in enumerate(asked.get("steps", ()))}
    for name, weights in named.items():
        if weights is not None and not any(weights.values()):
            raise InvalidDeployment(f"{name} are all 0; at least one variant needs traffic")
    if "automatic" in asked and "weights" in asked and not all(asked["weights"].values()):
        raise InvalidDeployment("weights must both be above 0 for a comparison")
