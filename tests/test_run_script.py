"""`./run` says clearly what stands in its way, and ends with a code that is not zero."""

import fcntl
import os
import socket
import subprocess
import sys

import pytest

from syncsite.place import CHECKOUT


@pytest.fixture
def run(tmp_path):
    """Call what ./run calls, with a data directory of its own: (exit code, stdout, stderr)."""

    def call(*arguments, **environment):
        known = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        done = subprocess.run(
            [sys.executable, "-m", "syncsite.up", *arguments],
            cwd=CHECKOUT, env={**known, "SYNCSITE_DATA": str(tmp_path / "data"), **environment},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return call


def refused(answer, *words):
    code, _out, error = answer
    assert code != 0
    assert "Traceback" not in error
    for word in words:
        assert word in error
    return error


def test_help_names_every_command(run):
    code, out, _error = run("--help")
    assert code == 0
    for word in ("--no-demo", "--port", "--host", "demo-edit", "manage", "bench", "harness"):
        assert word in out


@pytest.mark.parametrize("argument", ["--nonsense", "nonsense"])
def test_an_unknown_option_is_named(run, argument):
    refused(run(argument), argument)


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1"])
def test_what_is_no_port_is_refused(run, port):
    refused(run(f"--port={port}"), "no port")


def test_a_port_in_use_is_named(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(run("--port", port), f"port {port}", "in use", "--port")


def test_an_address_of_another_machine_is_refused(run):
    refused(run("--host", "192.0.2.1"), "cannot listen on 192.0.2.1")


def test_a_database_out_of_reach_is_told_without_its_password(run):
    answer = run("--port", "29999", DATABASE_URL="postgresql://jo:secret@127.0.0.1:1/site")
    assert "secret" not in refused(answer, "DATABASE_URL", "127.0.0.1")


def test_a_database_of_another_kind_is_refused_without_its_password(run):
    answer = run("--port", "29999", DATABASE_URL="mysql://jo:secret@127.0.0.1/site")
    assert "secret" not in refused(answer, "DATABASE_URL", "postgresql://")


def test_a_data_directory_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file" / "data")
    refused(run("--port", "29999", SYNCSITE_DATA=place), place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_of_somebody_else_is_named(run, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    refused(run("--port", "29999", SYNCSITE_DATA=str(closed)), str(closed), "SYNCSITE_DATA")


def test_a_second_one_is_told_who_was_first(run, tmp_path):
    (tmp_path / "data").mkdir()
    with open(tmp_path / "data" / "running", "w") as file:
        file.write("4711\n")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        refused(run("--port", "29999"), "running already", "4711")


def test_edits_need_a_demo(run):
    refused(run("demo-edit"), "no demo")


@pytest.mark.parametrize("command", ["bench", "harness"])
def test_a_trial_needs_a_name_that_is_known(run, command):
    refused(run(command), command)
    refused(run(command, "nonsense"), command)


def test_the_script_itself_makes_its_environment_and_goes_on():
    done = subprocess.run(["./run", "--help"], cwd=CHECKOUT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "usage: ./run" in done.stdout
