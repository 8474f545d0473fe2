"""A lock is one process's, and a dead process has none."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from synthex.studies.lock import FOREIGN_S, UNREADABLE_S, Lock, started


def put(lock, **changes):
    found = {"pid": os.getpid(), "host": socket.gethostname(), "started": started(os.getpid())} | changes
    lock.folder.mkdir(exist_ok=True)
    lock.path.write_text(json.dumps(found))


@pytest.fixture
def lock(tmp_path):
    return Lock(tmp_path / "job")


def test_one_process_has_it_until_it_gives_it_back(lock):
    assert lock.acquire()
    assert lock.held()
    assert lock.holder()["pid"] == os.getpid()
    assert not Lock(lock.folder).acquire()
    lock.release()
    assert not lock.held()
    assert Lock(lock.folder).acquire()


def test_a_killed_process_loses_it(lock):
    code = (
        "import time; from synthex.studies.lock import Lock; "
        f"print(Lock({str(lock.folder)!r}).acquire(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "True\n"
        assert lock.held()
        assert not lock.acquire()
        process.kill()
    assert not lock.held()
    assert lock.acquire()


def test_the_number_of_a_dead_process_given_to_another_one_is_told_from_it(lock):
    put(lock, started="some boot/12345")
    assert not lock.held()
    assert lock.acquire()


def test_a_process_of_another_host_holds_it_while_it_gives_signs_of_life(lock):
    put(lock, host="another", pid=1)
    assert not lock.acquire()
    old = time.time() - FOREIGN_S - 1
    os.utime(lock.path, (old, old))
    assert not lock.held()
    lock.touch()
    assert lock.held()


@pytest.mark.parametrize("content", ["", "{", '{"pid": 3}', "[]"])
def test_half_a_lock_is_held_for_the_moment_it_takes_to_write_it(lock, content):
    lock.folder.mkdir()
    lock.path.write_text(content)
    assert not lock.acquire()
    old = time.time() - UNREADABLE_S - 1
    os.utime(lock.path, (old, old))
    assert lock.acquire()


def test_of_many_that_find_a_stale_lock_one_gets_it(lock):
    put(lock, pid=2**22 + 1, started="")
    got, together = [], threading.Barrier(16)

    def try_it():
        together.wait()
        got.append(Lock(lock.folder).acquire())

    threads = [threading.Thread(target=try_it) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 15 + [True]
