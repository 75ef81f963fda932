"""REST API."""

from infra.local.honoured.rules import Honoured

EVERY_ANSWER_COMPUTED = "no answer is cached: each is computed"

TYPES: dict[str, Honoured] = {}
