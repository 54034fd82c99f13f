"""The app that lives in memory keeps the contract itself, and its knobs do what they say."""

import dataclasses

import pytest

from connectors.contract import (
    CursorExpired,
    DuplicateRecord,
    Field,
    FieldType,
    Idempotency,
    MergeSignal,
    NotFound,
    ReadStrategy,
    Refusal,
    Refused,
    Retry,
    SignInAgain,
    VersionMismatch,
    Write,
    WriteKind,
    Written,
)
from connectors.testing.conformance import ConnectorConformance
from connectors.testing.memory import (
    ContractViolation,
    MemoryApp,
    MemoryClient,
    MemoryConnector,
    Ticks,
    contacts,
)


def client_of(**changes):
    app = MemoryApp(contacts(**changes))
    return app, MemoryClient(app), app["contacts"].resource


def creation(key="k1", **values):
    return Write(WriteKind.CREATE, values, key=key)


def read_all(client, resource, cursor=None):
    pages = [client.read(resource, cursor)]
    while pages[-1].more:
        pages.append(client.read(resource, pages[-1].cursor))
    return pages


class MemoryConformance(ConnectorConformance):
    @pytest.fixture
    def account(self):
        return {"account": "acme", "password": "open sesame"}

    @pytest.fixture
    def wrong_account(self, account):
        return {**account, "password": "not-this-one"}

    def sample(self, number):
        return {
            "first": f"Ann {number}",
            "last": "Lee",
            "mail": f"ann{number}@example.com",
            "phone": "+49 30 1234",
            "job": "Chef",
            "company": "Acme",
            "tags": ["a", "b"],
            "notes": "One\nTwo",
        }

    def change(self, number):
        return {"first": f"Bea {number}", "tags": ["c"], "notes": None}

    def merge(self, client, resource, loser, survivor):
        client.app[resource.name].merge(loser, into=survivor)


class TestDelta(MemoryConformance):
    connector = MemoryConnector(
        MemoryApp(
            contacts(
                read=ReadStrategy.DELTA,
                tombstones=True,
                lock=True,
                idempotency=Idempotency.KEY,
                batch={WriteKind.CREATE: 10, WriteKind.UPDATE: 10},
                page_size=3,
            )
        )
    )


class TestSince(MemoryConformance):
    connector = MemoryConnector(
        MemoryApp(contacts(read=ReadStrategy.SINCE, idempotency=Idempotency.STAMP, page_size=3))
    )


class TestListing(MemoryConformance):
    connector = MemoryConnector(MemoryApp(contacts(read=ReadStrategy.LISTING, page_size=3)))


class TestDeltaThatCallsLosersDeleted(MemoryConformance):
    connector = MemoryConnector(
        MemoryApp(
            contacts(
                read=ReadStrategy.DELTA,
                tombstones=True,
                merges=frozenset({MergeSignal.SURVIVOR, MergeSignal.REDIRECT}),
                page_size=3,
            )
        )
    )


class TestSinceThatGoesOnShowingLosers(MemoryConformance):
    connector = MemoryConnector(
        MemoryApp(contacts(read=ReadStrategy.SINCE, merges=frozenset({MergeSignal.LOSER}), page_size=3))
    )


class TestVersionsOnly(MemoryConformance):
    connector = MemoryConnector(
        MemoryApp(contacts(read=ReadStrategy.DELTA, tombstones=True, lists_versions=True, page_size=2))
    )


def test_a_delta_holds_edits_removals_and_merges_and_nothing_else():
    app, client, resource = client_of(read=ReadStrategy.DELTA, tombstones=True)
    kept, edited, removed, merged = (app["contacts"].add(first=name) for name in "ABCD")
    cursor = read_all(client, resource)[-1].cursor
    app["contacts"].edit(edited, first="Bea")
    app["contacts"].remove(removed)
    app["contacts"].merge(merged, into=edited)
    page = client.read(resource, cursor)
    assert [r.id for r in page.records] == [edited]
    assert (page.deleted, page.merged, page.listing) == ((removed,), ((merged, edited),), False)
    assert client.read(resource, page.cursor).records == ()
    assert kept in app["contacts"].all_values()


