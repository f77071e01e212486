"""The folder through which a driver and the workers of a batch system speak.

::

    key                    what signs pickles; only its owner may read it
    settings.json          what workers must know before their first call
    driver.json, stop      the driver's heartbeat; the wish that workers end
    calls/N                a call that nobody has claimed
    claimed/N.W            worker W has claimed it
    done/N.W               W has answered it      } a claim is renamed to one of them, so that
    lost/N.W               the driver gave W up   } worker and driver agree on what became of it
    answers/N.W            the answer
    payloads/TOKEN         the files of a shared object
    workers/W              a worker's heartbeat
    jobs/N.sh, .log, .end  a job's script, what it prints, and its exit status
    new/                   files that are being written

The disk may be a network file system: another machine sees a new file late, in a listing or
when it opens it, and a listing may have names of files that have gone. So nothing is concluded
from a file that is absent. Files appear whole, by a rename, and whoever is the first to rename a
call has it. Clocks of machines are not compared: a heartbeat is a counter that changes.

What is data is JSON. Calls and answers are pickles, signed with the driver's key for the place they
lie in; a file without a right signature is never unpickled.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import json
import os
import pickle
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpopt.errors import HpoptError, SettingError

FOLDERS = "calls", "claimed", "done", "lost", "answers", "payloads", "workers", "jobs", "new"
KEY_BYTES = SIGNATURE_BYTES = 32  # of SHA-256
MOST_JSON = 100_000  # bytes; a heartbeat has some 200

NOT_THERE_YET = (errno.ENOENT, errno.ESTALE)
"""What a network disk says of a file that another machine has just written or renamed."""


class ForgedError(HpoptError):
    """A file was not signed with the driver's key for the place it lies in."""


class SpoolFolder:
    """The folder of one driver.

    Parameters
    ----------
    path : path
        It must exist; `create` makes it.
    key : bytes, optional
        By default it is read.

    Raises
    ------
    SettingError
        Its key can be read by others, or is another user's.
    OSError
        It is not there, or not yet.
    """

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        self.path = path
        found = (path / "key").stat()
        others = stat.S_IMODE(found.st_mode) & 0o077
        if os.name == "posix" and (others or found.st_uid != os.getuid()):
            raise SettingError(
                f"the key of a driver must be yours and readable by you alone, but {path / 'key'} "
                f"has mode {stat.S_IMODE(found.st_mode):o} and owner {found.st_uid}: choose a "
                "folder on a disk that keeps permissions"
            )
        self._key = key or read_file(path / "key")
        if len(self._key) != KEY_BYTES:
            raise FileNotFoundError(errno.ENOENT, "the key is not there yet", str(path / "key"))

    @classmethod
    def create(cls, parent: Path, name: str, settings: Mapping[str, Any]) -> SpoolFolder:
        """Make the folder with a key of its own, readable by this user alone."""
        path, key = parent / name, secrets.token_bytes(KEY_BYTES)
        parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
        for each in FOLDERS:
            (path / each).mkdir(mode=0o700)
        descriptor = os.open(path / "key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        folder = cls(path, key)
        folder.write_json("settings.json", settings)
        return folder

    def names(self, place: str) -> list[str]:
        """Return the names of the files in one of its folders, as far as they are seen here."""
        try:
            return sorted(list_names(self.path / place))
        except OSError:
            return []

    def look_again(self, place: str) -> None:
        """Have a network disk forget what it knows of a folder here.

        A client of NFS keeps a listing for up to a minute. A change of the folder by itself makes
        it ask the server again, and new times are the smallest change.
        """
        with contextlib.suppress(OSError):
            os.utime(self.path / place)

    def has(self, name: str) -> bool:
        """Return whether a file is seen here."""
        return (self.path / name).exists()

    def move(self, source: str, target: str) -> bool:
        """Rename a file to a name that nobody else renames to; return whether it was this that did.

        Of several processes that rename the same file, one succeeds.
        """
        try:
            (self.path / source).rename(self.path / target)
        except OSError as error:
            if error.errno not in NOT_THERE_YET:
                raise
            # A server's reply may be lost: asked again, it says that the file has gone.
            return self.has(target)
        return True

    def remove(self, *names: str) -> None:
        """Remove files, where they are still there."""
        for name in names:
            with contextlib.suppress(OSError):
                (self.path / name).unlink()

    def write(self, name: str, data: bytes) -> None:
        """Write a file that others see whole or not at all."""
        new = self.path / "new" / secrets.token_hex(8)
        try:
            new.write_bytes(data)
            new.replace(self.path / name)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()
            raise

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write plain data."""
        self.write(name, json.dumps(value).encode())

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return the plain data of a file; None where it is not seen here, or is no such data."""
        try:
            data = read_file(self.path / name, MOST_JSON)
            found = json.loads(data)
        except (OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def read_text(self, name: str) -> str:
        """Return a text; an empty one where it is not seen here."""
        try:
            return read_file(self.path / name).decode(errors="replace").strip()
        except OSError:
            return ""

    def write_signed(self, name: str, value: Any) -> None:
        """Write a pickle with its signature."""
        body = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        self.write(name, self._signature(name, body) + body)

    def read_signed(self, name: str, written_as: str | None = None) -> Any:
        """Return what was pickled.

        Parameters
        ----------
        name : str
        written_as : str, optional
            The name that it was written under, where it was renamed.

        Raises
        ------
        ForgedError
            It is not signed with the key of this driver for this name.
        OSError
            It is not there, or not yet.
        """
        data = read_file(self.path / name)
        signature, body = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(written_as or name, body)):
            raise ForgedError(f"{self.path / name} is not signed with the key of its driver")
        return pickle.loads(body)

    def _signature(self, name: str, body: bytes) -> bytes:
        return hmac.new(self._key, name.encode() + b"\0" + body, hashlib.sha256).digest()


def list_names(folder: Path) -> list[str]:
    """Return the names in a folder; tests make this and `read_file` as late as a network disk."""
    return os.listdir(folder)  # noqa: PTH208  (a Path for each name takes five times as long)


def read_file(path: Path, most: int = -1) -> bytes:
    """Return the first bytes of a file, or all."""
    with path.open("rb") as file:
        return file.read(most)
