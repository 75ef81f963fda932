"""Functions, jobs and state machines: processes of this machine."""

from infra.local.honoured.rules import Honoured

NO_TRACES = "no traces are collected"
NO_MACHINES = "jobs are processes of this machine, in no subnet and on no Fargate"

TYPES = {
    "AWS::Batch::ComputeEnvironment": Honoured(
        works=("ComputeEnvironmentName", "State", "Tags", "Type"),
        recorded={
            NO_MACHINES: ("ComputeResources",),
            "every change of a name replaces": ("ReplaceComputeEnvironment", "UpdatePolicy"),
        },
    ),
    "AWS::Batch::JobDefinition": Honoured(
        works=(
            "ContainerProperties.Command",
            "ContainerProperties.Environment",
            "ContainerProperties.Image",
            "ContainerProperties.JobRoleArn",
            "ContainerProperties.LogConfiguration",
            "ContainerProperties.ResourceRequirements",
            "JobDefinitionName",
            "PropagateTags",
            "RetryStrategy",
            "Tags",
            "Timeout",
            "Type",
        ),
        recorded={
            NO_MACHINES: (
                "ContainerProperties.ExecutionRoleArn",
                "ContainerProperties.FargatePlatformConfiguration",
                "ContainerProperties.NetworkConfiguration",
                "ContainerProperties.RuntimePlatform",
                "PlatformCapabilities",
            ),
            "the process is that of the user who runs the embedded AWS": (
                "ContainerProperties.ReadonlyRootFilesystem",
            ),
        },
    ),
    "AWS::Batch::JobQueue": Honoured(
        works=("ComputeEnvironmentOrder", "JobQueueName", "State", "Tags"),
        recorded={"queues do not compete for machines": ("Priority",)},
    ),
    "AWS::Lambda::Function": Honoured(
        works=(
            "Code.S3Bucket",
            "Code.S3Key",
            "Environment",
            "FunctionName",
            "Handler",
            "Layers",
            "LoggingConfig",
            "Role",
            "Runtime",
            "Tags",
            "Timeout",
        ),
        recorded={
            "the worker has this machine's processor": ("Architectures",),
            "memory is not limited, and processor time does not follow from it": ("MemorySize",),
            NO_TRACES: ("TracingConfig",),
            "the worker is in no subnet": ("VpcConfig",),
        },
    ),
    "AWS::Lambda::LayerVersion": Honoured(
        works=("CompatibleRuntimes", "Content", "Description", "LayerName"),
        recorded={"the worker has this machine's processor": ("CompatibleArchitectures",)},
    ),
    "AWS::Lambda::Permission": Honoured(works=("Action", "FunctionName", "Principal", "SourceArn")),
    "AWS::StepFunctions::StateMachine": Honoured(
        works=(
            "DefinitionString",
            "DefinitionSubstitutions",
            "LoggingConfiguration",
            "RoleArn",
            "StateMachineName",
            "Tags",
        ),
        recorded={NO_TRACES: ("TracingConfiguration",)},
    ),
    "AWS::StepFunctions::StateMachineAlias": Honoured(works=("Description", "Name", "RoutingConfiguration")),
    "AWS::StepFunctions::StateMachineVersion": Honoured(works=("StateMachineArn", "StateMachineRevisionId")),
}
