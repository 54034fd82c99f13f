"""Section 7 of the rules, through the engine: references across the syncs of an account pair."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors import accounts
from connectors.contract import Field, FieldType, PermissionLost, WriteKind
from connectors.testing import memory_related as kinds
from connectors.testing.memory_related import COMPANIES, ref
from syncengine import services
from syncengine.core.mapping import ClearPolicy, Direction, MatchBy, Matching, Which
from syncengine.models import RecordLink
from syncengine.run.associations import Associations
from tenants.models import Workspace

from .related import Accounts, MakeAccounts, ids, make, new_world
from .test_leases import in_threads

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
BOB = {"first": "Bob", "last": "Ray", "mail": "bob@example.com"}


@pytest.fixture
def make_accounts(workspace: Workspace) -> Iterator[MakeAccounts]:
    installed = ExitStack()
    with installed:
        yield lambda *objects: make(new_world(installed), *objects)


@pytest.fixture
def crm(make_accounts: MakeAccounts) -> Accounts:
    """Companies and people on both sides; ids differ."""
    number = lambda n: f"r{n}"  # noqa: E731
    return make_accounts((kinds.firms(), kinds.firms(make_id=number)), (kinds.people(), kinds.people(make_id=number)))


def company_of(crm: Accounts, side: str, id_: str) -> str | None:
    app = crm.left if side == "a" else crm.right
    value = app["contacts"].values(id_).get("company_id")
    return value["id"] if value else None


def test_rule_7_1_a_reference_goes_across_as_the_link_of_its_target(crm: Accounts) -> None:
    acme, globex = crm.left["companies"].add(name="Acme"), crm.left["companies"].add(name="Globex")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme, "Acme"))
    crm.sync("companies")
    crm.sync("contacts")
    crm.rest()
    there = crm.other("contacts", ann)
    assert company_of(crm, "b", there) == crm.other("companies", acme)
    crm.rests()
    crm.right["contacts"].edit(there, company_id=ref(crm.other("companies", globex), "Globex"))
    crm.rest()
    assert company_of(crm, "a", ann) == globex
    crm.rests()


def test_rule_7_1_a_removal_follows_the_rule_for_clears(crm: Accounts) -> None:
    acme = crm.left["companies"].add(name="Acme")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme))
    crm.sync("companies")
    crm.sync("contacts")
    crm.rest()
    there = crm.other("contacts", ann)
    crm.left["contacts"].edit(ann, company_id=None)
    crm.rest()
    assert company_of(crm, "b", there) is not None and company_of(crm, "a", ann) is None
    assert set(crm.link("contacts", a=ann).notes.values()) == {"clear_kept"}
    crm.rests()
    crm.left["contacts"].edit(ann, company_id=ref(acme))
    crm.rest()
    change_mapping(crm, "company_ref", clears=ClearPolicy.CLEAR)
    crm.rest()
    crm.left["contacts"].edit(ann, company_id=None)
    crm.rest()
    assert company_of(crm, "b", there) is None
    crm.rests()


def test_rule_7_1_what_a_person_made_on_one_side_is_not_removed_because_the_other_lacks_it(crm: Accounts) -> None:
    """A first comparison fills what is blank; what nothing corresponds to stays where it is."""
    crm.left["contacts"].add(ANN)
    home = crm.right["companies"].add(name="Home")
    ann = crm.right["contacts"].add(ANN, company_id=ref(home))
    crm.sync("companies", direction=Direction.A_TO_B)
    crm.sync("contacts")
    crm.rest()
    link = crm.link("contacts", b=ann)
    assert company_of(crm, "b", ann) == home and company_of(crm, "a", str(link.a_id)) is None
    assert link.state == "in_sync" and [one["obstacle"] for one in link.pending.values()] == ["left_out"]
    crm.rests()


def test_rule_7_1_a_sync_set_up_the_other_way_round_serves_as_well(crm: Accounts) -> None:
    acme = crm.left["companies"].add(name="Acme")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme))
    crm.sync("companies", flipped=True)
    crm.sync("contacts")
    crm.rest()
    (there,) = crm.right["companies"].rows
    assert company_of(crm, "b", crm.other("contacts", ann)) == there
    crm.rests()


def test_rule_7_2_an_association_waits_visibly_and_is_completed_by_itself(crm: Accounts) -> None:
    acme = crm.left["companies"].add(name="Acme")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme, "Acme"))
    crm.sync("companies", start=True)
    crm.sync("contacts", start=True)
    crm.left.fail_next("read", PermissionLost("no"), times=1)
    crm.slice("companies")  # It needs attention, and nobody waits for it.
    crm.rest("contacts")
    link = crm.link("contacts", a=ann)
    assert link.is_whole and (link.state, link.cause, link.detail) == ("waiting", "waiting_related", "Acme")
    assert company_of(crm, "b", crm.other("contacts", ann)) is None
    assert not crm.right["companies"].rows, "the other record is never made for the sake of an association"
    crm.rest()
    link.refresh_from_db()
    assert link.state == "in_sync" and not link.pending
    assert company_of(crm, "b", crm.other("contacts", ann)) == crm.other("companies", acme)
    crm.rests()


@pytest.mark.parametrize("first", ["companies", "contacts"])
def test_rule_7_2_where_nothing_syncs_the_other_object_it_is_listed_as_not_carried(crm: Accounts, first: str) -> None:
    """And carried as soon as something does."""
    acme = crm.left["companies"].add(name="Acme")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme, "Acme"))
    crm.sync("contacts")
    crm.rest()
    link = crm.link("contacts", a=ann)
    assert link.state == "in_sync"
    assert [(one["label"], one["obstacle"]) for one in link.pending.values()] == [("Acme", "no_sync")]
    crm.rests()
    crm.sync("companies")
    crm.rest(first)
    crm.rest()
    assert company_of(crm, "b", crm.other("contacts", ann)) == crm.other("companies", acme)
    crm.rests()


def test_rule_7_2_a_sync_that_is_off_is_said_to_be(crm: Accounts) -> None:
    acme = crm.left["companies"].add(name="Acme")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme, "Acme"))
    crm.sync("companies", start=False)
    crm.sync("contacts")
    crm.rest("contacts")
    link = crm.link("contacts", a=ann)
    assert link.state == "in_sync" and [one["obstacle"] for one in link.pending.values()] == ["sync_off"]
    services.start(crm.syncs["companies"], actor="test")
    crm.rest()
    link.refresh_from_db()
    assert not link.pending and link.state == "in_sync"
    services.turn_off(crm.syncs["companies"], actor="test")
    crm.left["contacts"].edit(ann, phone="+49 30 1234567")
    crm.rest("contacts")
    assert company_of(crm, "b", crm.other("contacts", ann)) == crm.other("companies", acme)


@pytest.mark.parametrize("point", ["wake", "look_once_more"])
def test_rule_7_2_a_worker_killed_in_between_loses_no_association(crm: Accounts, point: str) -> None:
    """Each time just before somebody is called, and just after the transaction that would have been told of it."""
    acme = crm.left["companies"].add(name="Acme")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme, "Acme"))
    crm.sync("companies")
    crm.sync("contacts")
    for name in ("contacts", "companies", "contacts"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Associations, point, dies)
            with pytest.raises(Killed):
                for _ in range(10):
                    crm.slice(name)
                    crm.now += timedelta(minutes=1)
                raise Killed
        crm.now += timedelta(minutes=2)
    crm.rest()
    assert company_of(crm, "b", crm.other("contacts", ann)) == crm.other("companies", acme)
    assert crm.link("contacts", a=ann).state == "in_sync"
    crm.rests()


def test_rule_7_2_two_workers_that_pass_each_other_lose_nothing(
    committed: None, crm: Accounts, workspace: Workspace
) -> None:
    """The company is linked while a chunk of contacts, that has looked already, is not stored yet."""
    acme = crm.left["companies"].add(name="Acme")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme, "Acme"))
    crm.sync("contacts")
    crm.rest()
    crm.sync("companies")
    looked = Associations.knowing
    met: list[bool] = []

    def companies_go_between(self: Associations, seen: Any, rules: Any = None) -> Any:
        found = looked(self, seen, rules)
        if self.pair.pk == crm.syncs["contacts"].pair_id and not met:
            met.append(True)
            in_threads(workspace, lambda: crm.rest("companies"))
        return found

    crm.left["contacts"].edit(ann, job="Boss")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Associations, "knowing", companies_go_between)
        crm.rest("contacts")
    assert met and company_of(crm, "b", crm.other("contacts", ann)) == crm.other("companies", acme)


def test_rule_7_2_what_cannot_be_without_its_association_waits_for_it(make_accounts: MakeAccounts) -> None:
    sales = make_accounts((kinds.deals(), kinds.deals()), (kinds.line_items(), kinds.line_items()))
    deal = sales.left["deals"].add(title="Big one")
    item = sales.left["line_items"].add(title="Bolts", deal_id=ref(deal, "Big one"))
    sales.sync("line_items")
    sales.rest()
    link = sales.link("line_items", a=item)
    assert (link.state, link.cause) == ("failing", "missing_required") and not sales.right["line_items"].rows
    sales.sync("deals")
    sales.rest("line_items")
    link.refresh_from_db()
    assert (link.state, link.cause) == ("waiting", "waiting_related")
    sales.rest()
    (made,) = sales.right["line_items"].all_values().values()
    assert ids(made["deal_id"]) == [sales.other("deals", deal)]
    sales.rests()


def test_rule_7_3_of_several_only_the_primary_one_or_all(make_accounts: MakeAccounts) -> None:
    crm = make_accounts((kinds.firms(), kinds.firms()), (kinds.people(COMPANIES), kinds.people(COMPANIES)))
    crm.right["companies"].add(name="Own")
    firms = [crm.left["companies"].add(name=name) for name in ("Acme", "Globex", "Initech")]
    ann = crm.left["contacts"].add(ANN, company_id=[ref(f) for f in firms[:2]])
    crm.sync("companies")
    crm.sync("contacts")
    crm.rest()
    there = [crm.other("companies", f) for f in firms]
    ann_there = crm.other("contacts", ann)
    assert ids(crm.right["contacts"].values(ann_there)["company_id"]) == there[:1]
    crm.rests()
    change_mapping(crm, "company_ref", which=Which.ALL)
    crm.rest()
    assert ids(crm.right["contacts"].values(ann_there)["company_id"]) == there[:2]
    assert ids(crm.left["contacts"].values(ann)["company_id"]) == firms[:2]
    crm.right["contacts"].edit(ann_there, company_id=[ref(there[1]), ref(there[2])])
    crm.rest()
    assert ids(crm.left["contacts"].values(ann)["company_id"]) == [firms[1], firms[2]], "the primary one is a value"
    crm.rests()


def test_rule_7_3_the_one_that_the_app_marks_is_the_primary_one(make_accounts: MakeAccounts) -> None:
    crm = make_accounts((kinds.firms(), kinds.firms()), (kinds.people(COMPANIES), kinds.people(COMPANIES)))
    firms = [crm.left["companies"].add(name=name) for name in ("Acme", "Globex", "Initech")]
    ann = crm.left["contacts"].add(ANN, company_id=[ref(firms[0]), {**ref(firms[1]), "primary": True}])
    crm.sync("companies")
    crm.sync("contacts")
    crm.rest()
    there = [crm.other("companies", f) for f in firms]
    ann_there = crm.other("contacts", ann)
    assert ids(crm.right["contacts"].values(ann_there)["company_id"]) == [there[1]]
    crm.right["contacts"].edit(ann_there, company_id=[ref(there[2])])
    crm.rest()
    now = crm.left["contacts"].values(ann)["company_id"]
    assert ids(now) == [firms[2], firms[0]] and [one.get("primary") for one in now] == [True, None]
    crm.rests()


def test_rule_7_3_elements_that_nothing_corresponds_to_stay_on_their_side(make_accounts: MakeAccounts) -> None:
    crm = make_accounts((kinds.people(), kinds.people()), (kinds.deals(), kinds.deals()))
    ann, bob = crm.left["contacts"].add(ANN), crm.left["contacts"].add({**BOB, "mail": None})
    kim = crm.right["contacts"].add(first="Kim", last="Poe", mail=None)
    deal = crm.left["deals"].add(title="Big one", contact_id=[ref(bob), ref(ann)])
    crm.sync("contacts")
    crm.sync("deals")
    crm.rest()
    there = crm.other("deals", deal)
    assert ids(crm.right["deals"].values(there)["contact_id"]) == [crm.other("contacts", ann)]
    crm.right["deals"].edit(there, contact_id=[ref(kim), ref(crm.other("contacts", ann))])
    crm.rest()
    assert ids(crm.left["deals"].values(deal)["contact_id"]) == [bob, ann]
    crm.left["deals"].edit(deal, contact_id=[ref(bob)])
    crm.rest()
    assert ids(crm.right["deals"].values(there)["contact_id"]) == [kim, crm.other("contacts", ann)], "rule 3.6"
    assert crm.link("deals", a=deal).state == "in_sync"
    crm.rests()


def test_rule_7_4_invoices_go_with_their_contacts(make_accounts: MakeAccounts) -> None:
    books = make_accounts((kinds.people(), kinds.people()), (kinds.invoices(), kinds.invoices()))
    ann = books.left["contacts"].add(ANN)
    books.right["contacts"].add(BOB)
    books.left["invoices"].add(number="R-1", contact_id=ref(ann))
    same = books.right["invoices"].add(number="r-1")
    books.sync("invoices")
    books.sync("contacts")
    books.rest()
    assert ids(books.right["invoices"].values(same)["contact_id"]) == [books.other("contacts", ann)]
    assert len(books.right["invoices"].rows) == 1, "matched by number"
    books.rests()


def test_rule_7_5_parents_are_written_first(crm: Accounts) -> None:
    firms = [crm.left["companies"].add(name=f"Firm {n}") for n in range(30)]
    for n, firm in enumerate(firms):
        crm.left["contacts"].add(ANN, mail=f"p{n}@example.com", company_id=ref(firm))
    crm.sync("contacts")
    crm.sync("companies")
    crm.rest("contacts", "companies")
    assert all(write.kind == "create" for write in crm.right.sent), "no association had to follow"
    assert ["name" in write.values for write in crm.right.sent] == [True] * 30 + [False] * 30
    crm.rests()


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
def test_rule_7_5_children_do_not_wait_for_parents_that_do_not_get_on(crm: Accounts, trouble: str) -> None:
    acme = crm.left["companies"].add(name="Acme")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme))
    companies = crm.sync("companies")
    crm.sync("contacts")
    if trouble == "fails":
        crm.left.fail_next("read", PermissionLost("no"))
        crm.slice("companies")
    else:
        companies.runs.update(started_at=crm.now - timedelta(hours=1))
    crm.rest("contacts")
    assert crm.link("contacts", a=ann).is_whole


@pytest.mark.parametrize("seed", range(6))
def test_e6_random_graphs_with_cycles_are_complete_after_two_passes(make_accounts: MakeAccounts, seed: int) -> None:
    """Contacts name companies, companies contacts, deals both; on both sides, in any order of running."""
    chance = random.Random(seed)
    crm = make_accounts(
        (kinds.firms(kinds.MAIN_CONTACT), kinds.firms(kinds.MAIN_CONTACT, make_id=lambda n: f"f{n}")),
        (kinds.people(), kinds.people(make_id=lambda n: f"p{n}")),
        (kinds.deals(), kinds.deals(make_id=lambda n: f"d{n}")),
    )
    names = ["companies", "contacts", "deals"]
    for app in (crm.left, crm.right):
        tag = app.identity.id
        firms = [app["companies"].add(name=f"{tag} {n}") for n in range(8)]
        people = [
            app["contacts"].add(first=tag, last=str(n), mail=f"{tag}{n}@x.de", company_id=ref(chance.choice(firms)))
            for n in range(12)
        ]
        for firm in firms:
            app["companies"].edit(firm, main_contact=ref(chance.choice(people)))
        for n in range(5):
            app["deals"].add(
                title=f"{tag} {n}",
                company_id=ref(chance.choice(firms)),
                contact_id=[ref(p) for p in chance.sample(people, 3)],
            )
    for name in chance.sample(names, 3):
        crm.sync(name)
    order = chance.sample(names, 3)
    crm.rest(*order)
    creations = crm.writes
    assert carried(crm) == {"companies": 16, "contacts": 24, "deals": 10}
    crm.rests()
    assert creations <= 50 + 24, "one association a record at most had to follow"


def carried(crm: Accounts) -> Counter[str]:
    """Records by object whose references all stand for the same on both sides."""
    whole: Counter[str] = Counter()
    targets = {"company_id": "companies", "main_contact": "contacts", "contact_id": "contacts"}
    for name in crm.syncs:
        for link in RecordLink.objects.filter(pair=crm.syncs[name].pair, a_id__isnull=False, b_id__isnull=False):
            a, b = crm.left[name].values(str(link.a_id)), crm.right[name].values(str(link.b_id))
            whole[name] += all(
                {crm.other(target, one) for one in ids(a[field])} == set(ids(b[field])) and ids(b[field])
                for field, target in targets.items()
                if field in a
            )
    return whole


def change_mapping(crm: Accounts, mapping: str, **changes: Any) -> None:
    sync = crm.syncs["contacts"]
    sync.refresh_from_db()
    now = sync.settings
    mappings = tuple(replace(m, **changes) if m.id == mapping else m for m in now.mappings)
    services.change_settings(sync, replace(now, mappings=mappings), actor="test")


class Killed(BaseException):
    """The worker is no more."""


def dies(*_args: Any, **_more: Any) -> None:
    raise Killed


# --- The company of a person (rule 5.3) -----------------------------------------------------------------------

NAMELESS = {"first": "Kim", "last": "Poe", "mail": None, "phone": "+49 30 1"}


@pytest.fixture
def firms_first(make_accounts: MakeAccounts) -> Accounts:
    """Companies with e-mail addresses and domains; persons without an address take part."""
    mail = Field("mail", "E-mail", FieldType.EMAIL, canonical="email")
    return make_accounts((kinds.firms(mail), kinds.firms(mail)), (kinds.people(), kinds.people()))


@pytest.mark.parametrize(
    "here, there, same",
    [
        ({"name": "Acme", "mail": "office@acme.de"}, {"name": "Acme Ltd", "mail": "OFFICE@acme.de"}, True),
        ({"name": "Acme", "mail": "office@acme.de"}, {"name": "Acme", "mail": "other@acme.de"}, False),
        ({"name": "Acme", "mail": "office@acme.de"}, {"name": "ACME", "domain": "acme.de"}, True),
        ({"name": "Acme", "domain": "acme.de"}, {"name": "Acme Ltd", "domain": "acme.de"}, False),
    ],
    ids=["by its e-mail address", "which decides before its name", "else by its name", "before its domain"],
)
def test_rule_5_3_the_company_is_that_of_the_association(
    firms_first: Accounts, here: dict[str, str], there: dict[str, str], same: bool
) -> None:
    crm = firms_first
    a, b = crm.left["companies"].add(here), crm.right["companies"].add(there)
    crm.left["contacts"].add(NAMELESS, company_id=ref(a, "no name to go by"))
    kim = crm.right["contacts"].add(NAMELESS, company_id=ref(b, "none here either"))
    crm.sync("companies", matching=Matching(MatchBy.NOTHING))  # Or they would become the same.
    crm.sync("contacts", email_only=False)
    crm.rest()
    assert (len(crm.left["contacts"].rows) == 1) is same
    assert (crm.link("contacts", b=kim).made_by == "matched") is same


def test_rule_5_3_a_company_that_changes_has_its_persons_matched_anew(firms_first: Accounts) -> None:
    """Side A takes no new persons, so that Kim stays alone until the company gets its e-mail address."""
    crm = firms_first
    a = crm.left["companies"].add(name="Acme")
    b = crm.right["companies"].add(name="Acme Ltd", mail="office@acme.de")
    crm.left["contacts"].add(NAMELESS, company_id=ref(a))
    kim = crm.right["contacts"].add(NAMELESS, company_id=ref(b))
    crm.sync("companies", matching=Matching(MatchBy.NOTHING), direction=Direction.A_TO_B)
    crm.sync("contacts", email_only=False, direction=Direction.B_TO_A)
    crm.left["contacts"].resource = replace(crm.left["contacts"].resource, writes=frozenset({WriteKind.UPDATE}))
    accounts.refresh_objects(crm.accounts[0])
    crm.rest()
    assert not crm.link("contacts", b=kim).is_whole
    crm.left["companies"].edit(a, mail="office@acme.de")
    crm.rest()
    assert crm.link("contacts", b=kim).made_by == "matched"
    crm.rests()
