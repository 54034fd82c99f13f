"""Two address books of 2,000 contacts, half of them in both: our first sync, a sync with nothing to do, and one
after 20 edits, beside vdirsyncer on copies of the same books.

    ./run bench first_sync [--contacts 2000]

Ours is measured from the start of the run to rest, in a warm worker; vdirsyncer as the command that it is.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench import site
from tests.bench.radicale import PASSWORD, USER, AddressBook

EDITS = 20


def card(number: int, *, note: str = "") -> str:
    return (
        "BEGIN:VCARD\r\nVERSION:3.0\r\n"
        f"UID:bench-{number:06d}\r\nFN:Person {number}\r\nN:{number};Person;;;\r\n"
        f"EMAIL;TYPE=INTERNET:person{number}@example.com\r\nTEL;TYPE=WORK:+49 30 {1000000 + number}\r\n"
        f"ORG:Company {number % 97}\r\nTITLE:Clerk\r\nADR;TYPE=WORK:;;Street {number};Berlin;;10115;Germany\r\n"
        f"NOTE:{note or f'Met in {1990 + number % 30}.'}\r\nEND:VCARD\r\n"
    )


def books(contacts: int) -> tuple[dict[str, str], dict[str, str]]:
    half = contacts // 2
    left = {f"bench-{n:06d}": card(n) for n in range(contacts)}
    right = {f"bench-{n:06d}": card(n) for n in range(half, half + contacts)}
    return left, right


def edit(left: AddressBook, right: AddressBook, contacts: int) -> None:
    """Ten people on each side get another note, by the server's own interface: people who came from that side."""
    for book, first in ((left, 0), (right, contacts)):
        names = book.names()
        for n in range(first, first + EDITS // 2):
            book.put(names[f"bench-{n:06d}"], card(n, note=f"Edited {time.time()}"))


def measured(
    work: Callable[[], None], servers: tuple[AddressBook, AddressBook], cpu: Callable[[], float]
) -> dict[str, Any]:
    asked = [server.requests() for server in servers]
    spent, began, their = cpu(), time.perf_counter(), sum(s.cpu() for s in servers)
    work()
    return {
        "wall_s": round(time.perf_counter() - began, 3),
        "cpu_s": round(cpu() - spent, 3),
        "servers_cpu_s": round(sum(s.cpu() for s in servers) - their, 3),
        "requests": [server.requests() - before for server, before in zip(servers, asked, strict=True)],
    }


def three_syncs(
    run: Callable[[], None], servers: tuple[AddressBook, AddressBook], cpu: Callable[[], float], contacts: int
) -> dict[str, Any]:
    found = {"first": measured(run, servers, cpu), "nothing": measured(run, servers, cpu)}
    edit(*servers, contacts)
    return found | {"edits": measured(run, servers, cpu)}


# --- Ours ---------------------------------------------------------------------------------------------------


def ours(servers: tuple[AddressBook, AddressBook], contacts: int) -> dict[str, Any]:
    from connectors import accounts
    from syncengine import services
    from syncengine.run.runner import run_slice

    with site.workspace():
        objects = []
        for server in servers:
            values = {"address": server.collection, "user": USER, "password": PASSWORD}
            account = accounts.connect(app="carddav", name="", values=values, actor="bench")
            objects.append(services.objects_to_sync(account)[0])
        sync = services.create_sync(object_a=objects[0], object_b=objects[1], actor="bench")
        services.start(sync, actor="bench")

        def to_rest() -> None:
            while not (found := run_slice(sync.pk)).quiet:
                assert found.at is not None

        figures = three_syncs(to_rest, servers, time.process_time, contacts)
        sync.refresh_from_db()
        return figures | {"states": sync.counts}


# --- vdirsyncer ---------------------------------------------------------------------------------------------


def theirs(servers: tuple[AddressBook, AddressBook], directory: Path, contacts: int) -> dict[str, Any]:
    config = directory / "vdirsyncer.conf"
    storages = "".join(
        f'[storage {name}]\ntype = "carddav"\nurl = "{server.collection}"\n'
        f'username = "{USER}"\npassword = "{PASSWORD}"\n'
        for name, server in zip("ab", servers, strict=True)
    )
    config.write_text(
        f'[general]\nstatus_path = "{directory / "status"}"\n'
        '[pair people]\na = "a"\nb = "b"\ncollections = null\nconflict_resolution = "a wins"\n' + storages
    )
    command = [str(Path(sys.executable).with_name("vdirsyncer")), "--config", str(config)]
    subprocess.run([*command, "discover"], check=True, input=b"y\n" * 4, capture_output=True)

    def sync() -> None:
        done = subprocess.run([*command, "sync"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    def cpu() -> float:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    return three_syncs(sync, servers, cpu, contacts)


def check_equal(servers: tuple[AddressBook, AddressBook], contacts: int) -> None:
    """Both books hold everybody once, whoever synced them."""
    expected = contacts + contacts // 2
    for server in servers:
        people = [line for text in server.cards().values() for line in text.splitlines() if line.startswith("EMAIL")]
        assert len(people) == len({p.lower() for p in people}) == expected, (len(people), expected)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=2000)
    contacts = parser.parse_args().contacts
    site.set_up()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as running:
        directory = Path(name)
        seeds = []
        for side, cards in zip(("left", "right"), books(contacts), strict=True):
            seed = AddressBook.start(directory / "seed" / side)
            seed.fill(cards)
            seed.stop()
            seeds.append(seed)

        def copies(whose: str) -> tuple[AddressBook, AddressBook]:
            made = [seed.copy(directory / whose / seed.directory.name) for seed in seeds]
            for server in made:
                running.callback(server.stop)
            return made[0], made[1]

        their_servers = copies("theirs")
        peer = theirs(their_servers, directory, contacts)
        check_equal(their_servers, contacts)
        our_servers = copies("ours")
        own = ours(our_servers, contacts)
        check_equal(our_servers, contacts)
    ratio = {name: round(own[name]["wall_s"] / peer[name]["wall_s"], 3) for name in ("first", "nothing", "edits")}
    print(
        json.dumps(
            {
                "bench": "first_sync",
                "contacts": contacts,
                "ours": own,
                "vdirsyncer": peer,
                "ratio": ratio,
                **site.machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
