"""``python -m infra.local.honoured`` writes the page."""

from infra.local.honoured import TABLE
from infra.local.honoured.page import PAGE, render

PAGE.write_text(render(TABLE), encoding="utf-8")
