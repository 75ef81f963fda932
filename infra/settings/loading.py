"""From `cdk.json` and the environment to typed settings."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from infra.errors import SettingsError
from infra.naming import ENVIRONMENTS
from infra.settings.profile import Settings
from infra.settings.rules import check, email

CONTEXT_KEY = "ml-pipeline"
EMAIL_VARIABLE = "ML_PIPELINE_ALARM_EMAIL"


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
    parts = tuple(profiles.get(part) for part in ("defaults", "environments"))
    if not all(isinstance(part, Mapping) for part in parts):
        raise SettingsError(f"`{CONTEXT_KEY}` in cdk.json must hold two objects, `defaults` and `environments`.")
    defaults, environments = typing.cast("tuple[Mapping[str, Any], Mapping[str, Any]]", parts)
    check(set(environments) <= set(ENVIRONMENTS), "environments", sorted(environments), ", ".join(ENVIRONMENTS))
    environment = context.get("environment") or environment_variables.get("ML_PIPELINE_ENVIRONMENT") or "dev"
    if environment not in environments:
        raise SettingsError(f"Unknown environment '{environment}'. Allowed: {', '.join(sorted(environments))}.")
    changes = environments[environment]
    check(isinstance(changes, Mapping), f"environments.{environment}", changes, "an object")
    values = _merged(defaults, changes)
    region = context.get("region") or environment_variables.get("ML_PIPELINE_REGION")
    if region:
        values["region"] = region
    values["environment"] = environment
    values["account"] = environment_variables.get("CDK_DEFAULT_ACCOUNT") or None
    settings: Settings = _typed(Settings, values, where="")
    return _with_email(settings, environment_variables.get(EMAIL_VARIABLE))


def _with_email(settings: Settings, address: str | None) -> Settings:
    """The settings with one more address that alarms go to, if it is not among them."""
    if not address or address in settings.alarms.emails:
        return settings
    allowed = email(address)
    check(allowed is None, EMAIL_VARIABLE, address, str(allowed))
    alarms = dataclasses.replace(settings.alarms, emails=(*settings.alarms.emails, address))
    return dataclasses.replace(settings, alarms=alarms)


def _merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the values of `override` in it, object by object."""
    merged = dict(base)
    for key, value in override.items():
        both_objects = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both_objects else value
    return merged


def _typed(hint: Any, value: Any, where: str) -> Any:
    """Turn a JSON value into the type that a field is annotated with, or refuse it with its place and what fits."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        typed = _typed(arguments[0], value, where)
        for rule in arguments[1:]:
            allowed = rule(typed)
            check(allowed is None, where, value, allowed)
        return typed
    if origin is types.UnionType:
        return None if value is None else _typed(arguments[0], value, where)
    if origin is tuple:
        check(isinstance(value, list), where, value, "a list")
        return tuple(_typed(arguments[0], item, where) for item in value)
    if origin is Mapping:
        check(isinstance(value, Mapping), where, value, "an object")
        keys, values = arguments
        typed_items = {_typed(keys, k, where): _typed(values, v, f"{where}.{k}") for k, v in value.items()}
        return types.MappingProxyType(typed_items)
    if dataclasses.is_dataclass(hint):
        return _structure(hint, value, where)
    allowed_types = (int, float) if hint is float else (hint,)
    fits = isinstance(value, allowed_types) and (hint is bool or not isinstance(value, bool))
    check(fits, where, value, "a value of type " + " or ".join(t.__name__ for t in allowed_types))
    return value


def _structure(kind: Any, value: Any, where: str) -> Any:
    hints = typing.get_type_hints(kind, include_extras=True)
    inside = f"{where}." if where else ""
    check(isinstance(value, Mapping), where, value, "an object")
    for key in value:
        check(key in hints, f"{inside}{key}", value[key], f"only {', '.join(hints)}")
    for key, hint in hints.items():
        optional = typing.get_origin(hint) is types.UnionType
        check(key in value or optional, f"{inside}{key}", None, "a value, in cdk.json")
    # The CDK drops what is null in cdk.json.
    return kind(**{key: _typed(hint, value.get(key), f"{inside}{key}") for key, hint in hints.items()})
