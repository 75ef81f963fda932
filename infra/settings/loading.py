"""From `cdk.json` and the environment to typed settings."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from infra.errors import SettingsError
from infra.naming import ENVIRONMENTS
from infra.settings.profile import Settings, check

CONTEXT_KEY = "ml-pipeline"


def load(context: Mapping[str, Any], environment_variables: Mapping[str, str]) -> Settings:
    """Read the settings of one environment.

    Parameters
    ----------
    context
        The CDK context: the object `ml-pipeline` of `cdk.json`, and `environment` and `region` if given with `-c`.
    environment_variables
        Usually `os.environ`.

    Raises
    ------
    SettingsError
        If the environment is unknown, or a setting is missing, unknown, of another type or out of its range.
    """
    profiles = context.get(CONTEXT_KEY)
    if not isinstance(profiles, Mapping):
        raise SettingsError(f"The CDK context has no `{CONTEXT_KEY}`. Run the CDK in infra/, where cdk.json is.")
    environments: Mapping[str, Any] = profiles["environments"]
    check(set(environments) <= set(ENVIRONMENTS), "environments", sorted(environments), ", ".join(ENVIRONMENTS))
    environment = context.get("environment") or environment_variables.get("ML_PIPELINE_ENVIRONMENT") or "dev"
    if environment not in environments:
        raise SettingsError(f"Unknown environment '{environment}'. Allowed: {', '.join(sorted(environments))}.")
    values = _merged(profiles["defaults"], environments[environment])
    region = context.get("region") or environment_variables.get("ML_PIPELINE_REGION")
    if region:
        values["region"] = region
    values["environment"] = environment
    values["account"] = environment_variables.get("CDK_DEFAULT_ACCOUNT") or None
    settings: Settings = _typed(Settings, values, where="")
    return settings


def _merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the values of `override` in it, object by object."""
    merged = dict(base)
    for key, value in override.items():
        both_objects = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both_objects else value
    return merged


def _typed(kind: Any, value: Any, where: str) -> Any:
    """Turn a JSON value into the type that a field is annotated with, or refuse it with its place and what fits."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        check(isinstance(value, Mapping), where, value, "an object")
        for key in value:
            check(key in hints, f"{where}{'.' if where else ''}{key}", value[key], f"only {', '.join(hints)}")
        for key, hint in hints.items():
            optional = typing.get_origin(hint) is types.UnionType
            check(key in value or optional, f"{where}{'.' if where else ''}{key}", None, "a value, in cdk.json")
        # The CDK drops what is null in cdk.json.
        fields = {k: _typed(hint, value.get(k), f"{where}{'.' if where else ''}{k}") for k, hint in hints.items()}
        return typing.cast("Any", kind)(**fields)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else _typed(arguments[0], value, where)
    if origin is tuple:
        check(isinstance(value, list), where, value, "a list")
        return tuple(_typed(arguments[0], item, where) for item in value)
    if origin is Mapping:
        check(isinstance(value, Mapping), where, value, "an object")
        return types.MappingProxyType({k: _typed(arguments[1], v, f"{where}.{k}") for k, v in value.items()})
    allowed = (int, float) if kind is float else (kind,)
    fits = isinstance(value, allowed) and (kind is bool or not isinstance(value, bool))
    check(fits, where, value, "a value of type " + " or ".join(t.__name__ for t in allowed))
    return value
