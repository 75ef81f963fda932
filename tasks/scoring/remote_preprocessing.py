"""The Lambda function `preprocess` as its callers see it; the one module that calls AWS Lambda."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import orjson
from botocore.exceptions import ClientError

from tasks.aws import client, error_code, named_failures
from tasks.errors import PreprocessingFailed, PreprocessingUnavailable, ServiceUnavailable
from tasks.records.rows import Flaw, FlawKind

#: Longer than the function may take, so that it is Lambda who says that it took too long.
_READ_SECONDS = 65
#: Error types with which the function, or Lambda on its behalf, says "later": a service was away, the worker died.
_LATER = {"ServiceUnavailable", "Runtime.ExitError", "Sandbox.Timedout", "Lambda.Unknown"}
#: With which Lambda says that a body is over its 6 MB ("Lambda quotas", Lambda developer guide).
_TOO_LARGE = {"Function.ResponseSizeTooLarge", "RequestTooLargeException", "RequestEntityTooLargeException", "413"}


class TooMuchAtOnce(Exception):
    """The records, or what there is to say of them, do not fit into one call; fewer might."""


@dataclass(frozen=True)
class Preprocessed:
    """What became of the records of one call.

    `flaws` are those of the bad records by position, `records` the other ones, cleaned, in their order.
    """

    records: Sequence[Mapping[str, float | str | None]]
    flaws: Mapping[int, Sequence[Flaw]]


class PreprocessFunction:
    """The function of a deployment.

    Parameters
    ----------
    name
        Its name.
    lambda_client
        A botocore client; default: the process's own. Attempts are the caller's business.
    """

    def __init__(self, name: str, lambda_client: Any = None) -> None:
        self._name = name
        self._lambda = lambda_client or client("lambda", attempts=1, read_seconds=_READ_SECONDS)

    def clean(self, records: Sequence[bytes], model_version: str, *, text: bool) -> Preprocessed:
        """Check and clean some records with a single call.

        Parameters
        ----------
        records
            At least one, each as JSON.
        model_version
            The version with whose signature they are checked.
        text
            Whether their values are all text.

        Raises
        ------
        TooMuchAtOnce
            If question or answer would be over Lambda's 6 MB.
        PreprocessingUnavailable
            If Lambda throttles or is away, or what the function needs is.
        PreprocessingFailed
            If there is no such function, it fails, or its answer does not fit the records.
        AccessRefused
            If this role may not call it.
        """
        head = orjson.dumps({"modelVersion": model_version, "text": text})[:-1]
        payload = head + b',"records":[' + b",".join(records) + b"]}"
        try:
            with named_failures(f"invoke the function {self._name}"):
                answer = self._lambda.invoke(FunctionName=self._name, Payload=payload)
                body = answer["Payload"].read()
        except ClientError as error:
            if error_code(error) in _TOO_LARGE:
                raise TooMuchAtOnce from error
            raise PreprocessingFailed(f"the function {self._name} cannot be invoked: {error}") from error
        except ServiceUnavailable as error:
            raise PreprocessingUnavailable(str(error)) from error
        if "FunctionError" in answer:
            raise self._named(body)
        return self._parsed(body, len(records))

    def _named(self, body: bytes) -> Exception:
        try:
            failure = orjson.loads(body)
            kind, message = str(failure["errorType"]), str(failure["errorMessage"])
        except (ValueError, TypeError, KeyError):
            kind, message = "", body[:1000].decode("utf-8", "replace")
        if kind in _TOO_LARGE:
            return TooMuchAtOnce()
        said = f"the function {self._name} failed: {kind}: {message}"
        later = kind in _LATER or "Task timed out" in message
        return PreprocessingUnavailable(said) if later else PreprocessingFailed(said)

    def _parsed(self, body: bytes, count: int) -> Preprocessed:
        try:
            document = orjson.loads(body)
            records, flaws = document["records"], defaultdict(list)
            for entry in document["flaws"]:
                if entry["kind"] not in get_args(FlawKind) or not 0 <= entry["record"] < count:
                    raise ValueError(f"{entry} is no flaw of a record")
                flaws[entry["record"]].append(Flaw(cast("FlawKind", entry["kind"]), entry["message"], entry["field"]))
            if len(records) + len(flaws) != count:
                raise ValueError(f"{len(records)} cleaned and {len(flaws)} bad records for {count}")
        except (ValueError, TypeError, KeyError) as error:
            raise PreprocessingFailed(f"the function {self._name} gave no valid answer: {error!r}") from error
        return Preprocessed(records, flaws)
