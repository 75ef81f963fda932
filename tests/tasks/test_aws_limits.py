"""The table of limits: each entry says where it comes from, and somebody heeds it."""

import re
from pathlib import Path

import pytest

from tasks import aws_limits
from tasks.aws_limits import Limit, utf8_bytes

ROOT = Path(__file__).parents[2]
TABLE = {name: value for name, value in vars(aws_limits).items() if isinstance(value, Limit)}
#: Where limits are heeded, and the boundary tests of what the emulator refuses by itself.
READERS = [
    *(path for room in ("tasks", "batch_jobs", "infra") for path in (ROOT / room).rglob("*.py")),
    ROOT / "tests" / "infra" / "local" / "test_limits.py",
]


@pytest.fixture(scope="module")
def read() -> set[str]:
    """Every name of the table that is read outside it."""
    texts = [path.read_text() for path in READERS if path.name != "aws_limits.py" and "node_modules" not in path.parts]
    return {name for text in texts for name in re.findall(r"\b[A-Z][A-Z0-9_]+\b", text)}


@pytest.mark.parametrize("name", TABLE)
def test_an_entry_names_its_page_its_unit_and_awss_error_and_is_heeded(name: str, read: set[str]) -> None:
    limit = TABLE[name]

    assert re.match(r"[A-Z][\w ]+ (API reference|developer guide|user guide), .+", limit.page), limit.page
    assert limit.value > 0
    assert limit.unit
    assert re.fullmatch(r"[A-Za-z.]+|REQUEST_TOO_LARGE", limit.error)
    assert name in read, "nobody heeds it"


def test_a_limit_reads_as_people_write_it() -> None:
    assert str(aws_limits.API_HEADERS) == "10,240 bytes"


def test_letters_count_as_their_bytes() -> None:
    assert [utf8_bytes(text) for text in ("", "x", "\u00e9", "\U0001f600", "\ud800")] == [0, 1, 2, 4, 3]
