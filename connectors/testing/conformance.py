"""The suite that every connector inherits: it proves what the connector's resources declare.

How to use it: subclass in a test module, give a place to work on, and say what a record looks like::

    class TestAcme(ConnectorConformance):
        connector = connectors.builtin.acme.connector

        @pytest.fixture
        def account(self, acme_server) -> Mapping[str, str]:
            return {"address": acme_server.url, "user": "ann", "password": "s3cret-canary"}

        @pytest.fixture
        def wrong_account(self, account):
            return {**account, "password": "not-this-one"}

        def sample(self, number: int) -> Values:
            return {"name": f"Person {number}", "email": [f"person{number}@example.com"]}

        def change(self, number: int) -> Values:
            return {"name": f"Changed {number}"}

What a subclass gives:

- `connector`: the object behind the entry point.
- fixture `account`: settings that work. The far end must be real: a process of its own or a database.
- fixture `wrong_account`: the same with a wrong secret. None (as by default) where the app has none: skipped.
- `resource_name`: which of the account's resources is tested; None: the first one that can be written.
- `meaning`: what a person would say of it (`ObjectMeaning`), where reading depends on that.
- `sample(number)`: the values of a new record, another one for each number, with every required field.
  Fill as many fields as you can: the suite checks that each comes back.
- `change(number)`: a change of an existing record; every field in it differs from `sample` of that number.
- `merge(loser, survivor)`: merges two records in the app, where the resource says that merges show.
- `environment`: what the site lends; by default everything is allowed.

Numbers never repeat within a test session, so the place need not be emptied between tests.
Tests that do not apply to what the resource declares are skipped, with the reason.
"""

from __future__ import annotations

import itertools
import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import ClassVar

import pytest

from connectors.contract import (
    API_VERSION,
    CANONICAL,
    Client,
    Connector,
    ConnectorError,
    Field,
    FieldType,
    Idempotency,
    MergeSignal,
    NotFound,
    ObjectMeaning,
    ReadStrategy,
    Record,
    Refused,
    Resource,
    SettingKind,
    SignInAgain,
    Value,
    Values,
    VersionMismatch,
    Write,
    WriteKind,
    Written,
)

from .environment import OpenEnvironment
from .passes import fetch, merges_in, read_all, read_pass
from .wireforms import misfit, same_value

_numbers = itertools.count(1)


