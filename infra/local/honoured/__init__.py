"""What the embedded AWS makes of each resource type and property of the templates: works, recorded, or refused.

One table for everybody: deployments are held against it (`judge`), `HONOURED.md` is written from it
(``python -m infra.local.honoured``), and a test compares it with the synthesized templates in both directions.
"""

from infra.local.emulator import ResourceRequest
from infra.local.errors import UnsupportedPropertyError, UnsupportedTypeError
from infra.local.honoured import (
    analytics,
    api,
    compute,
    models,
    monitoring,
    network,
    operations,
    security,
    storage,
    streaming,
)
from infra.local.honoured.rules import Honoured, merged

__all__ = ["TABLE", "Honoured", "judge"]

TABLE = merged(
    part.TYPES
    for part in (
        analytics,
        api,
        compute,
        models,
        monitoring,
        network,
        operations,
        security,
        storage,
        streaming,
    )
)
"""Resource type -> how it is treated."""


def judge(request: ResourceRequest) -> None:
    """Refuse what the table does not name.

    Raises
    ------
    UnsupportedTypeError, UnsupportedPropertyError
        Naming the type, and the properties.
    """
    row = TABLE.get(request.type)
    if row is None:
        raise UnsupportedTypeError(request.type)
    unlisted = row.unlisted(request.properties)
    if unlisted:
        raise UnsupportedPropertyError(request.type, unlisted)
