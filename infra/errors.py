"""What can go wrong while the infrastructure is described, each told to the person who must act."""


class InfraError(Exception):
    """Base of all errors that are raised while the CDK app is built."""


class SettingsError(InfraError):
    """A setting is missing, unknown, of the wrong type or out of its range."""


class PackagingError(InfraError):
    """Code or libraries cannot be packed for AWS Lambda."""


class DefinitionMissing(InfraError):
    """The rendered definition of a workflow is not where the stack reads it."""
