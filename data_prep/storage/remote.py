"""Files behind an address such as s3://bucket/results: each machine works on a copy of what it needs.

A path has an address because it is a `RemotePath`, whatever its folders are called; other machines and
processes are given such a path by pickle, or its address (`shown`). `pull` brings what others sent, unless
what is here is newer; `push` sends what was written here. For all other paths both do nothing: where
machines share a folder, they see it already. The file systems are pyarrow's, which is imported inside the
functions: every command knows paths, and few have an address.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from data_prep.errors import InputError, in_one_line

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

COPIES = "stagewise-copies"
AT_ONCE = 16
ANSWER_S = 5.0  # that a store has for its first word
_MOST_NAME_BYTES = 255  # as nearly all systems have it
Value = TypeVar("Value")
_SECOND_NS = 10**9  # object stores say when a file was written in whole seconds


class RemotePath(PosixPath):
    """The path of the copy, on this machine, of what lies at an address; `located` returns it.

    What is made of it by `/`, `parent`, `absolute()`, `glob` and the like is a RemotePath too. Pickled, it is
    its address, of which another machine has a copy of its own.
    """

    __slots__ = ()

    @property
    def address(self) -> str | None:
        """The address, such as s3://bucket/results; None for the folders above all buckets."""
        try:
            scheme, bucket, *rest = self.relative_to(_copies()).parts
        except ValueError:
            return None
        return f"{scheme}://{'/'.join((bucket, *rest))}"

    def __reduce__(self) -> str | tuple[Any, ...]:
        # not `located`, which refuses names that a bucket may have and no user should type
        return (_copy_of, (self.address,)) if self.address else super().__reduce__()


def is_address(text: str) -> bool:
    """Returns whether `text` is an address such as s3://bucket/results rather than a path."""
    return re.match(r"[a-z][a-z0-9+]+://", text) is not None


def located(text: str) -> Path:
    """Returns the path that a user names: a RemotePath for an address, whose copy is not made yet.

    Raises InputError for what no system takes as a path, for an address with wishes (?…), and for one with
    a key in it.
    """
    if "\0" in text or any(len(os.fsencode(name)) > _MOST_NAME_BYTES for name in text.split("/")):
        raise InputError(
            f"a path has names of at most {_MOST_NAME_BYTES} bytes, and no character 0, received "
            f"{text!r:.100}; name another"
        )
    if not is_address(text):
        return Path(text)
    _require_no_key(text)
    if "?" in text:
        raise InputError(
            f"{text} has a question mark; give what follows it in the environment, such as AWS_ENDPOINT_URL"
        )
    return Path(text.removeprefix("file://")) if text.startswith("file://") else _copy_of(text)


def _copy_of(address: str) -> RemotePath:
    scheme, _, rest = address.partition("://")
    return RemotePath(_copies(), scheme, rest.strip("/"))


def own_folder(name: str) -> Path:
    """Returns the folder `name` of this user on this machine, in XDG_CACHE_HOME, else in ~/.cache."""
    wanted = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # the specification has a relative one ignored: it would be another in each folder that Ray works in
    return (wanted if wanted.is_absolute() else Path.home() / ".cache") / name


def own_place(name: str, folder: Path) -> Path:
    """Returns the place below `own_folder` for what this machine keeps of another folder, or address."""
    whole = address_of(folder) or str(folder.absolute())
    return own_folder(name) / hashlib.sha256(whole.encode()).hexdigest()[:16]


def _copies() -> Path:
    return own_folder(COPIES)


def address_of(path: Path) -> str | None:
    """Returns the address that a file or folder is the copy of, None for any other path."""
    return path.address if isinstance(path, RemotePath) else None


def shown(path: Path) -> str:
    """Returns the name of `path` for a user: its address where it has one."""
    return address_of(path) or str(path)


def open_address(address: str) -> tuple[FileSystem, str]:
    """Returns the file system of `address` and the path there; raises InputError if pyarrow cannot.

    An address with a key in it, such as s3://KEY:SECRET@bucket, is refused: addresses are printed and kept.
    """
    from pyarrow.fs import FileSystem

    _require_no_key(address)
    place, question, wishes = address.partition("?")  # such as ?endpoint_override=
    scheme, _, rest = place.partition("://")
    bucket, slash, key = rest.partition("/")
    try:
        if not bucket:  # file:///tmp
            return cast("tuple[FileSystem, str]", FileSystem.from_uri(address))
        filesystem, base = _file_system(f"{scheme}://{bucket}{question}{wishes}")
    except (OSError, ValueError) as error:
        raise InputError(f"{address} cannot be opened ({in_one_line(error)}); check the address") from None
    return filesystem, f"{base.rstrip('/')}{slash}{key}"


def _require_no_key(address: str) -> None:
    _, at, place = address.partition("://")[2].partition("/")[0].rpartition("@")
    if at:
        raise InputError(
            f"the address of {place} has a key in it, and addresses are printed; "
            "give the key in the environment, such as AWS_ACCESS_KEY_ID"
        )


@functools.cache  # a client of an object store takes a while to make, and keeps its connections
def _file_system(bucket: str) -> tuple[FileSystem, str]:
    answers: list[tuple[FileSystem, str] | Exception] = []
    # in a thread: pyarrow tries for a quarter of an hour, and hears no Ctrl-C meanwhile
    asking = threading.Thread(target=lambda: answers.append(_asked(bucket)), daemon=True)
    asking.start()
    asking.join(ANSWER_S)
    if not answers:
        raise TimeoutError(f"it gave no answer within {ANSWER_S:g} s")
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def _asked(bucket: str) -> tuple[FileSystem, str] | Exception:
    from pyarrow.fs import FileSystem

    try:
        filesystem, base = cast("tuple[FileSystem, str]", FileSystem.from_uri(bucket))
        with contextlib.suppress(OSError):  # a refusal is an answer: what lies deeper may be allowed
            filesystem.get_file_info(base)
    except Exception as error:
        return error
    return filesystem, base


