"""Download a file so that nothing half-written is ever taken for whole.

Bytes go to a part file of our own and get their real name only when all have come and the caller's check has passed.
What an interrupted download left is continued (HTTP Range). `requests` does the transfer: `pooch`, the usual choice,
cannot continue a part.
"""

import contextlib
import glob
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Progress = Callable[[int, int], None]
"""Called with the bytes received so far and the bytes in all; 0 in all where the mirror does not say."""

T = TypeVar("T")
_CHUNK = 2**16  # bytes
_ABANDONED = 120.0  # seconds: longer than a live download ever leaves its part file alone


class MirrorError(Exception):
    """One mirror failed, another may not; the message says how."""


class _BrokenOff(MirrorError):
    """The connection ended in the middle: what has come can be continued."""


@dataclass(frozen=True)
class Limits:
    """Say how much patience a mirror deserves.

    Attributes
    ----------
    connect, stall, total : float
        Seconds to wait for a connection, for the next byte, and for the whole file.
    size : int
        Bytes; a mirror that sends more has the wrong file.
    attempts : int
        How often a connection may break off, if each brings some bytes.
    """

    connect: float = 10.0
    stall: float = 20.0
    total: float = 900.0
    size: int = 512 * 2**20
    attempts: int = 4


def fetch(
    url: str,
    path: Path,
    check: Callable[[Path], T],
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> T:
    """Download `url` to `path` and return what `check` says of the complete file.

    Parameters
    ----------
    url : str
    path : Path
        Nothing is under this name before the check has passed. A file that is there already stays until then.
    check : callable
        Takes the path of the complete part file; raises ValueError if it is not what was wanted.
    progress : callable, optional
        Called with (bytes received, bytes in all).
    limits : Limits, optional

    Raises
    ------
    MirrorError
        If the mirror fails or what it sends fails the check. Good bytes are kept, to be continued by the next call.
    OSError
        If the file cannot be written; the part is removed, because its disk may be full.
    """
    limits = limits or Limits()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _claim_part(path, url)
    try:
        result = _download_and_check(url, part, check, progress, limits)
        os.replace(part, path)
        remove_abandoned_parts(path)
        return result
    except OSError:
        part.unlink(missing_ok=True)
        raise
    finally:
        with contextlib.suppress(OSError):  # there is no part any more, unless the mirror failed
            os.utime(part, (0, 0))  # an old date says: given up, anybody may continue


def _download_and_check(url: str, part: Path, check: Callable[[Path], T], progress, limits: Limits) -> T:
    """Complete the part file and check it; if it was put together of pieces and fails, once more from the start."""
    deadline = time.monotonic() + limits.total
    for again in (False, True):
        put_together = _complete(url, part, progress, limits, deadline)
        os.utime(part)  # the check takes a while, and nobody shall take the part for abandoned
        try:
            return check(part)
        except ValueError as error:
            part.unlink()
            if again or not put_together:
                raise MirrorError(f"sent something else: {error}") from error
    raise AssertionError("unreachable")


def _complete(url: str, part: Path, progress, limits: Limits, deadline: float) -> bool:
    """Receive what the part file lacks; return whether its bytes came in more than one piece."""
    for _ in range(limits.attempts - 1):
        before = _size(part)
        try:
            return _receive(url, part, before, progress, limits, deadline)
        except _BrokenOff:
            if _size(part) <= before:
                raise
    return _receive(url, part, _size(part), progress, limits, deadline)


def _receive(url: str, part: Path, start: int, progress, limits: Limits, deadline: float) -> bool:
    """Append to the part file what the mirror has from byte `start` on; return whether it could start there."""
    import requests

    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=(limits.connect, limits.stall))
    except requests.RequestException as error:
        raise MirrorError(_in_words(error)) from error
    with response:
        if response.status_code == 416 and start:  # the mirror's file is shorter: ours is the rest of another
            return _receive(url, part, 0, progress, limits, deadline)
        if time.monotonic() > deadline:  # the head of an answer can trickle, too
            raise MirrorError(f"was not done after {limits.total:.0f} s")
        start, total = _check_answer(response, start, limits)
        received = start
        with part.open("ab" if start else "wb") as file:
            for chunk in _chunks(response, deadline, limits):
                file.write(chunk)
                received += len(chunk)
                if received > limits.size:
                    break
                if progress:
                    progress(received, total)
    if received > limits.size:
        part.unlink()
        raise MirrorError(f"sends more than {limits.size:,} bytes")
    if received < total:
        raise _BrokenOff(f"broke off after {received:,} of {total:,} bytes")
    return start > 0


def _check_answer(response: Any, start: int, limits: Limits) -> tuple[int, int]:
    """Return the byte at which the answer starts, and the size of the whole file (0 if unknown)."""
    if response.status_code not in (200, 206):
        raise MirrorError(f"answered HTTP {response.status_code}")
    if "html" in response.headers.get("Content-Type", ""):
        raise MirrorError("answered with a web page instead of the file (a login page of the network?)")
    if response.status_code == 200:  # Range is not known here: everything comes again
        start = 0
    elif not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise MirrorError("answered with another part of the file than was asked for")
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() and int(length) else 0
    if total > limits.size:
        raise MirrorError(f"has a file of {total:,} bytes, which is more than {limits.size:,}")
    return start, total


def _chunks(response: Any, deadline: float, limits: Limits) -> Iterator[bytes]:
    """Give the bytes as they arrive: waiting for a full chunk, a trickle could not be told from a stream."""
    while True:
        if time.monotonic() > deadline:
            raise MirrorError(f"was not done after {limits.total:.0f} s")
        try:
            chunk = response.raw.read1(_CHUNK)
        except Exception as error:  # urllib3 has a family of errors of its own
            how = "stopped sending" if "Timeout" in type(error).__name__ else "broke off"
            raise _BrokenOff(f"{how} in the middle of the file") from error
        if not chunk:
            return
        yield chunk


def _in_words(error: Exception) -> str:
    """Say in plain words why a connection failed."""
    kind = type(error).__name__
    if "Timeout" in kind:
        return "did not answer in time"
    if "SSL" in kind:
        return "has a certificate that could not be checked"
    if "ConnectionError" in kind:
        return "could not be reached: no network, no such host, or a refused connection"
    return f"failed ({kind})"


def _claim_part(path: Path, url: str) -> Path:
    """Return a name for a part file that is ours alone, with the bytes of an abandoned download of `url` in it.

    Two processes may load at once: each has its own file, and of two that claim the same rest, one renames it first.
    """
    key = hashlib.sha256(url.encode()).hexdigest()[:8]
    own = path.with_name(f"{path.name}.{key}.{secrets.token_hex(4)}.part")
    for rest in sorted(_abandoned_parts(path, key), key=_size, reverse=True):
        with contextlib.suppress(OSError):  # another process was faster
            os.utime(rest)  # before the new name exists, so that nobody takes it for abandoned
            rest.rename(own)
            break
    return own


def _abandoned_parts(path: Path, key: str = "*") -> list[Path]:
    """Return the part files of `path` that no living process writes to."""
    parts = path.parent.glob(f"{glob.escape(path.name)}.{key}.*.part")
    return [part for part in parts if time.time() - _modified(part) > _ABANDONED]


def remove_abandoned_parts(path: Path) -> None:
    """Delete the part files of `path` that no living process writes to."""
    for part in _abandoned_parts(path):
        part.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