def test_a_since_pass_repeats_what_shares_the_checkpoints_time():
    app, client, resource = client_of(read=ReadStrategy.SINCE)
    first = app["contacts"].add(first="Ann")
    cursor = client.read(resource, None).cursor
    second = app["contacts"].add(first="Bea")
    page = client.read(resource, cursor)
    assert [r.id for r in page.records] == [first, second]
    app.clock.go_on()
    third = app["contacts"].add(first="Cid")
    cursor = client.read(resource, page.cursor).cursor
    assert [r.id for r in client.read(resource, cursor).records] == [third]


def test_a_full_pass_survives_changes_between_its_pages():
    app, client, resource = client_of(read=ReadStrategy.DELTA, tombstones=True, page_size=1)
    one, two, three = (app["contacts"].add(first=name) for name in "ABC")
    page = client.read(resource, None)
    app["contacts"].edit(one, first="Ann")
    app["contacts"].remove(two)
    rest = read_all(client, resource, page.cursor)
    assert [r.id for p in rest for r in p.records] == [three]
    changes = read_all(client, resource, rest[-1].cursor)
    assert [r.id for p in changes for r in p.records] == [one]
    assert [id for p in changes for id in p.deleted] == [two]


def test_expired_cursors():
    app, client, resource = client_of(read=ReadStrategy.DELTA)
    cursor = client.read(resource, None).cursor
    app["contacts"].expire_cursors()
    with pytest.raises(CursorExpired):
        client.read(resource, cursor)
    assert client.read(resource, client.read(resource, None).cursor).records == ()


@pytest.mark.parametrize(("effect", "made"), [(0, 0), (1, 1), (None, 2)])
def test_a_failing_write_takes_effect_as_far_as_it_is_told(effect, made):
    app, client, resource = client_of(batch={WriteKind.CREATE: 2})
    app.fail_next("write", Retry("gone quiet"), effect=effect)
    with pytest.raises(Retry):
        client.write(resource, [creation("a"), creation("b")])
    assert len(app["contacts"].rows) == app["contacts"].created_by_write == made
    assert app.calls["create"] == len(app.sent) == 2
    client.write(resource, [creation("c")])
    assert app.calls["write"] == 2


def test_faults_of_any_method_and_their_number():
    app, client, resource = client_of()
    app.fail_next("*", Retry("busy"), times=2)
    for _ in range(2):
        with pytest.raises(Retry):
            client.read(resource, None)
    assert client.read(resource, None).records == ()


@pytest.mark.parametrize(
    ("idempotency", "records"), [(Idempotency.KEY, 1), (Idempotency.STAMP, 2), (Idempotency.NONE, 2)]
)
def test_sending_a_creation_twice(idempotency, records):
    app, client, resource = client_of(idempotency=idempotency)
    first, second = (client.write(resource, [creation("k", first="Ann")])[0] for _ in range(2))
    assert len(app["contacts"].rows) == records
    assert (first.id == second.id) == (records == 1)


def test_a_stamp_is_found():
    _, client, resource = client_of(idempotency=Idempotency.STAMP)
    (written,) = client.write(resource, [creation("k", first="Ann")])
    assert client.find(resource, ["k", "other"])["k"].id == written.id