class ConnectorConformance:
    """See the module for how to use it."""

    connector: ClassVar[Connector]
    resource_name: ClassVar[str | None] = None
    meaning: ClassVar[ObjectMeaning] = ObjectMeaning()

    # what a subclass gives

    @pytest.fixture
    def account(self) -> Mapping[str, str]:
        raise NotImplementedError("give settings that work")

    @pytest.fixture
    def wrong_account(self) -> Mapping[str, str] | None:
        return None

    @pytest.fixture
    def environment(self) -> OpenEnvironment:
        return OpenEnvironment()

    def sample(self, number: int) -> Values:
        raise NotImplementedError("say what a record looks like")

    def change(self, number: int) -> Values:
        raise NotImplementedError("say what an edit looks like")

    def merge(self, client: Client, resource: Resource, loser: str, survivor: str) -> None:
        """Merge two records in the app, as a person does there."""
        pytest.skip("this test does not know how records are merged in the app")

    def same(self, field: Field, one: Value, other: Value) -> bool:
        """Whether two values of a field are the same; override where the app rewrites what it is given."""
        return same_value(field, one, other)

    # what the tests stand on

    @pytest.fixture
    def client(self, account: Mapping[str, str], environment: OpenEnvironment) -> Iterator[Client]:
        with closing(self.connector.connect(account, environment)) as client:
            yield client

    @pytest.fixture
    def other_client(self, account: Mapping[str, str], environment: OpenEnvironment) -> Iterator[Client]:
        """Somebody else who uses the same account."""
        with closing(self.connector.connect(account, environment)) as client:
            yield client

    @pytest.fixture
    def resource(self, client: Client) -> Resource:
        offered = client.resources()
        wanted = [r for r in offered if r.name == self.resource_name] if self.resource_name else offered
        chosen = next((r for r in wanted if WriteKind.CREATE in r.writes), None) or wanted[0]
        return client.interpret(chosen, self.meaning)

    def make(self, client: Client, resource: Resource, values: Values | None = None) -> Record:
        """A new record, as it reads afterwards."""
        self.need(resource, WriteKind.CREATE)
        values = values or self.sample(next(_numbers))
        write = Write(WriteKind.CREATE, values=values, key=str(uuid.uuid4()))
        (outcome,) = client.write(resource, [write])
        assert isinstance(outcome, Written), outcome
        return self.look(client, resource, outcome.id)

    def look(self, client: Client, resource: Resource, id: str) -> Record:
        found = client.get(resource, [id])
        assert [record.id for record in found] == [id]
        return found[0]

    def need(self, resource: Resource, kind: WriteKind) -> None:
        if kind not in resource.writes:
            pytest.skip(f"{resource.name} does not offer to {kind}")

    def assert_holds(self, resource: Resource, record: Record, values: Values) -> None:
        for name, value in values.items():
            field = resource.field(name)
            assert field is not None, name
            assert self.same(field, record.values[name], value), (name, record.values[name], value)

    # facts

    def test_the_manifest_can_be_shown(self) -> None:
        manifest = self.connector.manifest
        assert manifest.name == manifest.name.lower() and manifest.name.isidentifier()
        assert manifest.label and manifest.summary and manifest.category and manifest.icon
        assert manifest.api_version == API_VERSION
        names = [setting.name for setting in manifest.settings]
        assert len(set(names)) == len(names)
        for setting in manifest.settings:
            assert setting.label
            assert (setting.kind is SettingKind.CHOICE) == bool(setting.choices)

    def test_the_account_says_who_it_is(self, client: Client, other_client: Client) -> None:
        who = client.identify()
        assert who.id and who.label
        assert other_client.identify() == who

    def test_a_wrong_key_asks_to_sign_in_again(
        self, wrong_account: Mapping[str, str] | None, environment: OpenEnvironment
    ) -> None:
        if wrong_account is None:
            pytest.skip("this app has no key")
        with (
            closing(self.connector.connect(wrong_account, environment)) as client,
            pytest.raises(SignInAgain),
        ):
            client.identify()

    def test_resources_are_well_formed(self, client: Client) -> None:
        offered = client.resources()
        names = [resource.name for resource in offered]
        assert offered and len(set(names)) == len(names)
        assert client.resources() == offered, "asked twice, the account answers the same"
        for resource in offered:
            assert resource.label
            fields = [field.name for field in resource.fields]
            assert len(set(fields)) == len(fields)
            for field in resource.fields:
                assert field.label
                assert field.canonical is None or field.canonical in CANONICAL
                assert field.target is None or field.target in names
                assert not (field.required and field.read_only)
            assert all(size >= 1 for size in resource.batch.values()) and resource.get_batch >= 1
            assert set(resource.batch) <= resource.writes
            assert not resource.tombstones or resource.read is ReadStrategy.DELTA

    # reading

    def test_a_first_pass_lists_everything_once(self, client: Client, resource: Resource) -> None:
        made = {self.make(client, resource).id for _ in range(3)}
        first = read_all(client, resource)
        assert first.listing
        assert made <= set(first.records)
        assert not first.deleted

    def test_a_pass_goes_on_in_another_process(self, client: Client, other_client: Client, resource: Resource) -> None:
        self.make(client, resource)
        page = client.read(resource, None)
        ids = {record.id for record in page.records} | {id for id, _ in page.versions}
        while page.more:
            page = other_client.read(resource, page.cursor)
            ids |= {record.id for record in page.records} | {id for id, _ in page.versions}
        assert ids == read_pass(other_client, resource).ids

    def test_values_fit_their_fields(self, client: Client, resource: Resource) -> None:
        made = self.make(client, resource)
        records = read_all(client, resource).records
        assert made.id in records
        for record in records.values():
            for name, value in record.values.items():
                field = resource.field(name)
                assert field is not None, f"{name} is not a declared field"
                assert (wrong := misfit(field, value)) is None, wrong
        assert set(records[made.id].values) == {field.name for field in resource.fields}

    def test_a_later_pass_holds_the_edit(self, client: Client, other_client: Client, resource: Resource) -> None:
        self.need(resource, WriteKind.UPDATE)
        number = next(_numbers)
        edited = self.make(client, resource, self.sample(number))
        untouched = self.make(client, resource)
        checkpoint = read_pass(client, resource).cursor
        change = Write(WriteKind.UPDATE, id=edited.id, values=self.change(number))
        (outcome,) = other_client.write(resource, [change])
        assert isinstance(outcome, Written), outcome
        created = self.make(other_client, resource)

        later = read_all(client, resource, checkpoint)
        self.assert_holds(resource, later.records[edited.id], self.change(number))
        assert created.id in later.records
        if resource.read is ReadStrategy.DELTA:
            assert untouched.id not in later.records
            assert not read_pass(client, resource, later.cursor).ids, "what was read is not news again"

    def test_a_deletion_shows(self, client: Client, other_client: Client, resource: Resource) -> None:
        self.need(resource, WriteKind.DELETE)
        gone, stays = self.make(client, resource), self.make(client, resource)
        checkpoint = read_pass(client, resource).cursor
        (outcome,) = other_client.write(resource, [Write(WriteKind.DELETE, id=gone.id)])
        assert isinstance(outcome, Written), outcome

        later = read_pass(client, resource, checkpoint)
        if resource.tombstones:
            assert later.deleted == {gone.id}
        complete = read_pass(client, resource)
        assert complete.listing and gone.id not in complete.ids and stays.id in complete.ids
        assert set(fetch(client, resource, [gone.id, stays.id])) == {stays.id}, "the second look agrees"

    def test_a_merge_shows_in_every_way_that_is_declared(
        self, client: Client, other_client: Client, resource: Resource
    ) -> None:
        if not resource.merges:
            pytest.skip("merges do not show")
        loser, survivor = self.make(client, resource).id, self.make(client, resource).id
        checkpoint = read_pass(client, resource).cursor
        self.merge(other_client, resource, loser, survivor)

        later, signals = read_pass(client, resource, checkpoint), resource.merges
        if signals & {MergeSignal.FEED, MergeSignal.LOSER, MergeSignal.SURVIVOR}:
            known = {**later.merged, **merges_in(fetch(client, resource, later.ids).values())}
            assert known.get(loser) == survivor
        assert loser not in later.ids, "it is no more"
        answered = merges_in(client.get(resource, [loser]))
        assert answered == ({loser: survivor} if signals & {MergeSignal.REDIRECT, MergeSignal.LOSER} else {})
        complete = read_pass(client, resource)
        assert loser not in complete.ids and survivor in complete.ids
        if signals & {MergeSignal.LOSER, MergeSignal.SURVIVOR}:
            known = {**complete.merged, **merges_in(fetch(client, resource, complete.ids).values())}
            assert known.get(loser) == survivor, "a complete pass tells it too"

    # writing

    def test_create_read_update_delete(self, client: Client, other_client: Client, resource: Resource) -> None:
        number = next(_numbers)
        values, change = self.sample(number), self.change(number)
        made = self.make(client, resource, values)
        self.assert_holds(resource, made, values)
        self.assert_holds(resource, self.look(other_client, resource, made.id), values)

        self.need(resource, WriteKind.UPDATE)
        update = Write(WriteKind.UPDATE, id=made.id, values=change, version=made.version)
        (outcome,) = client.write(resource, [update])
        assert isinstance(outcome, Written) and outcome.id == made.id, outcome
        after = self.look(other_client, resource, made.id)
        self.assert_holds(resource, after, change)
        if outcome.record is not None:
            self.assert_holds(resource, after, self.writable(resource, outcome.record))
            assert outcome.record.version == after.version

        self.need(resource, WriteKind.DELETE)
        delete = Write(WriteKind.DELETE, id=made.id, version=after.version)
        (outcome,) = client.write(resource, [delete])
        assert isinstance(outcome, Written), outcome
        assert not other_client.get(resource, [made.id])

    def test_a_creation_answers_what_reads_show(self, client: Client, resource: Resource) -> None:
        self.need(resource, WriteKind.CREATE)
        write = Write(WriteKind.CREATE, values=self.sample(next(_numbers)), key=str(uuid.uuid4()))
        (outcome,) = client.write(resource, [write])
        assert isinstance(outcome, Written), outcome
        if outcome.record is None:
            pytest.skip("this app does not answer with the record")
        assert outcome.record.id == outcome.id
        shown = self.look(client, resource, outcome.id)
        assert shown.version == outcome.record.version
        self.assert_holds(resource, shown, self.writable(resource, outcome.record))

    def test_only_what_changes_is_touched(self, client: Client, resource: Resource) -> None:
        self.need(resource, WriteKind.UPDATE)
        number = next(_numbers)
        made = self.make(client, resource, self.sample(number))
        name, value = next(iter(self.change(number).items()))
        (outcome,) = client.write(resource, [Write(WriteKind.UPDATE, id=made.id, values={name: value})])
        assert isinstance(outcome, Written), outcome
        after = self.look(client, resource, made.id)
        others = {n: v for n, v in self.sample(number).items() if n not in self.change(number)}
        self.assert_holds(resource, after, {**others, name: value})

    def test_writing_back_what_was_read_changes_nothing(self, client: Client, resource: Resource) -> None:
        self.need(resource, WriteKind.UPDATE)
        made = self.make(client, resource)
        values = self.writable(resource, made)
        write = Write(WriteKind.UPDATE, id=made.id, values=values, version=made.version)
        (outcome,) = client.write(resource, [write])
        assert isinstance(outcome, Written), outcome
        after = self.look(client, resource, made.id)
        assert self.writable(resource, after) == values

    def test_a_field_can_be_cleared(self, client: Client, resource: Resource) -> None:
        self.need(resource, WriteKind.UPDATE)
        number = next(_numbers)
        fields = [resource.field(name) for name in self.sample(number)]
        clearable = [f for f in fields if f and f.tells_blank and not f.required and self.may_clear(f)]
        if not clearable:
            pytest.skip("no field can be blank")
        made = self.make(client, resource, self.sample(number))
        blank = {field.name: None for field in clearable}
        (outcome,) = client.write(resource, [Write(WriteKind.UPDATE, id=made.id, values=blank)])
        assert isinstance(outcome, Written), outcome
        after = self.look(client, resource, made.id)
        assert {name: after.values[name] for name in blank} == blank

    def may_clear(self, field: Field) -> bool:
        """Whether the app lets a field be blank; override for a field that it fills by itself."""
        return field.type is not FieldType.BOOLEAN

    def test_a_stale_version_is_refused(self, client: Client, other_client: Client, resource: Resource) -> None:
        if not resource.lock:
            pytest.skip("no conditional writes are declared")
        self.need(resource, WriteKind.UPDATE)
        number = next(_numbers)
        made = self.make(client, resource, self.sample(number))
        assert made.version
        change = self.change(number)
        (name, value), *_ = change.items()
        theirs = Write(WriteKind.UPDATE, id=made.id, values={name: value})
        assert isinstance(other_client.write(resource, [theirs])[0], Written)

        ours = Write(WriteKind.UPDATE, id=made.id, values={name: self.sample(number).get(name)})
        stale = Write(WriteKind.UPDATE, id=made.id, values=ours.values, version=made.version)
        (outcome,) = client.write(resource, [stale])
        assert isinstance(outcome, VersionMismatch), outcome
        if WriteKind.DELETE in resource.writes:
            (outcome,) = client.write(resource, [Write(WriteKind.DELETE, id=made.id, version=made.version)])
            assert isinstance(outcome, VersionMismatch), outcome
        self.assert_holds(resource, self.look(client, resource, made.id), {name: value})

    def test_what_is_gone_is_not_found(self, client: Client, other_client: Client, resource: Resource) -> None:
        self.need(resource, WriteKind.DELETE)
        number = next(_numbers)
        made = self.make(client, resource, self.sample(number))
        delete = Write(WriteKind.DELETE, id=made.id)
        assert isinstance(other_client.write(resource, [delete])[0], Written)
        assert isinstance(client.write(resource, [delete])[0], NotFound)
        if WriteKind.UPDATE in resource.writes:
            update = Write(WriteKind.UPDATE, id=made.id, values=self.change(number), version=made.version)
            assert isinstance(client.write(resource, [update])[0], NotFound)
        assert not client.get(resource, [made.id])

    def test_a_batch_is_answered_in_order(self, client: Client, resource: Resource) -> None:
        self.need(resource, WriteKind.CREATE)
        size = min(resource.batch_size(WriteKind.CREATE), 7)
        samples = [self.sample(next(_numbers)) for _ in range(size)]
        writes = [Write(WriteKind.CREATE, values=values, key=str(uuid.uuid4())) for values in samples]
        outcomes = client.write(resource, writes)
        assert len(outcomes) == size
        for outcome, values in zip(outcomes, samples, strict=True):
            assert isinstance(outcome, Written), outcome
            self.assert_holds(resource, self.look(client, resource, outcome.id), values)

    def test_the_same_key_makes_one_record(self, client: Client, other_client: Client, resource: Resource) -> None:
        self.need(resource, WriteKind.CREATE)
        if resource.idempotency is Idempotency.NONE:
            pytest.skip("neither key nor stamp is declared")
        write = Write(WriteKind.CREATE, values=self.sample(next(_numbers)), key=str(uuid.uuid4()))
        (first,) = client.write(resource, [write])
        assert isinstance(first, Written), first
        if resource.idempotency is Idempotency.STAMP:
            assert other_client.find(resource, [write.key or ""])[write.key or ""].id == first.id
            assert not other_client.find(resource, [str(uuid.uuid4())])
            return
        before = read_pass(client, resource).ids
        (again,) = other_client.write(resource, [write])
        assert isinstance(again, Written), again
        assert again.id == first.id
        assert read_pass(client, resource).ids == before

    # secrets

    def test_no_secret_reaches_a_log_or_a_message(
        self,
        account: Mapping[str, str],
        wrong_account: Mapping[str, str] | None,
        environment: OpenEnvironment,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        secret_names = [s.name for s in self.connector.manifest.settings if s.kind is SettingKind.SECRET]
        accounts = [a for a in (account, wrong_account) if a]
        secrets = {a[name] for a in accounts for name in secret_names if len(a.get(name, "")) >= 6}
        if not secrets:
            pytest.skip("no secret of at least six characters in these accounts")
        said: list[str] = []
        with caplog.at_level(logging.DEBUG):
            for settings in accounts:
                with closing(self.connector.connect(settings, environment)) as client:
                    said += [repr(client), str(client)]
                    try:
                        client.identify()
                        resource = client.interpret(client.resources()[0], self.meaning)
                        client.read(resource, None)
                        client.get(resource, ["no-such-record"])
                    except ConnectorError as error:
                        said += [str(error), repr(error), repr(error.__cause__)]
        out, err = capfd.readouterr()
        everything = "\n".join([*said, caplog.text, out, err])
        assert not [True for secret in secrets if secret in everything]

    def writable(self, resource: Resource, record: Record) -> dict[str, Value]:
        """The values of a record that may be written back."""
        names = {field.name for field in resource.fields if not field.read_only}
        return {name: value for name, value in record.values.items() if name in names}

    def test_a_bad_value_is_refused_alone(self, client: Client, resource: Resource) -> None:
        """A batch with one bad record: the good ones land (unless the batch is declared atomic)."""
        bad = self.bad_values()
        if bad is None:
            pytest.skip("no bad value is known for this app")
        self.need(resource, WriteKind.CREATE)
        if resource.batch_size(WriteKind.CREATE) < 3:
            pytest.skip("no batches")
        good = [self.sample(next(_numbers)) for _ in range(2)]
        writes = [Write(WriteKind.CREATE, values=values, key=str(uuid.uuid4())) for values in (good[0], bad, good[1])]
        outcomes = client.write(resource, writes)
        assert len(outcomes) == 3
        assert isinstance(outcomes[1], Refused), outcomes[1]
        assert outcomes[1].message
        if not resource.atomic:
            assert isinstance(outcomes[0], Written) and isinstance(outcomes[2], Written), outcomes

    def bad_values(self) -> Values | None:
        """Values of a record that the app surely refuses; None where there is no such thing."""
        return None
