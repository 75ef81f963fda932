"""Resource types of ours for the emulator's CloudFormation, and mends of its own ones."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind
from infra.local.errors import UnsupportedPropertyError

NEEDS: Needs = {
    "services.cloudformation": ("_change_sets", "_stacks"),
    "core.responses": ("get_account_id", "get_region"),
    "services.cloudformation.provisioners": (
        "_RESOURCE_HANDLERS",
        "_physical_name",
        "_provision_resource",
        "_update_resource",
    ),
    "services.cloudformation.stacks": ("_runs_on_worker_thread",),
}

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class ResourceRequest:
    """What a stack operation asks of a resource.

    Attributes
    ----------
    type, logical_id, stack
        Which resource of which stack.
    properties
        Resolved properties; every scalar is a string, as in CloudFormation ("true", "60").
    account, region
        Where the stack lives.
    physical_id
        What ``Ref`` returns; empty while it is being created.
    previous
        Properties before an update; empty otherwise.
    """

    type: str
    logical_id: str
    stack: str
    properties: Properties
    account: str
    region: str
    physical_id: str = ""
    previous: Properties = field(default_factory=dict)

    def name(self, property_name: str, max_length: int = 128) -> str:
        """Return the name that the template gives in `property_name`, or one made from stack and logical id."""
        given = self.properties.get(property_name)
        if given:
            return str(given)
        made: str = module("services.cloudformation.provisioners")._physical_name(
            self.stack, self.logical_id, max_len=max_length
        )
        return made

    def changed(self, *property_names: str) -> bool:
        """Whether an update changes one of the properties."""
        return any(self.properties.get(name) != self.previous.get(name) for name in property_names)

    def with_properties(self, properties: Properties) -> "ResourceRequest":
        """Return the request with other properties."""
        return replace(self, properties=properties)

    def refuse_other_than(self, honoured: Set[str]) -> None:
        """Make sure that no property is asked for but these.

        Raises
        ------
        UnsupportedPropertyError
            Names the others.
        """
        unknown = sorted(self.properties.keys() - honoured)
        if unknown:
            raise UnsupportedPropertyError(self.type, unknown)


@dataclass(frozen=True)
class Resource:
    """A provisioned resource.

    Attributes
    ----------
    physical_id
        What ``Ref`` returns. An update that returns another id has replaced the resource; CloudFormation then
        deletes the predecessor after the update succeeded.
    attributes
        What ``Fn::GetAtt`` returns, by attribute name.
    """

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


Provision = Callable[[ResourceRequest], Resource]
"""Creates or updates a resource. Runs on a thread of its own, so it may block; a raised error fails the stack
with its message."""

Delete = Callable[[ResourceRequest], None]

Judge = Callable[[ResourceRequest], None]
"""Raises what is wrong with a resource before anything is done about it; the stack fails with its message."""

WrapProvision = Callable[[ResourceRequest, Provision], Resource]


@dataclass(frozen=True)
class ResourceType:
    """How a resource type is provisioned.

    Attributes
    ----------
    create, update, delete
        An `update` that changes what cannot change in place calls its own `create` and returns the new id.
    properties
        Every property that the type honours or may ignore without harm; any other fails the stack by name.
    """

    create: Provision
    update: Provision
    delete: Delete
    properties: frozenset[str]

    def refuse_unknown(self, request: ResourceRequest) -> None:
        """Raise `UnsupportedPropertyError` if the template sets a property that is not in `properties`."""
        request.refuse_other_than(self.properties)


class Resources:
    """The emulator's table of resource types, open to ours."""

    def __init__(self) -> None:
        self._responses = module("core.responses")
        self._handlers: dict[str, dict[str, Any]] = module("services.cloudformation.provisioners")._RESOURCE_HANDLERS
        self._blocking: set[str] = set()
        self._own: set[str] = set()
        runs_on_worker_thread = module("services.cloudformation.stacks")._runs_on_worker_thread
        rebind(
            runs_on_worker_thread,
            lambda cfn_type: cfn_type in self._blocking or runs_on_worker_thread(cfn_type),
        )

    def judge_with(self, judge: Judge) -> None:
        """Let `judge` see each resource before it is created or updated, but for those of types of our own.

        Symptom: the emulator takes properties that it knows nothing of, and whole types (``AWS::CloudFormation::*``)
        as placeholders, without a word. Types of our own refuse by themselves (`ResourceType.properties`).
        """
        provisioners = module("services.cloudformation.provisioners")
        provision, update = provisioners._provision_resource, provisioners._update_resource

        def judged_provision(cfn_type: str, logical_id: str, properties: Properties, stack: str) -> Any:
            if cfn_type not in self._own:
                judge(self._request(cfn_type, logical_id, properties, stack))
            return provision(cfn_type, logical_id, properties, stack)

        def judged_update(
            cfn_type: str,
            physical_id: str,
            previous: Properties,
            properties: Properties,
            stack: str,
            logical_id: str | None = None,
            old_attrs: Any = None,
        ) -> Any:
            if cfn_type not in self._own:
                judge(self._request(cfn_type, logical_id or "", properties, stack, physical_id, previous))
            return update(cfn_type, physical_id, previous, properties, stack, logical_id, old_attrs)

        rebind(provision, judged_provision)
        rebind(update, judged_update)

    def register(self, cfn_type: str, resource_type: ResourceType) -> None:
        """Provision `cfn_type` ourselves, in the place of the emulator's own provisioning if it has one."""

        def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, Any]]:
            request = self._request(cfn_type, logical_id, properties, stack)
            resource_type.refuse_unknown(request)
            return _pair(resource_type.create(request))

        def update(
            physical_id: str, previous: Properties, properties: Properties, stack: str, logical_id: str
        ) -> tuple[str, dict[str, Any]]:
            request = self._request(cfn_type, logical_id, properties, stack, physical_id, previous)
            resource_type.refuse_unknown(request)
            return _pair(resource_type.update(request))

        def delete(physical_id: str, properties: Properties) -> None:
            resource_type.delete(self._request(cfn_type, "", properties, "", physical_id))

        self._handlers[cfn_type] = {
            "create": create,
            "update": update,
            "update_with_logical_id": True,
            "delete": delete,
        }
        self._blocking.add(cfn_type)
        self._own.add(cfn_type)

    def wrap(self, cfn_type: str, provision: WrapProvision) -> None:
        """Put `provision` around the emulator's create and update of `cfn_type`.

        It receives the request and the emulator's own provisioning, which it may call with a request that it
        changed, and returns the resource; `ResourceRequest.physical_id` tells an update from a creation.
        """
        handlers = self._handlers[cfn_type]
        # Without an update of its own a type is made anew; CloudFormation then deletes the predecessor.
        inner_create, inner_update = handlers["create"], handlers.get("update")
        with_logical_id = handlers.get("update_with_logical_id", False)

        def emulators(request: ResourceRequest) -> Resource:
            if not request.physical_id or inner_update is None:
                made = inner_create(request.logical_id, dict(request.properties), request.stack)
            else:
                extra = (request.logical_id,) if with_logical_id else ()
                made = inner_update(
                    request.physical_id, dict(request.previous), dict(request.properties), request.stack, *extra
                )
            return Resource(made[0], made[1] or {})

        def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, Any]]:
            return _pair(provision(self._request(cfn_type, logical_id, properties, stack), emulators))

        def update(
            physical_id: str, previous: Properties, properties: Properties, stack: str, logical_id: str
        ) -> tuple[str, dict[str, Any]]:
            request = self._request(cfn_type, logical_id, properties, stack, physical_id, previous)
            return _pair(provision(request, emulators))

        self._handlers[cfn_type] = {
            **handlers,
            "create": create,
            "update": update,
            "update_with_logical_id": True,
        }
        self._blocking.add(cfn_type)

    def accept_changed_outputs(self, change_set_id: str) -> None:
        """Make a change set executable that changes nothing but outputs.

        Symptom: it fails with "didn't contain changes", so that the CDK leaves a new export out and the stack that
        imports it cannot be deployed. Must be called in the scope of the change set's account and region.
        """
        engine = module("services.cloudformation")
        change_set = engine._change_sets.get(change_set_id) or {}
        stack = engine._stacks.get(change_set.get("StackName", "")) or {}
        if change_set.get("Status") != "FAILED" or "didn't contain changes" not in change_set["StatusReason"]:
            return
        if change_set["_template"].get("Outputs", {}) != stack.get("_template", {}).get("Outputs", {}):
            change_set |= {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "StatusReason": ""}

    def _request(
        self,
        cfn_type: str,
        logical_id: str,
        properties: Properties,
        stack: str,
        physical_id: str = "",
        previous: Properties | None = None,
    ) -> ResourceRequest:
        return ResourceRequest(
            type=cfn_type,
            logical_id=logical_id,
            stack=stack,
            properties=properties,
            account=self._responses.get_account_id(),
            region=self._responses.get_region(),
            physical_id=physical_id,
            previous=previous or {},
        )


def _pair(resource: Resource) -> tuple[str, dict[str, Any]]:
    return resource.physical_id, dict(resource.attributes)
