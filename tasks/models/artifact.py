"""The artifact of a model version: one archive with the model, its signature and golden records.

`model.tar.gz` holds exactly one model, in a file whose name says its format, and beside it

- `signature.json`: the fields of a record in the order of the model's columns (`tasks.records.signature`). A category
  reaches the model as its position in the signature, an empty field as NaN, in every framework.
- `golden.json`: `[{"record": {…}, "score": 0.25}, …]`, records and the probabilities that they must get.

Pickles (of scikit-learn, PyTorch, joblib …) are refused by name: to load one is to run whatever code is in it. Such
models come as ONNX.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from tasks.errors import ArtifactTampered, UnsupportedModel
from tasks.records.signature import Signature

Framework = Literal["lightgbm", "xgboost", "onnx"]

LIGHTGBM_FILE: Final = "model.txt"
SIGNATURE_FILE: Final = "signature.json"
GOLDEN_FILE: Final = "golden.json"
#: The file that holds the model, by its format: LightGBM's text, XGBoost's JSON or UBJSON, ONNX.
MODEL_FILES: Final[Mapping[str, Framework]] = {
    LIGHTGBM_FILE: "lightgbm",
    "model.json": "xgboost",
    "model.ubj": "xgboost",
    "model.onnx": "onnx",
}
#: How far a golden record's score may be from the promised one. Our scorers evaluate LightGBM exactly as LightGBM
#: does. XGBoost and most ONNX models calculate in float32, whose last bit the promise may have otherwise: it was made
#: by the framework itself, or on another processor.
TOLERANCE: Final[Mapping[Framework, float]] = {"lightgbm": 0.0, "xgboost": 1e-6, "onnx": 1e-6}

_PICKLED = "loading one would run its code; export the model to ONNX (model.onnx)"
#: What is refused, by the end of a file's name: what it is, and what would be right.
_REFUSED = {
    ".pkl": ("a pickled model", _PICKLED),
    ".pickle": ("a pickled model", _PICKLED),
    ".joblib": ("a pickled model", _PICKLED),
    ".dill": ("a pickled model", _PICKLED),
    ".cloudpickle": ("a pickled model", _PICKLED),
    ".pt": ("a PyTorch model", _PICKLED),
    ".pth": ("a PyTorch model", _PICKLED),
    "xgboost-model": ("an XGBoost model", "its name must say its format: model.json or model.ubj"),
    ".bst": ("an XGBoost model", "its name must say its format: model.json or model.ubj"),
    ".safetensors": ("a safetensors model", "export the model to ONNX (model.onnx)"),
    "saved_model.pb": ("a TensorFlow model", "export the model to ONNX (model.onnx)"),
    ".keras": ("a Keras model", "export the model to ONNX (model.onnx)"),
    ".h5": ("a Keras model", "export the model to ONNX (model.onnx)"),
}


@dataclass(frozen=True)
class Artifact:
    """What a scorer needs, and records with the scores that they must get (0 to 1).

    `model` is what the file of the model holds: text in LightGBM's format, bytes in the others.
    """

    model: str | bytes
    signature: Signature
    golden: Sequence[Mapping[str, Any]]
    model_file: str = LIGHTGBM_FILE

    @property
    def framework(self) -> Framework:
        """The framework whose format the model has."""
        return MODEL_FILES[self.model_file]

    @property
    def body(self) -> bytes:
        """The model as it lies in its file."""
        return self.model.encode() if isinstance(self.model, str) else self.model

    @property
    def model_text(self) -> str:
        """The model in LightGBM's text format.

        Raises
        ------
        UnsupportedModel
            If it has another format.
        """
        if not isinstance(self.model, str):
            raise UnsupportedModel(
                f"{self.model_file} is a model of {self.framework}, and only LightGBM's are evaluated here; "
                "the container scorer takes it"
            )
        return self.model

    @property
    def tolerance(self) -> float:
        """How far a golden record's score may be from the promised one."""
        return TOLERANCE[self.framework]


def pack(artifact: Artifact) -> bytes:
    """The artifact as `model.tar.gz`; the same artifact always gives the same bytes."""
    files = {
        artifact.model_file: artifact.body,
        SIGNATURE_FILE: orjson.dumps(artifact.signature.to_json(), option=orjson.OPT_INDENT_2),
        GOLDEN_FILE: orjson.dumps(list(artifact.golden), option=orjson.OPT_INDENT_2),
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)  # its owner is 0 and its time 1970 unless set
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def unpack(body: bytes, sha256: str) -> Artifact:
    """Open an archive after comparing its checksum.

    Raises
    ------
    ArtifactTampered
        If the bytes are not those that were registered.
    UnsupportedModel
        If they are, but are no archive of ours, or hold a model in a format that is not served.
    InvalidSignature
        If the signature contradicts itself.
    """
    found = checksum(body)
    if found != sha256:
        raise ArtifactTampered(f"the artifact's SHA-256 is {found}, and {sha256} was registered")
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
            # `tar -C directory .` writes ./model.txt
            members = {member.name.removeprefix("./"): member for member in tar.getmembers() if member.isfile()}
            return read_artifact(members, lambda name: _content(tar, members[name]))
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise UnsupportedModel(
            f"the artifact is no archive with a model, {SIGNATURE_FILE} and {GOLDEN_FILE}: {error}"
        ) from error


def read_artifact(names: Collection[str], read: Callable[[str], bytes]) -> Artifact:
    """Put an artifact together from its files, wherever they lie.

    Parameters
    ----------
    names
        The files that there are.
    read
        Gives the content of a file; whatever it raises goes on.

    Raises
    ------
    UnsupportedModel
        If there is not exactly one model, in a format that is served, or a file is not what its name says.
    InvalidSignature
        If the signature contradicts itself.
    """
    model_file = model_file_of(names)
    body, signature, golden = (read(name) for name in (model_file, SIGNATURE_FILE, GOLDEN_FILE))
    try:
        model = body.decode() if model_file == LIGHTGBM_FILE else body
    except UnicodeDecodeError as error:
        raise UnsupportedModel(f"{model_file} is no text: {error}") from error
    return Artifact(model, Signature.from_json(_parsed(signature, SIGNATURE_FILE)), _golden_records(golden), model_file)


def model_file_of(names: Collection[str]) -> str:
    """The one file that holds a model.

    Raises
    ------
    UnsupportedModel
        If there is none, or several, or one that is never opened, such as a pickle.
    """
    for name in sorted(names):
        for ending, (what, instead) in _REFUSED.items():
            if name.lower().endswith(ending):
                raise UnsupportedModel(f"the artifact holds {what} ({name}): {instead}")
    found = [name for name in MODEL_FILES if name in names]
    if len(found) != 1:
        raise UnsupportedModel(
            f"the artifact holds {' and '.join(found) or 'no model'}; it must hold one of {', '.join(MODEL_FILES)}"
        )
    return found[0]


def checksum(body: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(body).hexdigest()


def _golden_records(body: bytes) -> list[dict[str, Any]]:
    golden = _parsed(body, GOLDEN_FILE)
    if not isinstance(golden, list) or not all(_is_golden(each) for each in golden):
        raise UnsupportedModel(f"{GOLDEN_FILE} is no list of records with their scores, 0 to 1")
    return golden


def _is_golden(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("record"), dict):
        return False
    score = entry.get("score")
    return isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1


def _parsed(body: bytes, name: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnsupportedModel(f"{name} is not JSON: {error}") from error


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None  # noqa: S101 - members that are no files were left out
    return file.read()
