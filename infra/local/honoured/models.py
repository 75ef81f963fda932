"""Models, endpoints and their scaling."""

from infra.local.honoured.rules import Honoured

TYPES: dict[str, Honoured] = {}
