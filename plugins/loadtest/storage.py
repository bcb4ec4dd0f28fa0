"""Object storage that behaves as folders do, for every `UPath` of a run root such as `s3://bucket/runs`.

Universal-pathlib's own paths for S3, Google and Azure differ from folders in ways that cost measurements: asked whether
something exists they say no in any trouble, what another process wrote stays unseen in a cache of listings, an empty prefix
is "not a directory", a file that breaks off while it is written is kept, and errors of the network are of the vendor's own
types. Here trouble is an OSError that names the path, and only what is surely not there is not there.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from upath import UPath
from upath._stat import UPathStatResult
from upath.implementations.cloud import AzurePath, CloudPath, GCSPath, S3Path
from upath.registry import register_implementation

from loadtest.errors import ConfigurationError

Result = TypeVar("Result")

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure", "adl": "azure"}


# Azure's client logs each request, Google's a traceback of what is said in one sentence here.
logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
logging.getLogger("gcsfs").setLevel(logging.CRITICAL)

# What asking again would not change. Any other trouble is the storage's, and may pass.
FINAL = (FileNotFoundError, PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError)


def modified_at(info: dict[str, Any]) -> float:
    """Seconds since the epoch of what `files_below` says about a file."""
    return float(UPathStatResult.from_info(info).st_mtime)


class StorageError(ConnectionError):
    """The storage did not answer, or not in time. It may pass: what was measured waits in scratch until then."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class StoredPath(CloudPath):
    """A path in object storage with the semantics of a folder."""

    __slots__ = ()

    @classmethod
    def _parse_storage_options(cls, urlpath: str, protocol: str, storage_options: Any) -> dict[str, Any]:
        # a listing must hold what other processes wrote since the last one
        return {"use_listings_cache": False} | super()._parse_storage_options(urlpath, protocol, storage_options)

    def asked(self, question: Callable[[Any], Result]) -> Result:
        """What the file system answers; raises an OSError with the path in any trouble."""
        try:
            return question(self.fs)
        except ImportError as error:
            raise ConfigurationError(
                f"{self} needs {error.name or 'a package'}, which is not installed; "
                f"install loadtest[{EXTRAS.get(self.protocol, self.protocol)}]."
            ) from None
        except FINAL as error:
            if error.filename is None:
                error.filename = str(self)
            raise
        except (TypeError, AttributeError, AssertionError):  # a defect, of ours or of theirs
            raise
        except Exception as error:  # every vendor has error classes of its own, some of them an OSError
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise StorageError(None, f"the storage did not answer: {reason[:300]}", str(self)) from error

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        try:
            self.asked(lambda fs: fs.info(self.path))
        except FileNotFoundError:
            return False
        return True

    def is_symlink(self) -> bool:
        return False

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._kind() == "directory"

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self._kind() == "file"

    def _kind(self) -> str | None:
        try:
            return self.asked(lambda fs: fs.info(self.path))["type"]
        except FileNotFoundError:
            return None

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        return self.asked(lambda fs: super(StoredPath, self).stat())

    def iterdir(self) -> Iterator[Any]:
        """As of a folder: FileNotFoundError when nothing is there."""
        own = self.path.rstrip("/")
        names = self.asked(lambda fs: fs.ls(own, detail=False, refresh=True))
        yield from (self / name.rstrip("/").rpartition("/")[2] for name in names if name.rstrip("/") not in ("", own))

    def folders(self) -> list[Any]:
        """The folders in this one, in one request; none where nothing is there."""
        own = self.path.rstrip("/")
        try:
            entries = self.asked(lambda fs: fs.ls(own, detail=True, refresh=True))
        except FileNotFoundError:
            return []
        names = sorted(entry["name"].rstrip("/") for entry in entries if entry["type"] == "directory")
        return [self / name.rpartition("/")[2] for name in names if name != own]

    def glob(self, pattern: str, **options: Any) -> Iterator[Any]:
        yield from self.asked(lambda fs: list(super(StoredPath, self).glob(pattern)))

    def files_below(self) -> dict[str, dict[str, Any]]:
        """Every file below and what the storage says about it (one request per thousand), by path relative to this one."""
        start = self.path.rstrip("/") + "/"
        try:
            found = self.asked(lambda fs: fs.find(start, detail=True))
        except FileNotFoundError:
            return {}
        if not isinstance(found, dict):  # Azure's client: of a file itself a list with its name
            return {}
        return {name.removeprefix(start): info for name, info in found.items() if name.startswith(start)}

    def read_bytes(self) -> bytes:
        return self.asked(lambda fs: fs.cat_file(self.path))

    def read_text(self, encoding: str | None = None, errors: str | None = None, newline: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def write_bytes(self, data: Any) -> int:
        """In one request: it is there as a whole, or not at all."""
        self.asked(lambda fs: fs.pipe_file(self.path, bytes(data)))
        return len(data)

    def write_text(self, data: str, encoding: str | None = None, errors: str | None = None, newline: str | None = None) -> int:
        return self.write_bytes(data.encode(encoding or "utf-8", errors or "strict"))

    def upload(self, source: Path) -> None:
        """A local file of any size; it is there as a whole, or not at all."""
        self.asked(lambda fs: fs.put_file(str(source), self.path))

    def open(self, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any]:  # type: ignore[override]
        """For reading a file with all that Python's have, `readline(size)` too. Write with `write_bytes` or `upload`: what is
        opened for writing is kept even when its writer breaks off."""
        if mode not in ("r", "rt", "rb"):
            raise io.UnsupportedOperation(f"{self}: open for reading only")
        stream = io.BufferedReader(_Readable(self.asked(lambda fs: fs.open(self.path, "rb")), self))
        return stream if mode == "rb" else io.TextIOWrapper(stream, encoding=options.get("encoding") or "utf-8")

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self.asked(lambda fs: fs.rm_file(self.path))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self, recursive: bool = True) -> None:
        self.asked(lambda fs: fs.rm(self.path, recursive=recursive))

    def rename(self, target: Any, **options: Any) -> Any:
        """Not in one step: the copy is there before the original goes."""
        goal = UPath(target)
        self.asked(lambda fs: fs.cp_file(self.path, goal.path))
        self.unlink()
        return goal

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing to do: there are no folders."""


class _Readable(io.RawIOBase):
    """A file of fsspec under Python's own buffering."""

    def __init__(self, file: Any, path: StoredPath) -> None:
        self._file, self._path = file, path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._path.asked(lambda _: self._file.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class StoredS3Path(StoredPath, S3Path):
    """A path on Amazon S3 or what speaks its protocol."""

    __slots__ = ()

    def read_bytes(self) -> bytes:
        return self.asked(lambda fs: fs.cat_file(self.path, max_concurrency=1))  # else one request more, for the size


class StoredGcsPath(StoredPath, GCSPath):
    """A path on Google Cloud Storage."""

    __slots__ = ()


class StoredAzurePath(StoredPath, AzurePath):
    """A path on Azure Blob Storage."""

    __slots__ = ()


# From now on every UPath of these protocols is one of ours.
_KINDS: dict[str, type[StoredPath]] = {"s3": StoredS3Path, "gcs": StoredGcsPath, "azure": StoredAzurePath}
for _protocol, _extra in EXTRAS.items():
    register_implementation(_protocol, _KINDS[_extra], clobber=True)
