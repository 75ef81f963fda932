"""What starts workflows."""

from infra.local.honoured.rules import Honoured

TYPES = {
    "AWS::Scheduler::Schedule": Honoured(
        works=(
            "Description",
            "FlexibleTimeWindow",
            "GroupName",
            "Name",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "State",
            "Target.Arn",
            "Target.Input",
            "Target.RoleArn",
        ),
        recorded={"what cannot be started is logged, not tried again": ("Target.RetryPolicy",)},
    ),
    "AWS::Scheduler::ScheduleGroup": Honoured(works=("Name", "Tags")),
}
