"""The embedded PostgreSQL: made, started and stopped, whatever was killed before."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time

import psutil
import psycopg
import pytest

from syncsite import embedded
from syncsite.place import SERVICE_USER, Unusable, data_directory, keep_secret, make_directory

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about root")


@pytest.fixture
def directory():
    """A place that the service user can reach, too: pytest's own is closed to others."""
    path = data_directory() / f"embedded-{secrets.token_hex(4)}"
    yield path
    embedded.stop(path)
    shutil.rmtree(path)


def start(directory):
    return embedded.start(directory, durable=False)


def ask(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()[0]


def processes_of(directory):
    data = str((directory / "data").resolve())
    found = []
    for process in psutil.process_iter(["name", "status"]):
        if process.info["name"] == "postgres" and process.info["status"] != psutil.STATUS_ZOMBIE:
            try:
                if process.cwd() == data:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
    return found


def test_starts_with_what_the_site_needs(directory):
    url = start(directory)
    assert embedded.running_url(directory) == url
    assert ask(url, "SELECT current_database()") == "syncsite"
    assert ask(url, "SHOW data_checksums") == "on"
    assert ask(url, "SHOW max_locks_per_transaction") == "512"
    assert ask(url, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(url, "SHOW unix_socket_directories") == ""
    assert ask(url, "SELECT datlocale FROM pg_database WHERE datname = current_database()") == "C.UTF-8"
    assert ask(url, "SELECT upper('é')") == "É"


def test_asks_for_the_password(directory):
    url = start(directory)
    password = (directory / "password").read_text().strip()
    assert (directory / "password").stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))


def test_stopped_is_stopped(directory):
    start(directory)
    embedded.stop(directory)
    assert embedded.running_url(directory) is None
    assert processes_of(directory) == []
    embedded.stop(directory)


def test_a_second_start_finds_the_first(directory):
    assert start(directory) == start(directory)


def test_keeps_rows_and_port_from_start_to_start(directory):
    url = start(directory)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    embedded.stop(directory)
    assert start(directory) == url
    assert ask(url, "SELECT answer FROM kept") == 42


def test_comes_back_after_every_process_was_killed(directory):
    url = embedded.start(directory)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    for process in processes_of(directory):
        process.kill()
    assert ask(embedded.start(directory), "SELECT answer FROM kept") == 42


def test_comes_back_after_the_server_alone_was_killed(directory):
    url = start(directory)
    with psycopg.connect(url):
        os.kill(int((directory / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert ask(start(directory), "SELECT 1") == 1


def test_a_stranger_with_the_old_process_id_is_left_alone(directory):
    start(directory)
    embedded.stop(directory)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (directory / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n")
        assert embedded.running_url(directory) is None
        assert ask(start(directory), "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_another_port_when_the_kept_one_is_taken(directory):
    url = start(directory)
    embedded.stop(directory)
    port = int((directory / "port").read_text())
    with socket.create_server(("127.0.0.1", port)):
        other = start(directory)
    assert other != url
    assert ask(other, "SELECT 1") == 1


def test_half_a_data_directory_is_made_anew(directory):
    make_directory(directory)
    (directory / "data.new").mkdir()
    (directory / "data.new" / "PG_VERSION").write_text("18\n")
    assert ask(start(directory), "SELECT 1") == 1
    assert not (directory / "data.new").exists()


def test_two_who_start_it_at_once_get_the_same_server(directory):
    make_directory(directory)
    code = f"from pathlib import Path; from syncsite import embedded; print(embedded.start(Path({str(directory)!r})))"
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    urls = {process.communicate(timeout=60)[0].strip() for process in both}
    assert urls == {embedded.running_url(directory)}


def test_a_server_just_killed_is_not_called_running(directory):
    start(directory)
    for process in processes_of(directory):
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while embedded.running_url(directory) is not None:
        assert time.monotonic() < deadline


def test_it_tells_what_is_the_matter(directory):
    url = start(directory)
    assert embedded.ailment(url) == ""
    postmaster = int((directory / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGSTOP)
    try:
        assert embedded.ailment(url).startswith("takes no connections (")
    finally:
        os.kill(postmaster, signal.SIGCONT)
    assert embedded.ailment(url) == ""
    embedded.stop(directory)
    assert "Connection refused" in embedded.ailment(url)


@as_root
def test_root_hands_the_data_to_an_ordinary_user(directory):
    start(directory)
    assert {process.username() for process in processes_of(directory)} == {SERVICE_USER}
    assert (directory / "data").owner() == SERVICE_USER
    assert (directory / "password").owner() == "root"


@as_root
def test_a_place_out_of_reach_is_refused_and_stays_closed(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Unusable, match="out of reach"):
        embedded.start(closed / "postgres")
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unusable, match="cannot be made"):
        embedded.start(tmp_path / "file" / "postgres")


def test_a_secret_is_made_once_and_closed_to_others(tmp_path):
    kept = keep_secret(tmp_path / "key", lambda: "first")
    assert keep_secret(tmp_path / "key", lambda: "second") == kept == "first"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
