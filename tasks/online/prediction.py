"""What every online caller shares: the active signature, the endpoint, and where predictions are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.aws import client
from tasks.models.active_version import ActiveVersion, Tell
from tasks.models.endpoint import Answer, ModelEndpoint
from tasks.models.registry import Registry
from tasks.online.items import Origin, put_requests
from tasks.records.signature import Signature
from tasks.scoring.item_store import ItemStore, TableWriter, shared_sender
from tasks.settings import Settings
from tasks.storage import Storage


@dataclass(frozen=True)
class Online:
    """The parts of the online path. They outlive an invocation, with their connections and what they remember."""

    active: ActiveVersion
    endpoint: ModelEndpoint
    items: ItemStore
    retention_days: int

    @classmethod
    def of(cls, settings: Settings, tell: Tell) -> Online:
        """The path of a deployment. Callers wait, so everything gives up sooner than in a batch.

        Parameters
        ----------
        tell
            Is told when the active version is of no use.

        Raises
        ------
        SettingsError
            If the endpoint or the table is not set.
        """
        ssm, s3 = (client(service, attempts=3, connect_seconds=2, read_seconds=3) for service in ("ssm", "s3"))
        table, endpoint = settings.required("predictions_table"), settings.required("endpoint")
        return cls(
            active=ActiveVersion(Registry(settings.parameter_root, ssm, Storage(s3)), tell),
            endpoint=ModelEndpoint(endpoint),
            items=TableWriter(table, shared_sender(read_seconds=4), attempts=4),
            retention_days=settings.retention_days,
        )

    @property
    def signature(self) -> Signature:
        """The signature that records are checked with: the active version's."""
        return self.active.get().signature

    def predict(self, records: Sequence[Mapping[str, float | str | None]], origins: Sequence[Origin]) -> Answer:
        """Predict cleaned records and store their predictions: an answer that is returned has been stored.

        Raises
        ------
        InvalidRecords, EndpointUnavailable, EndpointRefused, EndpointAnswerInvalid, AccessRefused
            As `ModelEndpoint.predict` says.
        ServiceUnavailable, ItemsRefused
            If DynamoDB does not take the items.
        """
        answer = self.endpoint.predict(records)
        self.items.put(put_requests(origins, answer, self.retention_days))
        return answer
