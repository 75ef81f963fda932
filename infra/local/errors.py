"""Errors of the embedded AWS, worded for the person who has to act on them."""

from pathlib import Path


class LocalError(Exception):
    """Base of every error that the embedded AWS raises itself."""


class EmulatorChangedError(LocalError):
    """The installed emulator lacks private names that this package binds to.

    Parameters
    ----------
    version
        Version of the installed emulator.
    missing
        Dotted names that were not found.
    """

    def __init__(self, version: str, missing: list[str]) -> None:
        super().__init__(
            f"ministack {version} lacks {', '.join(missing)}. Install the version that pyproject.toml pins, "
            "or adapt infra/local/emulator, which is the only place that uses these names."
        )
        self.missing = missing


class PortTakenError(LocalError):
    """Another program listens on the wanted port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} on 127.0.0.1 is taken. Stop the program that listens there or choose another port "
            "(0 picks a free one)."
        )
        self.port = port


class StateInUseError(LocalError):
    """Another embedded AWS holds the state directory."""

    def __init__(self, state_dir: Path, holder: str) -> None:
        super().__init__(
            f"the state in {state_dir} is in use by process {holder}. Stop that embedded AWS or choose "
            "another state directory."
        )
        self.state_dir = state_dir


class AlreadyStartedError(LocalError):
    """A process can hold one embedded AWS only, because the emulator keeps its state in module globals."""

    def __init__(self) -> None:
        super().__init__("this process already ran an embedded AWS; start the next one in a process of its own.")


class StartFailedError(LocalError):
    """The embedded AWS did not come up."""


class RoleNotAssumableError(LocalError):
    """A service may not act as a role: the role is missing or its trust policy names others."""

    def __init__(self, role_arn: str, service: str, reason: str) -> None:
        super().__init__(f"{service} cannot assume {role_arn}: {reason}")
        self.role_arn = role_arn
        self.service = service


class RoleMissingError(RoleNotAssumableError):
    """A service may not act as a role, because there is no such role."""

    def __init__(self, role_arn: str, service: str) -> None:
        super().__init__(role_arn, service, "there is no such role")


class ServiceCallError(LocalError):
    """A service answered a call with an error.

    Parameters
    ----------
    code
        AWS's error code, e.g. ``ResourceNotFoundException``.
    message
        AWS's message.
    status
        HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class UnsupportedPropertyError(LocalError):
    """A template asks for something that matters and that the embedded AWS does not do."""

    def __init__(self, resource_type: str, properties: list[str]) -> None:
        super().__init__(
            f"the embedded AWS does not emulate {', '.join(properties)} of {resource_type}; it refuses the "
            "resource, because it would differ from what the template says."
        )
        self.resource_type = resource_type
        self.properties = properties


class UnsupportedTypeError(LocalError):
    """A template asks for a type of resource that the embedded AWS does not have."""

    def __init__(self, resource_type: str) -> None:
        super().__init__(
            f"the embedded AWS does not emulate resources of type {resource_type}. What it takes is listed in "
            "infra/local/HONOURED.md."
        )
        self.resource_type = resource_type


class StateDamagedError(LocalError):
    """A file of the saved state cannot be read."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(
            f"the saved state {file} is damaged ({reason}). Delete the directory {file.parent.parent} to start "
            "with an empty account, or choose another state directory."
        )
        self.file = file
