"""Pictures of state machines."""

from __future__ import annotations

from workflows.drawing import mermaid


def test_a_picture_shows_transitions_rules_catchers_and_frames() -> None:
    picture = mermaid(
        {
            "StartAt": "Look",
            "States": {
                "Look": {
                    "Type": "Choice",
                    "Choices": [
                        {"And": [{"Variable": "$.n", "NumericGreaterThan": 1}, {"Variable": "$.m", "IsNull": False}],
                         "Next": "Work"},
                        {"Not": {"Variable": "$.n", "IsPresent": True}, "Next": "End"},
                    ],
                    "Default": "End",
                },
                "Work": {
                    "Type": "Map",
                    "ItemProcessor": {
                        "ProcessorConfig": {"Mode": "DISTRIBUTED"},
                        "StartAt": "One",
                        "States": {"One": {"Type": "Pass", "End": True}},
                    },
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "End"}],
                    "Next": "End",
                },
                "End": {"Type": "Succeed"},
            },
        }
    )  # fmt: skip

    assert picture.splitlines() == [
        "flowchart TD",
        '    s0{{"Look"}}',
        '    subgraph s1["Work"]',
        '        subgraph s1b0["each item, distributed"]',
        '            s3["One"]',
        "        end",
        "    end",
        '    s2(["End"])',
        '    s0 -->|"$.n NumericGreaterThan 1 and $.m IsNull False"| s1',
        '    s0 -->|"not $.n IsPresent True"| s2',
        '    s0 -->|"otherwise"| s2',
        "    s1 --> s2",
        '    s1 -.->|"States.ALL"| s2',
    ]


def test_a_picture_says_once_what_rules_compare_alike() -> None:
    status, other = ({"Variable": f"$.{name}", "StringEquals": name.upper()} for name in ("status", "other"))

    picture = mermaid(
        {
            "StartAt": "Over?",
            "States": {
                "Over?": {
                    "Type": "Choice",
                    "Choices": [{"Or": [status, {**status, "StringEquals": "B"}, other], "Next": "Done"}],
                    "Default": "Done",
                },
                "Done": {"Type": "Succeed"},
            },
        }
    )

    assert '-->|"$.status StringEquals STATUS or B or $.other StringEquals OTHER"|' in picture
