"""Parameter Store: tells EventBridge what was changed, and which tier a parameter has."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind
from tasks.aws_limits import PARAMETER_STANDARD_VALUE

INTELLIGENT = "Intelligent-Tiering"

NEEDS: Needs = {
    "services.eventbridge": ("_put_events",),
    "services.ssm": (
        "_default_tier",
        "_delete_parameter",
        "_delete_parameters",
        "_label_parameter_version",
        "_parameters",
        "_put_parameter",
    ),
}

Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], Answer]

_LABEL = re.compile(r"(?!(?i:aws|ssm)|[0-9])[A-Za-z0-9_.-]{1,100}")

_logger = logging.getLogger(__name__)


class Parameters:
    """The emulator's Parameter Store, mended."""

    def __init__(self) -> None:
        self._ssm = module("services.ssm")
        self._events = module("services.eventbridge")

    def announce_changes(self) -> None:
        """Put a "Parameter Store Change" event on the default bus for each change, whoever makes it.

        Symptom: the emulator tells nobody. Facts: Systems Manager user guide, "Setting up notifications or triggering
        actions based on Parameter Store events".
        """
        for name, operations in {
            "_put_parameter": self._operations_of_put,
            "_delete_parameter": self._operations_of_delete,
            "_delete_parameters": self._operations_of_delete,
            "_label_parameter_version": self._operations_of_label,
        }.items():
            operation = getattr(self._ssm, name)
            rebind(operation, self._announcing(operation, operations))

    def tier_of(self, members: Mapping[str, Any]) -> str:
        """Return the tier that PutParameter's members lead to: the wanted, the account's default, or what fits.

        An advanced parameter stays one (Systems Manager user guide, "Managing parameter tiers").
        """
        wanted, value = members.get("Tier"), str(members.get("Value", ""))
        if wanted == INTELLIGENT:
            fits = len(value.encode("utf-8", "surrogatepass")) <= PARAMETER_STANDARD_VALUE.value
            wanted = None if fits and not members.get("Policies") else "Advanced"
        existing = self._ssm._parameters.get(members.get("Name"))
        return str(wanted or self._ssm._default_tier({}, value, existing))

    def choose_tiers(self) -> None:
        """Store each parameter with the tier that it has.

        Symptom: Describe tells of the tier ``Intelligent-Tiering``, which is none.
        """
        put = self._ssm._put_parameter

        def put_with_tier(members: dict[str, Any]) -> Answer:
            answer: Answer = put({**members, "Tier": self.tier_of(members)})
            return answer

        rebind(put, put_with_tier)

    def tell_invalid_labels(self) -> None:
        """Attach the valid labels and name the others (API reference, "LabelParameterVersion", Labels).

        Symptom: labels that begin with a digit, with ``aws`` or ``ssm``, or have other letters are attached.
        """
        label = self._ssm._label_parameter_version

        def label_what_is_valid(members: dict[str, Any]) -> Answer:
            labels = members.get("Labels", [])
            invalid = [each for each in labels if not _LABEL.fullmatch(each)]
            answer: Answer = label({**members, "Labels": [each for each in labels if each not in invalid]})
            status, headers, body = answer
            return (
                (status, headers, json.dumps(json.loads(body) | {"InvalidLabels": invalid}).encode())
                if status < 300
                else answer
            )

        rebind(label, label_what_is_valid)

    def _announcing(self, operation: Operation, operations: Callable[..., dict[str, str]]) -> Operation:
        def call(members: dict[str, Any]) -> Answer:
            before = {key: dict(self._ssm._parameters[key]) for key in self._named(members)}
            answer = operation(members)
            if answer[0] < 300:
                for key, what in operations(before, self._named(members)).items():
                    self._announce(what, self._ssm._parameters.get(key) or before[key])
            return answer

        return call

    def _named(self, members: dict[str, Any]) -> list[str]:
        names = [members["Name"]] if "Name" in members else members.get("Names", [])
        return [name for name in names if name in self._ssm._parameters]

    @staticmethod
    def _operations_of_put(before: dict[str, Any], after: list[str]) -> dict[str, str]:
        return {name: "Update" if name in before else "Create" for name in after}

    @staticmethod
    def _operations_of_delete(before: dict[str, Any], after: list[str]) -> dict[str, str]:
        return {name: "Delete" for name in before if name not in after}

    @staticmethod
    def _operations_of_label(_before: dict[str, Any], after: list[str]) -> dict[str, str]:
        return dict.fromkeys(after, "LabelParameterVersion")

    def _announce(self, operation: str, parameter: dict[str, Any]) -> None:
        detail = {"operation": operation, "name": parameter["Name"], "type": parameter["Type"]}
        if parameter.get("Description"):
            detail["description"] = parameter["Description"]
        entry = {
            "Source": "aws.ssm",
            "DetailType": "Parameter Store Change",
            "Detail": json.dumps(detail),
            "Resources": [parameter["ARN"]],
        }
        try:
            self._events._put_events({"Entries": [entry]}, allow_aws_source=True)
        except Exception:  # delivery is best effort: nothing that happens there may change what was stored
            _logger.exception("the change of %s could not be announced", parameter["Name"])
