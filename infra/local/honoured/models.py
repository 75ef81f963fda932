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
        works=(
            "EndpointConfigName",
            "ProductionVariants.InitialInstanceCount",
            "ProductionVariants.InitialVariantWeight",
            "ProductionVariants.ModelName",
            "ProductionVariants.VariantName",
            "Tags",
        ),
        recorded={
            "each instance is a process of this machine": ("ProductionVariants.InstanceType",),
            "a process has no volume of its own": ("KmsKeyId",),
        },
    ),
    "AWS::SageMaker::Model": Honoured(
        works=("ExecutionRoleArn", "ModelName", "PrimaryContainer", "Tags"),
        recorded={
            "a process is in no subnet": ("VpcConfig",),
            "a process gets no credentials and no endpoint URL, but can reach the network": ("EnableNetworkIsolation",),
        },
    ),
    "Custom::ShippedModel": Honoured(handed_on=True),
}