def test_judgement_of_writes():
    fields = (
        Field("name", "Name", FieldType.TEXT, required=True, unique=True, max_length=5),
        Field("stage", "Stage", FieldType.CHOICE),
    )
    app, client, resource = client_of(fields=fields, lock=True)

    def answer(write):
        return client.write(resource, [write])[0]

    ann = answer(creation("1", name="Ann"))
    assert isinstance(ann, Written)
    assert answer(creation("2", name="Ann")) == DuplicateRecord(ann.id, "Name is taken.")
    assert answer(creation("3", stage="x")).reason is Refusal.MISSING_REQUIRED
    assert answer(creation("4", name="Annabel")).reason is Refusal.TOO_LONG
    assert isinstance(answer(Write(WriteKind.UPDATE, {"name": "B"}, id=ann.id, version="9")), VersionMismatch)
    assert isinstance(answer(Write(WriteKind.UPDATE, {"name": "B"}, id="99")), NotFound)
    app["contacts"].refuse = lambda values: Refused(Refusal.APP_RULE, "No.") if values["name"] == "B" else None
    assert answer(Write(WriteKind.UPDATE, {"name": "B"}, id=ann.id)).reason is Refusal.APP_RULE
    assert answer(Write(WriteKind.DELETE, id=ann.id)) == Written(ann.id)


def test_an_atomic_batch_is_all_or_nothing():
    app, client, resource = client_of(atomic=True, batch={WriteKind.CREATE: 2})
    outcomes = client.write(resource, [creation("1", job="x"), creation("2", job="x" * 41)])
    assert [outcome.reason for outcome in outcomes] == [Refusal.TOO_LONG] * 2
    assert app["contacts"].rows == {}


def test_an_app_that_rewrites_and_does_not_answer():
    _, client, resource = client_of(
        rewrite=lambda values: {**values, "mail": values["mail"].upper()}, answers=False, versions=False
    )
    (written,) = client.write(resource, [creation(mail="a@b.de")])
    assert written.record is None
    (record,) = client.get(resource, [written.id, "99"])
    assert (record.values["mail"], record.version) == ("A@B.DE", None)


def test_reads_that_lag_behind_lose_nothing():
    app, client, resource = client_of(read=ReadStrategy.DELTA)
    cursor = client.read(resource, None).cursor
    with app.stale_reads():
        id = app["contacts"].add(first="Ann")
        page = client.read(resource, cursor)
        assert (page.records, client.get(resource, [id])) == ((), [])
    assert [r.id for r in client.read(resource, page.cursor).records] == [id]


def test_a_blank_that_cannot_be_told_is_left_out():
    app, client, resource = client_of()
    fields = tuple(dataclasses.replace(f, tells_blank=f.name != "job") for f in resource.fields)
    app, client, resource = client_of(fields=fields)
    app["contacts"].add(first="Ann")
    values = client.read(resource, None).records[0].values
    assert "job" not in values and values["last"] is None


def test_a_restored_record_shows_again():
    app, client, resource = client_of(read=ReadStrategy.DELTA, tombstones=True)
    id = app["contacts"].add(first="Ann")
    app["contacts"].remove(id)
    cursor = client.read(resource, None).cursor
    app["contacts"].restore(id)
    page = client.read(resource, cursor)
    assert ([r.id for r in page.records], page.deleted) == ([id], ())


@pytest.mark.parametrize(
    "writes",
    [
        [creation("1"), Write(WriteKind.UPDATE, id="1")],
        [creation("1"), creation("2")],
        [Write(WriteKind.CREATE)],
        [Write(WriteKind.UPDATE)],
        [creation("1", nonsense="x")],
        [],
    ],
)
def test_what_no_engine_may_send(writes):
    _, client, resource = client_of()
    with pytest.raises(ContractViolation):
        client.write(resource, writes)


def test_a_closed_client_and_a_changed_password():
    app, client, resource = client_of()
    app.password = "another"
    with pytest.raises(SignInAgain):
        client.read(resource, None)
    client.close()
    with pytest.raises(ContractViolation):
        client.read(resource, None)


def test_ticks_go_on_only_when_told():
    clock = Ticks()
    assert clock() == clock() == "2026-01-01T00:00:00Z"
    clock.go_on(90)
    assert clock() == "2026-01-01T00:01:30Z"
