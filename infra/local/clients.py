"""Clients with which the embedded AWS calls itself, as AWS services call each other."""

import threading
from typing import Any

import boto3

from infra.local.emulator.identities import Credentials


class Clients:
    """Cached boto3 clients of one endpoint; safe to use from many threads, never on the event loop.

    Parameters
    ----------
    endpoint
        URL of the embedded AWS.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._session = boto3.session.Session()
        self._clients: dict[tuple[str, str, str], Any] = {}

    def root(self, service: str, account: str, region: str) -> Any:
        """Return a client that acts as the account's root.

        Parameters
        ----------
        account
            12 digits; a key of that form acts as the root of that account.
        """
        return self._get(service, region, account, account, None)

    def of(self, credentials: Credentials, service: str, region: str) -> Any:
        """Return a client that acts as the role that the credentials were given for."""
        return self._get(service, region, credentials.access_key, credentials.secret_key, credentials.session_token)

    def _get(self, service: str, region: str, access_key: str, secret_key: str, token: str | None) -> Any:
        key = (service, region, access_key)
        with self._lock:  # making clients from a shared session is not thread-safe
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service,  # type: ignore[call-overload]
                    region_name=region,
                    endpoint_url=self._endpoint,
                    aws_access_key_id=access_key,
                    aws_secret_access_key=secret_key,
                    aws_session_token=token,
                )
            return self._clients[key]
