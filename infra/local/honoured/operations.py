"""What starts workflows."""

from infra.local.honoured.rules import Honoured

TYPES: dict[str, Honoured] = {}
