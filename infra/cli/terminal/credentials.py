"""Credentials that AWS does not take, told with what to do about them."""

from infra.cli.terminal.errors import UnavailableError

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId", "InvalidToken"}
)
_ANEW = "Renew them: `aws sso login` for single sign-on, or take new ones from whoever gave you these."
_GIVE = "Set AWS_PROFILE to a profile of yours, or make one with `aws configure` or `aws configure sso`."


def explain(error: Exception) -> UnavailableError | None:
    """Tell what is wrong with the credentials; None if the error is about something else.

    Source of the codes: IAM user guide and Amazon EC2 API reference, "Common errors" / "Error codes".
    """
    from botocore import exceptions

    match error:
        case exceptions.NoCredentialsError():
            return UnavailableError("There are no AWS credentials.", _GIVE)
        case exceptions.PartialCredentialsError():
            return UnavailableError(f"The AWS credentials are incomplete: {error}.", _GIVE)
        case exceptions.ProfileNotFound() | exceptions.ConfigParseError() | exceptions.InvalidConfigError():
            return UnavailableError(
                f"{error}.".replace("..", "."),
                "`aws configure list-profiles` shows those that there are; set AWS_PROFILE.",
            )
        case (
            exceptions.SSOError()
            | exceptions.LoginError()
            | exceptions.TokenRetrievalError()
            | exceptions.CredentialRetrievalError()
        ):
            return UnavailableError(f"The AWS credentials cannot be fetched: {error}", _ANEW)
        case exceptions.ClientError():
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code in _EXPIRED:
                return UnavailableError(f"The AWS credentials have expired: {message}", _ANEW)
            if code in _UNKNOWN:
                return UnavailableError(f"AWS does not know these credentials: {message}", _GIVE)
            if code == "SignatureDoesNotMatch":
                return UnavailableError(
                    f"AWS refuses the signature: {message}",
                    "The secret key does not belong to the access key, or this machine's clock is wrong.",
                )
    return None
