"""What a model brings along: its archive from S3 and its image from ECR, both fetched with the model's role.

Facts: Amazon SageMaker developer guide, "Use Your Own Inference Code with Hosting Services" (archive, role), "SageMaker
AI execution roles", "CreateModel API: Execution Role Permissions". That CreateModel takes Docker's manifests alone, and
its words, are in no page of AWS's: aws/amazon-sagemaker-feedback#180, mlflow/mlflow#13834.
"""

import os
import shutil
import sys
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.batch.errors import TaskNotStartedError
from infra.local.batch.images import EcrImage, Program, find_program
from infra.local.clients import Clients
from infra.local.emulator import Credentials, Identities
from infra.local.errors import RoleNotAssumableError
from infra.local.image_manifests import SCHEMA_1, SCHEMA_1_SIGNED, SCHEMA_2
from infra.local.sagemaker.addresses import Place
from infra.local.sagemaker.errors import DeploymentFailedError, ValidationError

SERVICE = "sagemaker.amazonaws.com"

_MANIFESTS = frozenset({SCHEMA_1, SCHEMA_1_SIGNED, SCHEMA_2})

Record = dict[str, Any]


@dataclass(frozen=True)
class Container:
    """What an instance of a variant runs; the port is the instance's own.

    Attributes
    ----------
    argv, environment
        The command, and its whole environment but the port.
    directory
        The extracted model.
    credentials
        Of the model's role.
    """

    argv: list[str]
    environment: dict[str, str]
    directory: Path
    credentials: Credentials

    def discard(self) -> None:
        """Remove the extracted model."""
        shutil.rmtree(self.directory, ignore_errors=True)


class Artifacts:
    """Fetches what models name.

    Parameters
    ----------
    endpoint_url
        The embedded AWS.
    identities
        Acts as roles.
    directory
        Extracted models go below it; it is emptied, as nothing there outlives the embedded AWS.
    """

    def __init__(self, endpoint_url: str, identities: Identities, directory: Path) -> None:
        self._endpoint_url = endpoint_url
        self._identities = identities
        self._clients = Clients(endpoint_url)
        self._directory = directory
        shutil.rmtree(directory, ignore_errors=True)

    def check(self, model: Record, place: Place) -> None:
        """Make sure that a model's archive and image are there and its role may read them, as CreateModel does.

        Raises
        ------
        ValidationError
            In SageMaker's words.
        """
        credentials = self._assume(model)
        url = model["PrimaryContainer"].get("ModelDataUrl")
        if url:
            bucket, key = _bucket_and_key(url)
            try:
                self._clients.of(credentials, "s3", place.region).head_object(Bucket=bucket, Key=key)
            except (BotoCoreError, ClientError) as error:
                raise ValidationError(_no_data(model, place, error)) from error
        self._program(model, credentials)

    def fetch(self, model: Record, place: Place) -> Container:
        """Fetch and extract a model.

        Raises
        ------
        DeploymentFailedError
            If the role may not, or the archive is missing or damaged.

        Side effects: writes a directory, which `Container.discard` removes.
        """
        try:
            credentials = self._assume(model)
            program = self._program(model, credentials)
        except ValidationError as error:
            raise DeploymentFailedError(str(error)) from error
        self._directory.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(dir=self._directory))
        try:
            self._extract(model, place, credentials, directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        argv = program.argv(["serve", "--model", str(directory)])
        return Container(argv, self._environment(model, place, program, credentials), directory, credentials)

    def _extract(self, model: Record, place: Place, credentials: Credentials, directory: Path) -> None:
        url = model["PrimaryContainer"].get("ModelDataUrl")
        if not url:
            return
        bucket, key = _bucket_and_key(url)
        with tempfile.TemporaryFile(dir=self._directory) as archive:
            try:
                self._clients.of(credentials, "s3", place.region).download_fileobj(bucket, key, archive)
            except (BotoCoreError, ClientError) as error:
                raise DeploymentFailedError(_no_data(model, place, error)) from error
            archive.seek(0)
            try:
                with tarfile.open(fileobj=archive, mode="r:gz") as files:
                    # The filter refuses what would land outside the directory, links out of it, and devices.
                    files.extractall(directory, filter="data")
            except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
                raise DeploymentFailedError(
                    f'Failed to extract model data archive from URL "{url}" for container "primary": {error}. Please '
                    "ensure that the object located at the URL is a valid tar.gz archive."
                ) from error

    def _assume(self, model: Record) -> Credentials:
        role = model["ExecutionRoleArn"]
        try:
            return self._identities.assume(role, SERVICE, "SageMaker")
        except RoleNotAssumableError as error:
            raise ValidationError(
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                f"'{SERVICE}' to assume the role. ({error})"
            ) from error

    def _program(self, model: Record, credentials: Credentials) -> Program:
        image = model["PrimaryContainer"]["Image"]

        def is_pushed(wanted: EcrImage) -> bool:
            ecr = self._clients.of(credentials, "ecr", wanted.region)
            try:
                answer = ecr.batch_get_image(
                    registryId=wanted.account, repositoryName=wanted.repository, imageIds=[wanted.image_id]
                )
            except ecr.exceptions.RepositoryNotFoundException:
                return False
            except (BotoCoreError, ClientError) as error:
                raise ValidationError(
                    f"The execution role {model['ExecutionRoleArn']} cannot pull the image {image}: {error}"
                ) from error
            forms = [pushed["imageManifestMediaType"] for pushed in answer["images"]]
            for form in forms:
                if form not in _MANIFESTS:
                    raise ValidationError(
                        f"Unsupported manifest media type {form} for image {image}. Ensure that valid manifest media "
                        "type is used for specified image."
                    )
            return bool(forms)

        try:
            program = find_program(image, is_pushed)
        except TaskNotStartedError as error:
            raise ValidationError(f"Requested image {image} not found.") from error
        if not program.entry_point:
            raise ValidationError(f"Requested image {image} not found. SageMaker pulls images from Amazon ECR.")
        return program

    def _environment(self, model: Record, place: Place, program: Program, credentials: Credentials) -> dict[str, str]:
        # A container with network isolation has neither credentials nor a way to any service.
        reach = (
            {}
            if model["EnableNetworkIsolation"]
            else {"AWS_ENDPOINT_URL": self._endpoint_url, **credentials.environment()}
        )
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            **program.environment,
            "AWS_REGION": place.region,
            "AWS_DEFAULT_REGION": place.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            **reach,
            **model["PrimaryContainer"].get("Environment", {}),
        }


def _bucket_and_key(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def _no_data(model: Record, place: Place, error: Exception) -> str:
    url = model["PrimaryContainer"]["ModelDataUrl"]
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in ("404", "NoSuchBucket", "NoSuchKey"):
        return f"Could not find model data at {url}."
    return (
        f'Could not access model data at {url}. Please ensure that the role "{model["ExecutionRoleArn"]}" exists and '
        f'that its trust relationship policy allows the action "sts:AssumeRole" for the service principal "{SERVICE}". '
        f'Also ensure that the role has "s3:GetObject" permissions and that the object is located in {place.region}. '
        f"({error})"
    )
