import errno
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from utils.data import download
from utils.data.download import Limits, MirrorError, fetch

CONTENT = np.random.default_rng(0).bytes(300_000)
HALF = len(CONTENT) // 2
HASTY = Limits(connect=3.0, stall=3.0, total=60.0, size=1_000_000)


def check(part):
    if part.read_bytes() != CONTENT:
        raise ValueError("not the content")
    return "checked"


def parts(path):
    return sorted(path.parent.glob("*.part"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "file.bin"


def fail(url, path, limits=HASTY):
    """Return what the error says; nothing may be under the final name."""
    with pytest.raises(MirrorError) as error:
        fetch(url, path, check, limits=limits)
    assert not path.exists()
    return str(error.value)


def test_a_whole_file_arrives_with_progress(web, path):
    seen = []
    url = web.at("/f", web.file(CONTENT))
    assert fetch(url, path, check, lambda *numbers: seen.append(numbers), HASTY) == "checked"
    assert path.read_bytes() == CONTENT and not parts(path)
    received = [r for r, _ in seen]
    assert received == sorted(set(received)) and seen[-1] == (len(CONTENT), len(CONTENT))
    assert web.ranges == [None]


def test_the_name_is_given_only_after_the_check(web, path):
    def look(part):
        assert not path.exists() and part.read_bytes() == CONTENT

    fetch(web.at("/f", web.file(CONTENT)), path, look, limits=HASTY)
    assert path.exists()


def test_a_connection_that_dies_half_way_is_continued(web, path):
    seen = []
    url = web.at("/f", web.file(CONTENT, at_most=HALF))
    assert fetch(url, path, check, lambda *numbers: seen.append(numbers), HASTY) == "checked"
    assert web.ranges == [None, f"bytes={HALF}-"]
    assert {total for _, total in seen} == {len(CONTENT)} and seen[-1][0] == len(CONTENT)


def test_the_next_call_continues_what_the_last_one_left(web, path):
    url = web.at("/f", web.file(CONTENT, at_most=HALF))
    message = fail(url, path, Limits(attempts=1))
    assert f"broke off after {HALF:,} of {len(CONTENT):,} bytes" in message or "in the middle" in message
    assert [p.stat().st_size for p in parts(path)] == [HALF]
    assert fetch(url, path, check, limits=HASTY) == "checked"
    assert web.ranges == [None, f"bytes={HALF}-"] and not parts(path)


def test_a_mirror_that_ignores_the_range_sends_everything_again(web, path):
    url = web.at("/f", web.file(CONTENT, at_most=HALF))
    fail(url, path, Limits(attempts=1))
    web.at("/f", web.file(CONTENT, ranges=False))
    assert fetch(url, path, check, limits=HASTY) == "checked"
    assert web.ranges[-1] == f"bytes={HALF}-" and path.read_bytes() == CONTENT


def test_a_mirror_that_ignores_the_range_and_always_dies_is_given_up(web, path):
    fail(web.at("/f", web.file(CONTENT, at_most=HALF, ranges=False)), path)
    assert len(web.ranges) == 2


def test_a_mirror_that_answers_another_range_is_refused(web, path):
    def shifted(request):
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {HALF + 1}-{len(CONTENT) - 1}/{len(CONTENT)}")
        request.end_headers()

    url = web.at("/f", web.file(CONTENT, at_most=HALF))
    fail(url, path, Limits(attempts=1))
    web.at("/f", shifted)
    assert "another part" in fail(url, path)


@pytest.mark.parametrize("length", [HALF, len(CONTENT), len(CONTENT) + 5])
def test_a_rest_of_another_version_of_the_file_does_no_harm(web, path, length):
    """Put together with the new version it fails the check, or it is too long: then all is fetched once more."""
    url = web.at("/f", web.file(bytes(length + 1), at_most=length))
    fail(url, path, Limits(attempts=1))
    web.at("/f", web.file(CONTENT))
    assert fetch(url, path, check, limits=HASTY) == "checked"


def test_a_mirror_that_hangs_costs_little_time(web, path):
    start = time.monotonic()
    assert "did not answer in time" in fail(web.at("/f", web.hang), path)
    assert time.monotonic() - start < 30


def test_a_mirror_that_hangs_half_way_is_given_up_and_its_bytes_are_kept(web, path):
    url = web.at("/f", web.file(CONTENT, at_most=HALF, then=web.hang))
    assert "stopped sending" in fail(url, path, Limits(stall=0.3, attempts=1))
    assert [p.stat().st_size for p in parts(path)] == [HALF]


def test_a_trickle_ends_at_the_time_limit(web, path):
    """Each byte comes in time, so only the limit for the whole file helps."""

    def trickle(request):
        while not web.over.wait(0.05):
            request.wfile.write(b"x")

    url = web.at("/f", web.file(CONTENT, at_most=1, then=trickle))
    start = time.monotonic()
    assert "was not done after 1 s" in fail(url, path, Limits(stall=0.5, total=0.8))
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("code", [403, 404, 416, 500, 503])
def test_a_status_of_failure_is_told(web, path, code):
    assert f"answered HTTP {code}" in fail(web.at("/f", web.status(code)), path)


def test_a_length_that_is_no_number_is_as_good_as_none(web, path):
    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", "many")
        request.end_headers()
        request.wfile.write(CONTENT)

    assert fetch(web.at("/f", answer), path, check, limits=HASTY) == "checked"


def test_a_web_page_is_no_file(web, path):
    assert "web page" in fail(web.at("/f", web.page), path)
    assert not parts(path)


def test_no_network(monkeypatch, path):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "no network, no such host" in fail("https://mirror.example/f", path)


def test_a_refused_connection(monkeypatch, path):
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        assert "could not be reached" in fail(f"http://127.0.0.1:{reserved.getsockname()[1]}/f", path)


def test_what_fails_the_check_is_removed_and_a_good_file_stays(web, path):
    path.parent.mkdir()
    path.write_bytes(b"good")
    altered = CONTENT[:HALF] + bytes([CONTENT[HALF] ^ 1]) + CONTENT[HALF + 1 :]
    with pytest.raises(MirrorError, match="sent something else: not the content"):
        fetch(web.at("/f", web.file(altered)), path, check, limits=HASTY)
    assert path.read_bytes() == b"good" and not parts(path)


def test_a_file_without_a_length_arrives_too(web, path):
    def answer(request):
        request.send_response(200)
        request.end_headers()
        request.wfile.write(CONTENT)

    totals = set()
    assert fetch(web.at("/f", answer), path, check, lambda _, total: totals.add(total), HASTY) == "checked"
    assert totals == {0}


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_that_is_too_large_is_refused(web, path, announced):
    def endless(request):
        request.send_response(200)
        request.end_headers()
        while not web.over.is_set():
            request.wfile.write(bytes(10_000))

    url = web.at("/f", web.file(bytes(1_000_001)) if announced else endless)
    assert "1,000,000" in fail(url, path)
    assert not parts(path)


class FullDisk:
    """A file that takes some bytes and then has no room for more."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)


def test_a_full_disk_is_told_and_left_clean(web, path, monkeypatch):
    path.parent.mkdir()
    path.write_bytes(b"good")
    url = web.at("/f", web.file(CONTENT))
    with monkeypatch.context() as patch:
        real = Path.open
        patch.setattr(Path, "open", lambda self, *a, **k: FullDisk(real(self, *a, **k), HALF))
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            fetch(url, path, check, limits=HASTY)
    assert path.read_bytes() == b"good" and not parts(path)
    assert fetch(url, path, check, limits=HASTY) == "checked"


def test_a_cache_that_cannot_be_written(web, path):
    path.parent.write_text("a file in the place of the folder")
    with pytest.raises(OSError):
        fetch(web.at("/f", web.file(CONTENT)), path, check, limits=HASTY)
    assert web.ranges == []


def test_two_processes_at_once_do_not_disturb_each_other(web, path):
    """Both are in the middle of the file at the same time, and beside them lies the rest of a third, abandoned one."""
    both = threading.Barrier(2, timeout=20)

    def slow(request):
        both.wait()
        web.file(
            CONTENT, at_most=HALF, then=lambda request: (both.wait(), request.wfile.write(rest(request)))
        )(request)

    def rest(request):
        start = int((request.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        return CONTENT[start:][HALF:]

    url = web.at("/f", slow)
    path.parent.mkdir()
    abandoned = path.with_name(f"{path.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.0000.part")
    abandoned.write_bytes(CONTENT[:1000])
    os.utime(abandoned, (0, 0))
    program = (
        "import sys, hashlib, pathlib; from utils.data.download import fetch, Limits\n"
        "def check(part):\n"
        "    found = hashlib.sha256(part.read_bytes()).hexdigest()\n"
        "    if found != sys.argv[3]: raise ValueError(found)\n"
        "fetch(sys.argv[1], pathlib.Path(sys.argv[2]), check, limits=Limits(attempts=1))"
    )
    command = [sys.executable, "-c", program, url, str(path), hashlib.sha256(CONTENT).hexdigest()]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate(timeout=30)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert sorted(map(str, web.ranges)) == ["None", "bytes=1000-"]
    assert path.read_bytes() == CONTENT and not parts(path)


def test_a_part_in_use_is_left_alone(web, path):
    url = web.at("/f", web.file(CONTENT))
    path.parent.mkdir()
    in_use = path.with_name(f"{path.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.0000.part")
    in_use.write_bytes(b"of another process")
    assert fetch(url, path, check, limits=HASTY) == "checked"
    assert web.ranges == [None] and in_use.read_bytes() == b"of another process"


def test_a_killed_process_leaves_a_part_that_is_continued_when_it_is_old(web, path):
    url = web.at("/f", web.file(CONTENT))
    path.parent.mkdir()
    left = path.with_name(f"{path.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.0000.part")
    left.write_bytes(CONTENT[:1000])
    long_ago = time.time() - 2 * download._ABANDONED
    os.utime(left, (long_ago, long_ago))
    assert fetch(url, path, check, limits=HASTY) == "checked"
    assert web.ranges == ["bytes=1000-"] and not parts(path)


def test_an_interrupt_keeps_what_has_come(web, path):
    def stop(received, total):
        raise KeyboardInterrupt

    url = web.at("/f", web.file(CONTENT))
    with pytest.raises(KeyboardInterrupt):
        fetch(url, path, check, stop, HASTY)
    assert not path.exists() and len(parts(path)) == 1
    assert fetch(url, path, check, limits=HASTY) == "checked"
    assert web.ranges[1].startswith("bytes=")
