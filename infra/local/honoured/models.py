"""Models, endpoints and their scaling."""

from infra.local.honoured.rules import Honoured

TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": Honoured(
        works=("MaxCapacity", "MinCapacity", "ResourceId", "ScalableDimension", "ServiceNamespace", "Tags"),
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Honoured(
        works=("PolicyName", "PolicyType", "ScalingTargetId", "TargetTrackingScalingPolicyConfiguration"),
    ),
    "AWS::SageMaker::Endpoint": Honoured(works=("EndpointConfigName", "EndpointName", "Tags")),
    "AWS::SageMaker::EndpointConfig": Honoured(
        works=("EndpointConfigName", "ProductionVariants", "Tags"),
        recorded={"instances have no disks of their own": ("KmsKeyId",)},
    ),
    "AWS::SageMaker::Model": Honoured(
        works=("ExecutionRoleArn", "ModelName", "PrimaryContainer", "Tags"),
        recorded={"the server is a process in no subnet": ("EnableNetworkIsolation", "VpcConfig")},
    ),
    "Custom::ShippedModel": Honoured(handed_on=True),
}
