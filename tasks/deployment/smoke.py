"""The smoke test: a variant is asked for the golden records of the version that it should serve."""

from __future__ import annotations

import time

from tasks.errors import EndpointAnswerInvalid, EndpointRefused, InvalidRecords, SmokeTestFailed
from tasks.models.artifact import Artifact
from tasks.models.endpoint import Answer, ModelEndpoint
from tasks.records.cleaning import clean

#: How far a score may be from the promised one.
TOLERANCE = 1e-9


def smoke_test(version: str, artifact: Artifact, variant: str, endpoint: ModelEndpoint) -> dict[str, float]:
    """Ask a variant for the golden records, whatever its weight.

    Returns
    -------
    `records`, how many there were, and `milliseconds`, how long the answer took.

    Raises
    ------
    SmokeTestFailed
        If the variant serves another version, refuses a record, or gives one another score than promised; names the
        record.
    EndpointUnavailable
        If it does not answer; that is worth another try.
    """
    records = clean([golden["record"] for golden in artifact.golden], artifact.signature).records
    started = time.perf_counter()
    try:
        answer = endpoint.predict(records, variant=variant)
    except (InvalidRecords, EndpointRefused, EndpointAnswerInvalid) as error:
        raise SmokeTestFailed(f"{variant} did not score the golden records of version {version}: {error}") from error
    milliseconds = round((time.perf_counter() - started) * 1e3, 1)
    _compare(answer, version, artifact, variant)
    return {"records": len(records), "milliseconds": milliseconds}


def _compare(answer: Answer, version: str, artifact: Artifact, variant: str) -> None:
    if (answer.variant, answer.model_version) != (variant, version):
        raise SmokeTestFailed(
            f"{answer.variant} answered with version {answer.model_version}; {variant} was asked, and should serve "
            f"{version}"
        )
    tolerance = max(TOLERANCE, artifact.tolerance)
    for number, (golden, got) in enumerate(zip(artifact.golden, answer.predictions, strict=True), start=1):
        if abs(got.score - golden["score"]) > tolerance:
            raise SmokeTestFailed(
                f"{variant} gives golden record {number} of version {version} the score {got.score!r}; expected was "
                f"{golden['score']!r}"
            )
