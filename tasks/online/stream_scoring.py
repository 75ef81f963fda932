"""The way of a batch of the stream: every record ends as an item or in quarantine, or is delivered again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.errors import InvalidRecords, RecordError, TaskError
from tasks.json_text import parse_record
from tasks.models.endpoint import Answer
from tasks.online.prediction import Online
from tasks.online.stream_quarantine import Poison, Quarantine
from tasks.online.stream_record import StreamRecord
from tasks.records.cleaning import clean
from tasks.records.signature import Signature


@dataclass
class StreamOutcome:
    """What became of a batch.

    `answer` is the endpoint's, if there was something to predict; `poisons` were set aside; `unhandled` are the
    records that have to be delivered again, and `failures` say why.
    """

    answer: Answer | None = None
    poisons: list[Poison] = field(default_factory=list)
    unhandled: list[StreamRecord] = field(default_factory=list)
    failures: list[TaskError] = field(default_factory=list)

    def leave(self, records: Sequence[StreamRecord], failure: TaskError) -> None:
        """Leave records for the next delivery."""
        self.unhandled += records
        self.failures.append(failure)

    def to_response(self) -> dict[str, list[dict[str, str]]]:
        """The answer that Lambda's poller takes with `ReportBatchItemFailures`.

        It delivers again whatever has this sequence number or a higher one (Lambda developer guide, "Configuring
        partial batch response with Kinesis Data Streams and Lambda"); to handle a record twice changes nothing.
        """
        if not self.unhandled:
            return {"batchItemFailures": []}
        first = min(self.unhandled, key=lambda record: int(record.sequence_number))
        return {"batchItemFailures": [{"itemIdentifier": first.sequence_number}]}


def score_batch(records: Sequence[StreamRecord], online: Online, quarantine: Quarantine) -> StreamOutcome:
    """Predict the records of a batch with one call of the endpoint, and store the predictions.

    As in a batch run, fields that the model does not read are ignored, and a record that does not pass the check is
    set aside. A record that is there twice is predicted once. One that comes again in a later batch is predicted
    again, maybe by another variant, and its item replaced as a whole: there is always one, of one variant.

    Returns
    -------
    The outcome. Failures of services are in it; they are not raised.
    """
    unique = list({record.prediction_id: record for record in records}.values())
    outcome = StreamOutcome()
    try:
        signature = online.signature
    except TaskError as failure:
        outcome.leave(unique, failure)
        return outcome
    sources, cleaned, poisons = _sorted(unique, signature)
    try:
        outcome.answer, refused = _predict(sources, cleaned, online)
        poisons += refused
    except TaskError as failure:
        outcome.leave(sources, failure)
    not_written = quarantine.set_aside(poisons)
    for record, reason in not_written:
        outcome.leave([record], reason)
    lost = {record.prediction_id for record, _ in not_written}
    outcome.poisons = [poison for poison in poisons if poison.record.prediction_id not in lost]
    return outcome


def _sorted(
    records: Sequence[StreamRecord], signature: Signature
) -> tuple[list[StreamRecord], list[dict[str, float | str | None]], list[Poison]]:
    """The good records, what the endpoint takes of them, and the poisonous ones."""
    poisons, parsed, sources = [], [], []
    for record in records:
        try:
            content, complaint = parse_record(record.content(), signature.names)
        except ValueError as error:
            content, complaint = {}, str(error)
        if complaint:
            poisons.append(Poison(record, f"the record {complaint}"))
        else:
            sources.append(record)
            parsed.append(content)
    outcome = clean(parsed, signature)
    poisons += [Poison(sources[row.row - 1], row.reason) for row in outcome.bad]
    return [sources[place] for place in outcome.positions], outcome.records, poisons


def _predict(
    sources: Sequence[StreamRecord], records: Sequence[dict[str, float | str | None]], online: Online
) -> tuple[Answer | None, list[Poison]]:
    """Predict, but for what the variant that answers refuses.

    A variant may serve another version than the active one, with another signature. Nearly always there is one round;
    each further one has fewer records.
    """
    refused: list[Poison] = []
    waiting = list(zip(sources, records, strict=True))
    while waiting:
        try:
            answer = online.predict([record for _, record in waiting], [source.origin for source, _ in waiting])
        except InvalidRecords as error:
            reasons: dict[int, list[str]] = defaultdict(list)
            for entry in error.errors:
                reasons[entry.record or 0].append(_without_place(entry))
            refused += [Poison(waiting[place][0], "; ".join(said)) for place, said in sorted(reasons.items())]
            waiting = [pair for place, pair in enumerate(waiting) if place not in reasons]
        else:
            return answer, refused
    return None, refused


def _without_place(error: RecordError) -> str:
    return error.message if error.field is None else f"{error.field}: {error.message}"
