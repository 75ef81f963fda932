"""Schedule expressions of profiles: those that come again, in the form that rules and Scheduler both take."""

from infra.schedule_expressions import rule_expression as schedule_expression

__all__ = ["schedule_expression"]
