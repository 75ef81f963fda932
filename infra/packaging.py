"""Packing of Lambda code and of the shared layer: without Docker, with the right wheels, the same bytes each time.

Lambda's Python 3.11 runs on Amazon Linux 2 (Lambda developer guide, "Lambda runtimes") with glibc 2.26 and the
libstdc++ of GCC 7.3. A wheel built for newer ones installs there and fails at import, in production; so only
manylinux2014 and older wheels are asked for, and every shared object is inspected before it is packed.

Bytecode is compiled with unchecked hashes: Lambda never writes `__pycache__`, and without time stamps in the files
the archive depends on its content alone.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from infra.archives import CACHE, ROOT, cached_archive, files
from infra.errors import PackagingError

LAYER_LOCK = Path(__file__).resolve().parent / "layer" / "requirements.lock"

#: Of functions and layers together, unzipped (Lambda developer guide, "Lambda quotas"), in bytes.
UNZIPPED_LIMIT = 250 * 1024 * 1024

#: The newest symbol versions that Amazon Linux 2 has: glibc 2.26, libstdc++ 6.0.24.
NEWEST_SYMBOLS = {"GLIBC": (2, 26), "GLIBCXX": (3, 4, 24), "CXXABI": (1, 3, 11)}

#: Parts of wheels that no task needs: tests, headers, sources, typing stubs, build tools, and Arrow's RPC.
STRIPPED = (
    "bin", "**/include", "**/*.a", "**/*.h", "**/*.pxd", "**/*.pxi", "**/*.pyi", "**/*.pyx",
    # Not numpy/_core/tests, which numpy.testing imports.
    "numpy/tests", "numpy/[a-z]*/tests", "numpy/distutils", "numpy/doc", "numpy/f2py",
    "numpy/_core/*_tests.*.so", "numpy/_core/lib",
    "pyarrow/tests", "pyarrow/src", "pyarrow/_pyarrow_cpp_tests.*",
    "pyarrow/libarrow_flight.*", "pyarrow/libarrow_python_flight.*", "pyarrow/_flight.*", "pyarrow/flight.py",
    "pyarrow/_substrait.*", "pyarrow/substrait.py",
    # Names for linking against the library, beside the one that is loaded (libarrow_python.so.2000).
    "pyarrow/libarrow_python*.so", "pyarrow/libarrow_python*.so.*.*.*",
)  # fmt: skip

_SYMBOL = re.compile(rb"\b(GLIBC|GLIBCXX|CXXABI)_(\d+(?:\.\d+)+)\b")


def tasks_code() -> lambda_.Code:
    """Code of all functions: the package `tasks` with its bytecode, nothing else."""
    return _bundled(ROOT / "tasks", _TasksBundling())


def shared_layer_code() -> lambda_.Code:
    """Code of the layer that all functions share: the libraries of `layer/requirements.lock`."""
    return _bundled(LAYER_LOCK.parent, _LayerBundling())


def layer_archive(lock: Path = LAYER_LOCK, cache: Path = CACHE) -> Path:
    """The layer as a zip file, made at the first call and taken from the cache afterwards.

    Parameters
    ----------
    lock
        Requirements, each pinned with `==`; nothing else is installed.
    cache
        Directory that keeps the archive.

    Returns
    -------
    Path of the archive; its file names start with `python/`, where Lambda looks for them.

    Raises
    ------
    PackagingError
        If a wheel cannot be had for Lambda, does not load there, or the whole is over Lambda's limit.
    """
    recipe = lock.read_bytes() + Path(__file__).read_bytes() + sys.version.encode()

    def make(directory: Path) -> None:
        libraries = directory / "python"
        _install(lock, libraries)
        _strip(libraries)
        refuse_unloadable(libraries)
        _compile(libraries, "/opt/python")
        _refuse_oversize(libraries)

    return cached_archive("layer", recipe, make, cache)


def refuse_unloadable(directory: Path) -> None:
    """Check that every shared object under a directory loads on Amazon Linux 2.

    Raises
    ------
    PackagingError
        If one asks for newer symbols of the C or C++ library; the message names the files and the symbols.
    """
    newer = {
        str(path.relative_to(directory)): sorted(versions)
        for path in sorted(directory.rglob("*.so*"))
        if (versions := _too_new(path.read_bytes()))
    }
    if newer:
        listing = "; ".join(f"{name} needs {', '.join(versions)}" for name, versions in newer.items())
        raise PackagingError(f"Cannot be loaded by Lambda's Python 3.11 (Amazon Linux 2): {listing}. Pin older wheels.")


def unzipped_size(archive: Path) -> int:
    """Bytes that an archive takes once Lambda has unpacked it."""
    with zipfile.ZipFile(archive) as opened:
        return sum(entry.file_size for entry in opened.infolist())


def _too_new(binary: bytes) -> set[str]:
    return {
        f"{library.decode()}_{version.decode()}"
        for library, version in _SYMBOL.findall(binary)
        if tuple(map(int, version.split(b"."))) > NEWEST_SYMBOLS[library.decode()]
    }


def _install(lock: Path, target: Path) -> None:
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps",
        "--only-binary=:all:", "--implementation=cp", "--python-version=3.11",
        "--platform=manylinux2014_x86_64", "--platform=manylinux1_x86_64",
        f"--requirement={lock}", f"--target={target}",
    ]  # fmt: skip
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if outcome.returncode != 0:
        raise PackagingError(f"The libraries of {lock} cannot be had as wheels for Lambda:\n{outcome.stderr.strip()}")


def _strip(directory: Path) -> None:
    for pattern in STRIPPED:
        for path in sorted(directory.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    # pip writes its caller's paths and the order of the installation into these.
    for record in [*directory.glob("*.dist-info/RECORD"), *directory.glob("*.dist-info/direct_url.json")]:
        record.unlink()


def _compile(directory: Path, seen_as: str) -> None:
    """Compile all modules in one fresh process: the order of what is compiled then never changes the bytes."""
    if sys.version_info[:2] != (3, 11):
        raise PackagingError(f"Bytecode for Lambda's Python 3.11 cannot be made by Python {sys.version.split()[0]}.")
    command = [
        sys.executable, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash",
        "-s", str(directory), "-p", seen_as, str(directory),
    ]  # fmt: skip
    environment = {"PATH": os.defpath, "PYTHONHASHSEED": "0"}
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    if outcome.returncode != 0:
        raise PackagingError(f"{directory} does not compile:\n{outcome.stdout.strip()}\n{outcome.stderr.strip()}")


def _refuse_oversize(directory: Path) -> None:
    size = sum(path.stat().st_size for path in files(directory))
    if size > UNZIPPED_LIMIT:
        raise PackagingError(
            f"The layer is {size / 2**20:.0f} MB unzipped; Lambda takes 250 MB. Strip or drop libraries."
        )


def _bundled(source: Path, bundling: Any) -> lambda_.Code:
    """An asset whose content is what the local bundling puts out, and whose hash is that of this output."""
    return lambda_.Code.from_asset(
        str(source),
        asset_hash_type=cdk.AssetHashType.OUTPUT,
        bundling=cdk.BundlingOptions(image=lambda_.Runtime.PYTHON_3_11.bundling_image, local=bundling),
    )


@jsii.implements(cdk.ILocalBundling)
class _LayerBundling:
    """Puts the cached archive out; the CDK takes a single zip file as the asset itself."""

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        shutil.copyfile(layer_archive(), Path(output_dir) / "layer.zip")
        return True


@jsii.implements(cdk.ILocalBundling)
class _TasksBundling:
    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        shutil.copytree(ROOT / "tasks", Path(output_dir) / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
        _compile(Path(output_dir), "/var/task")
        return True
