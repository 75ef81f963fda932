"""What can be wrong with a workflow while it is authored or rendered."""


class WorkflowError(Exception):
    """A workflow cannot be built or rendered; the message says which state and what to change."""


class InvalidState(WorkflowError):
    """A state is incomplete or contradicts itself."""


class DuplicateState(WorkflowError):
    """Two states of one state machine have the same name."""


class StaleRendering(WorkflowError):
    """A committed rendering differs from what its module renders now."""
