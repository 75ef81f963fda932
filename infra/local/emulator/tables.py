"""DynamoDB: what a number is."""

import re

from infra.local.emulator.private_names import Needs, module

NEEDS: Needs = {"services.dynamodb": ("_NUMBER_TEXT_RE",)}


def read_numbers_as_ascii() -> None:
    """Take the digits of ASCII alone, and nothing behind them.

    Symptom: digits of other scripts and a line break at the end pass for a number.
    """
    dynamodb = module("services.dynamodb")
    pattern = dynamodb._NUMBER_TEXT_RE.pattern.removesuffix("$")
    dynamodb._NUMBER_TEXT_RE = re.compile(rf"{pattern}\Z", re.ASCII)
