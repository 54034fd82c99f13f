"""The whole of it as a person meets it: `./run`, two real systems in step, edits that cross, and kill -9."""

import secrets
import signal
import time

import pytest

from syncsite.place import data_directory
from tests.harness.kills import UNDISTURBED, trial
from tests.harness.site import Site

FIRST_RUN_SECONDS = 300
CROSSING_SECONDS = 120


def place():
    return data_directory() / f"site-{secrets.token_hex(4)}"


def processes_gone(processes, seconds=15):
    deadline = time.monotonic() + seconds
    while any(process.is_running() and process.status() != "zombie" for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def test_the_demo_comes_into_step_edits_cross_and_all_survives():
    with Site(place()) as site:
        verdict = site.in_step(FIRST_RUN_SECONDS)
        assert verdict.good, verdict
        assert (len(site.cards()), len(site.contacts()), verdict.in_step) == UNDISTURBED

        told = site.call("demo-edit")
        assert told.count("address book") == told.count("sales database") == 3
        assert not site.in_step(0).good
        verdict = site.in_step(CROSSING_SECONDS)
        assert verdict.good, verdict
        # One of the six was a new card, one a new contact.
        assert verdict.in_step == UNDISTURBED[2] + 2

        # Nothing is left behind by a supervisor that is killed, and the next ./run goes on with the same data.
        everything = site.processes("")
        site.process.kill()
        site.process.wait()
        assert processes_gone(everything)
        site.start()
        site.call("demo-edit")
        verdict = site.in_step(CROSSING_SECONDS)
        assert verdict.good, verdict
        assert verdict.in_step == UNDISTURBED[2] + 4

        everything = site.processes("")
        assert site.stop(signal.SIGINT) == 0
        assert processes_gone(everything, 1)


def test_an_empty_site_starts_without_counterparts():
    with Site(place(), "--no-demo") as site:
        assert "Sign up" in site.said
        assert site.processes("radicale") == []
        assert not (site.data / "demo").exists()
        assert site.stop() == 0


@pytest.mark.slow
def test_twenty_kills_of_the_worker_end_as_an_undisturbed_first_run():
    outcome = trial(place(), kills=20, seed=1)
    assert outcome.amiss == ()
    assert (outcome.cards, outcome.contacts, outcome.in_step) == UNDISTURBED
    assert len(outcome.killed) == 20