def is_file(path: Path) -> bool:
    """Returns whether there is a file, at its address where `path` has one."""
    address = address_of(path)
    if address is None:
        return path.is_file()
    from pyarrow.fs import FileType

    with _reaching(address) as (filesystem, there):
        return bool(filesystem.get_file_info(there).type == FileType.File)


def open_read(path: Path) -> BinaryIO:
    """Returns the open file at the address of `path`, or at `path` itself; raises OSError as `open` does."""
    address = address_of(path)
    if address is None:
        return path.open("rb")
    filesystem, there = open_address(address)
    return cast(BinaryIO, filesystem.open_input_stream(there))


def pull(path: Path, without: Collection[str] = ()) -> None:
    """Brings here the file or the whole folder that lies at the address of `path`; nothing where none does.

    Files that are here and not older stay. `without`: names directly below the folder that are left out.
    Raises InputError where the address cannot be read.
    """
    address = address_of(path)
    if address is None:
        return
    with _reaching(address) as (filesystem, there):

        def fetch(name: str, info: FileInfo) -> None:
            target = path / name
            if not target.exists() or target.stat().st_mtime_ns < _written_ns(info):
                _fetch(filesystem, info, target)

        _for_each(fetch, _listed(filesystem, there, without))


def push(path: Path, without: Collection[str] = ()) -> None:
    """Sends a file, or those of a folder that changed since they were sent; `without` is as for `pull`.

    Raises InputError where the address cannot be written.
    """
    address = address_of(path)
    if address is None:
        return
    with _reaching(address) as (filesystem, there):
        if path.is_file():
            _send(filesystem, path, there)
            return
        known = dict(_listed(filesystem, there, without))
        _for_each(
            lambda name, target: _send(filesystem, path / name, target),
            [
                (name, f"{there}/{name}")
                for name in _files_of(path, without)
                if name not in known or (path / name).stat().st_mtime_ns != _written_ns(known[name])
            ],
        )


def drop(path: Path) -> None:
    """Removes a file or folder, here and at its address; nothing happens where there is none.

    Raises InputError where the address cannot be written.
    """
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    address = address_of(path)
    if address is None:
        return
    from pyarrow.fs import FileType

    with _reaching(address) as (filesystem, there):
        match filesystem.get_file_info(there).type:
            case FileType.File:
                filesystem.delete_file(there)
            case FileType.Directory:
                filesystem.delete_dir(there)


@contextmanager
def _reaching(address: str) -> Iterator[tuple[FileSystem, str]]:
    filesystem, there = open_address(address)
    try:
        yield filesystem, there
    except OSError as error:
        raise InputError(
            f"{address} cannot be used ({in_one_line(error)}); "
            "check the address, the network and the credentials"
        ) from error


def _listed(
    filesystem: FileSystem, there: str, without: Collection[str] = ()
) -> Iterator[tuple[str, FileInfo]]:
    """Yields the files below a folder by their names from there on, or the one file by the name ""."""
    from pyarrow.fs import FileSelector, FileType

    found = filesystem.get_file_info(there)
    if found.type == FileType.File:
        yield "", found
        return
    for info in filesystem.get_file_info(FileSelector(there, recursive=True, allow_not_found=True)):
        name = str(info.path).removeprefix(there).lstrip("/")
        if info.type == FileType.File and name.partition("/")[0] not in without:
            yield name, info


def _files_of(folder: Path, without: Collection[str]) -> Iterator[str]:
    """Yields the names of the whole files below a folder; locks and what is being written are left out."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        hidden = path.name.startswith(".") or path.name == "lock" or path.suffix == ".part"
        if not hidden and name.parts[0] not in without and path.is_file():
            yield name.as_posix()


def _for_each(work: Callable[[str, Value], None], pairs: Iterable[tuple[str, Value]]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(lambda pair: work(*pair), pairs):
            pass


def _fetch(filesystem: FileSystem, info: FileInfo, target: Path) -> None:
    from pyarrow.fs import LocalFileSystem, copy_files

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    # the copy gets the time of what it is a copy of, so that a newer file is one that was written here since
    try:
        here = LocalFileSystem()
        copy_files(info.path, str(part), source_filesystem=filesystem, destination_filesystem=here)
        os.utime(part, ns=(_written_ns(info),) * 2)
        part.replace(target)
    except FileNotFoundError:  # gone since it was listed
        pass
    finally:
        part.unlink(missing_ok=True)


def _send(filesystem: FileSystem, path: Path, there: str) -> None:
    from pyarrow.fs import LocalFileSystem, copy_files

    before = path.stat().st_mtime_ns
    copy_files(str(path), there, source_filesystem=LocalFileSystem(), destination_filesystem=filesystem)
    if path.stat().st_mtime_ns == before:  # else it was written again meanwhile, and is sent again
        os.utime(path, ns=(_written_ns(filesystem.get_file_info(there)),) * 2)


def _written_ns(info: FileInfo) -> int:
    return int(info.mtime_ns or 0) // _SECOND_NS * _SECOND_NS
