"""One door for site, API and admin: everything that a person can do to a sync.

Plain functions. What cannot be done raises `SyncError`, by field, in plain words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from connectors import accounts
from connectors.contract import Kind, Resource, WriteKind
from connectors.models import AccountObject, AccountState, ConnectedAccount
from tenants import due
from tenants.again import again
from tenants.context import current_workspace
from tenants.entitlements import has

from .core.defaults import default_mappings, problems
from .core.filters import faults
from .core.mapping import Begins, History, MatchBy, Side, SyncSettings
from .core.match import PERSONS
from .core.states import FailureClass, RecordState
from .core.topology import path_between
from .models import (
    Hold,
    Operation,
    OperationState,
    RecordLink,
    RunKind,
    RunState,
    SettingsVersion,
    Stream,
    StreamPair,
    Sync,
    SyncRun,
    SyncState,
    VersionState,
)
from .run import doubt
from .run.associations import replan_pending
from .run.context import DUE_KIND
from .run.housekeeping import HOUSE_KIND, forget_portion
from .run.read import make_dirty
from .run.settled import FORGOTTEN

MOST_PORTIONS = 50
"""Of remote records that are forgotten at once."""


class SyncError(Exception):
    """`errors` is field (or mapping id) → sentence; the empty name is the whole."""

    def __init__(self, errors: Mapping[str, str] | str) -> None:
        self.errors = {"": errors} if isinstance(errors, str) else dict(errors)
        super().__init__(" ".join(self.errors.values()))


# --- Setting up ---------------------------------------------------------------------------------------------


def resources_of(sync: Sync) -> Mapping[Side, Resource]:
    """Both objects, as the accounts last described them and a person understands them."""
    return {side: accounts.resource_of(sync.pair.stream(side).object) for side in Side}


def proposed_settings(object_a: AccountObject, object_b: AccountObject) -> SyncSettings:
    """What a new sync of these two starts from: default mappings, two-way, the home account as the winner."""
    a, b = accounts.resource_of(object_a), accounts.resource_of(object_b)
    workspace = current_workspace()
    return SyncSettings(
        kind=a.kind or b.kind,
        winner=Side.B if object_b.account.is_home else Side.A,
        mappings=default_mappings(a, b),
        country=workspace.country,
        zone=workspace.time_zone,
    )


def create_sync(
    *,
    object_a: AccountObject,
    object_b: AccountObject,
    actor: str,
    settings: SyncSettings | None = None,
    alike: bool = False,
) -> Sync:
    """A draft of a sync between two objects. Nothing is read or written until `start`.

    Links that an earlier sync of the same two objects left are taken up again. `alike`: a person says that two
    objects of no known kind are the same thing. Raises SyncError.
    """
    _refuse_impossible(object_a, object_b, alike=alike)
    settings = settings or proposed_settings(object_a, object_b)
    _refuse_problems(settings, accounts.resource_of(object_a), accounts.resource_of(object_b))
    with transaction.atomic():
        pair = _pair_of(object_a, object_b)
        sync = Sync.objects.create(pair=pair, created_by=actor)
        _add_version(sync, settings, actor)
    return sync


def _pair_of(object_a: AccountObject, object_b: AccountObject) -> StreamPair:
    stream_a, _made = Stream.objects.get_or_create(object=object_a)
    stream_b, _made = Stream.objects.get_or_create(object=object_b)
    pair, _made = StreamPair.objects.get_or_create(stream_a=stream_a, stream_b=stream_b)
    return pair


def _refuse_impossible(object_a: AccountObject, object_b: AccountObject, *, alike: bool) -> None:
    custom = object_a.kind is object_b.kind is None
    if object_a.account_id == object_b.account_id:
        raise SyncError({"object_b": _("A sync connects two accounts. Choose another account for the other side.")})
    for name, obj in (("object_a", object_a), ("object_b", object_b)):
        if obj.account.state == AccountState.DISCONNECTED:
            raise SyncError({name: _("“%(name)s” is disconnected. Reconnect it first.") % {"name": obj.account.name}})
        if obj.missing:
            raise SyncError({name: _("“%(name)s” is not offered by the account any more.") % {"name": obj.label}})
        if obj.kind is None and custom and not alike:
            raise SyncError(
                {name: _("Nobody has said what these two objects are. Say what kind they are, or that they are alike.")}
            )
        if obj.kind is None and not custom:
            raise SyncError({name: _("Say first what kind of object “%(name)s” is.") % {"name": obj.label}})
    _refuse_different_kinds(object_a, object_b)
    _refuse_second_sync(object_a, object_b)
    _refuse_ring(object_a, object_b)


def _refuse_different_kinds(object_a: AccountObject, object_b: AccountObject) -> None:
    kinds = {object_a.kind, object_b.kind}
    if len(kinds) > 1 and not kinds <= PERSONS:
        raise SyncError(
            {"object_b": _("“%(a)s” and “%(b)s” are objects of different kinds.") % _labels(object_a, object_b)}
        )


def _refuse_second_sync(object_a: AccountObject, object_b: AccountObject) -> None:
    for x, y in ((object_a, object_b), (object_b, object_a)):
        if Sync.objects.filter(deleted_at=None, pair__stream_a__object=x, pair__stream_b__object=y).exists():
            raise SyncError(_("There is a sync of “%(a)s” and “%(b)s” already.") % _labels(object_a, object_b))


def _refuse_ring(object_a: AccountObject, object_b: AccountObject) -> None:
    """Rule 2.4. Persons are one kind here: a contact may go on as a lead."""
    live = Sync.objects.filter(deleted_at=None).select_related(
        "pair__stream_a__object__account", "pair__stream_b__object__account"
    )
    kinds = PERSONS if object_a.kind in PERSONS else {object_a.kind}
    ends = [(s.pair.stream_a.object, s.pair.stream_b.object) for s in live if s.pair.stream_a.object.kind in kinds]
    path = (
        _path_of_custom(object_a, object_b, ends)
        if object_a.kind is None
        else path_between(object_a.account_id, object_b.account_id, [(a.account_id, b.account_id) for a, b in ends])
    )
    if path is not None:
        names = dict(ConnectedAccount.objects.filter(pk__in=path).values_list("pk", "name"))
        through = " – ".join(names[pk] for pk in path)
        raise SyncError(
            _("These two accounts are connected already: %(path)s. A second way would send changes round in circles.")
            % {"path": through}
        )


def _path_of_custom(
    object_a: AccountObject, object_b: AccountObject, ends: list[tuple[AccountObject, AccountObject]]
) -> list[int] | None:
    """Custom objects have no kind in common: what is one thing is what was said to be alike, object by object."""
    found = path_between(object_a.pk, object_b.pk, [(a.pk, b.pk) for a, b in ends])
    accounts_of = {obj.pk: obj.account_id for pair in (*ends, (object_a, object_b)) for obj in pair}
    return [accounts_of[pk] for pk in found] if found is not None else None


def _labels(object_a: AccountObject, object_b: AccountObject) -> dict[str, str]:
    return {"a": f"{object_a.account} · {object_a.label}", "b": f"{object_b.account} · {object_b.label}"}


def _refuse_problems(settings: SyncSettings, a: Resource, b: Resource) -> None:
    found = problems(settings, a, b)
    if found:
        raise SyncError({p.mapping: p.message for p in found})
    _refuse_matching(settings, a, b)
    _refuse_filters(settings, a, b)
    if not any(m.enabled and m.a and m.b for m in settings.mappings):
        raise SyncError(_("Switch on at least one field mapping."))
    if not has(current_workspace(), "custom_mappings") and any(m.needs_plan and m.enabled for m in settings.mappings):
        raise SyncError({"mappings": _("Custom mappings are not part of this workspace's plan.")})
    for side, resource in ((Side.A, a), (Side.B, b)):
        if settings.direction.allows(side) and not resource.writes & {WriteKind.CREATE, WriteKind.UPDATE}:
            raise SyncError({"direction": _("“%(name)s” can only be read.") % {"name": resource.label}})
    _refuse_deletions(settings, {Side.A: a, Side.B: b})


def _refuse_deletions(settings: SyncSettings, resources: Mapping[Side, Resource]) -> None:
    """Rule 8.3: deletions go only where the direction and the app allow it."""
    for side, kind in settings.deletions.items():
        name = {"name": resources[side].label}
        if not settings.direction.allows(side):
            raise SyncError({"deletions": _("The direction of this sync does not allow deleting “%(name)s”.") % name})
        if kind not in (WriteKind.ARCHIVE, WriteKind.DELETE) or kind not in resources[side].writes:
            text = {
                WriteKind.ARCHIVE: _("“%(name)s” cannot be archived."),
                WriteKind.DELETE: _("“%(name)s” cannot be deleted."),
            }
            raise SyncError({"deletions": text.get(kind, text[WriteKind.DELETE]) % name})


def _refuse_filters(settings: SyncSettings, a: Resource, b: Resource) -> None:
    """Rule 6.2: a condition that cannot be judged would keep everything out."""
    found = {"filter_a": faults(settings.filters.a, a), "filter_b": faults(settings.filters.b, b)}
    if any(found.values()):
        raise SyncError({name: " ".join(sentences) for name, sentences in found.items() if sentences})


def _refuse_matching(settings: SyncSettings, a: Resource, b: Resource) -> None:
    """Rule 5.6: a field of one's own choosing has to be there on both sides."""
    matching = settings.matching
    if matching.by is MatchBy.DOMAIN_FIRST and settings.kind is not Kind.COMPANY:
        raise SyncError({"matching": _("Only companies have a domain to match by.")})
    if matching.by is not MatchBy.FIELD:
        return
    if a.field(matching.field_a) is None or b.field(matching.field_b) is None:
        raise SyncError({"matching": _("Choose a field of each side to match by.")})


# --- Settings -----------------------------------------------------------------------------------------------


def current_settings(sync: Sync) -> SyncSettings:
    """The draft if there is one, else what is active."""
    version = sync.versions.filter(state=VersionState.DRAFT).first() or sync.active
    if version is None:
        raise SyncError(_("This sync has no settings."))
    return version.load()


def save_settings(sync: Sync, settings: SyncSettings, *, actor: str) -> SettingsVersion:
    """Keep these as the sync's draft; what is active goes on. Raises SyncError."""
    resources = resources_of(sync)
    _refuse_problems(settings, resources[Side.A], resources[Side.B])
    with transaction.atomic():
        Sync.objects.select_for_update().get(pk=sync.pk)
        return _add_version(sync, settings, actor)


def _add_version(sync: Sync, settings: SyncSettings, actor: str) -> SettingsVersion:
    _drop_draft(sync)
    settings = _noting_beginnings(settings)
    last = sync.versions.order_by("-number").values_list("number", flat=True).first() or 0
    return sync.versions.create(number=last + 1, settings=settings.to_json(), created_by=actor)


def _noting_beginnings(settings: SyncSettings) -> SyncSettings:
    """Links that are made from now on are compared, also in mappings for which only later changes count (4.6)."""
    now = timezone.now().isoformat()
    moments = {m.id: (m.begins_at or now) if m.begins is Begins.LATER else "" for m in settings.mappings}
    return settings.with_mappings(tuple(replace(m, begins_at=moments[m.id]) for m in settings.mappings))


def _activate(sync: Sync) -> None:
    """Make the draft the active version; all records are looked at anew (rule 10.2)."""
    draft = sync.versions.filter(state=VersionState.DRAFT).first()
    if draft is None:
        return
    chosen = draft.load()
    if chosen.history is History.ALL:
        sync.existing_a = sync.existing_b = None  # Chosen again, "now" begins anew (rule 6.4).
    sync.versions.filter(state=VersionState.ACTIVE).update(state=VersionState.OLD)
    draft.state = VersionState.ACTIVE
    draft.save(update_fields=["state"])
    sync.active = draft
    index_own_keys(sync, chosen)


def index_own_keys(sync: Sync, settings: SyncSettings) -> None:
    """A field that a sync matches by gets keys; a stream that lacks them is read anew (rule 5.6)."""
    for side, name in ((Side.A, settings.matching.field_a), (Side.B, settings.matching.field_b)):
        stream = sync.pair.stream(side)
        if name and name not in stream.own_keys:
            stream.own_keys = [*stream.own_keys, name]
            stream.fields_read = ""
            stream.save(update_fields=["own_keys", "fields_read"])


# --- Turning on and off -------------------------------------------------------------------------------------


def start(sync: Sync, *, actor: str, preview: SyncRun | None = None) -> SyncRun:
    """*Save and sync*: make the draft active, turn the sync on and begin a pass over all records at once.

    `preview`: the preview of the draft that a person has decided, and that is carried out. Raises SyncError.
    """
    refuse_unusable_accounts(sync)
    with transaction.atomic():
        locked = Sync.objects.select_for_update().get(pk=sync.pk)
        if preview is None:
            _refuse_unseen(locked)
        _activate(locked)
        if locked.active is None:
            raise SyncError(_("This sync has no settings."))
        locked.state, locked.attention, locked.attention_reason = SyncState.ON, "", ""
        locked.planned_a = locked.planned_b = 0
        locked.save()
        run = _begin_run(locked, RunKind.FULL if locked.initial_done else RunKind.FIRST, actor)
        if preview is not None:
            run.preview = preview
            run.save(update_fields=["preview"])
        replan_pending(locked.pair)
        due.schedule(DUE_KIND, locked.pk, timezone.now())
    sync.refresh_from_db()
    return run


def _refuse_unseen(sync: Sync) -> None:
    """Rule 11.1: a workspace may want to see first what settings would do."""
    if current_workspace().preview_required and sync.versions.filter(state=VersionState.DRAFT).exists():
        raise SyncError(_("This workspace wants a preview before settings take effect. Make one first."))


def discard_draft(sync: Sync, *, actor: str) -> None:
    """Forget settings that are not in effect yet. Raises SyncError before the first start: there are no others."""
    if sync.active_id is None:
        raise SyncError(_("This sync has no other settings yet. Delete it instead."))
    with transaction.atomic():
        _drop_draft(sync)


def _drop_draft(sync: Sync) -> None:
    """Its previews go with it."""
    draft = sync.versions.filter(state=VersionState.DRAFT).first()
    if draft is not None:
        draft.runs.filter(kind=RunKind.PREVIEW).delete()
        draft.delete()


def change_settings(sync: Sync, settings: SyncSettings, *, actor: str) -> None:
    """Save settings; where the sync is on, they take effect at once, with a pass over all records.

    In a workspace that requires previews they stay a draft until one is approved (rule 11.1).
    """
    save_settings(sync, settings, actor=actor)
    if sync.state == SyncState.ON and not current_workspace().preview_required:
        start(sync, actor=actor)


def run_now(sync: Sync, *, actor: str) -> SyncRun:
    """Look at both sides at once instead of when it is due. Raises SyncError."""
    if sync.state != SyncState.ON:
        raise SyncError(_("Turn the sync on first."))
    with transaction.atomic():
        locked = Sync.objects.select_for_update().get(pk=sync.pk)
        return ensure_run(locked, RunKind.CHANGES, actor)


def ensure_run(sync: Sync, kind: RunKind, actor: str) -> SyncRun:
    """The run under way, else a new one of this kind; at once. Within a transaction that has locked the sync."""
    run = sync.runs.under_way().first() or _begin_run(sync, kind, actor)
    due.schedule(DUE_KIND, sync.pk, timezone.now())
    return run


def _begin_run(sync: Sync, kind: RunKind, actor: str) -> SyncRun:
    """A pass with older settings ends: what it had planned and not sent is planned again."""
    _let_apps_answer_again(sync)
    now = timezone.now()
    sync.runs.under_way().update(state=RunState.CANCELLED, finished_at=now)
    waiting = Q(state=OperationState.PLANNED) | Q(state=OperationState.HELD, hold=Hold.BRAKE)
    left = Operation.objects.filter(waiting, run__sync=sync).exclude(run__kind=RunKind.UNDO)
    RecordLink.objects.filter(operations__in=left).update(replan=True)
    left.update(state=OperationState.SUPERSEDED, ended_at=now)
    # What was approved earlier, and has not come up, goes with the run that was to carry it out.
    Operation.objects.filter(run__sync=sync, run__carried_out_by__state=RunState.CANCELLED, hold=Hold.PREVIEW).update(
        state=OperationState.SUPERSEDED, ended_at=now, hold=""
    )
    assert sync.active is not None
    return sync.runs.create(version=sync.active, kind=kind, started_by=actor, started_at=timezone.now())


def pause(sync: Sync, *, actor: str) -> None:
    """Stop reading and writing until `resume`; nothing is forgotten, and what changes meanwhile is caught up."""
    _stop(sync, SyncState.PAUSED)


def resume(sync: Sync, *, actor: str) -> None:
    if sync.state != SyncState.PAUSED:
        raise SyncError(_("The sync is not paused."))
    refuse_unusable_accounts(sync)
    Sync.objects.filter(pk=sync.pk).update(state=SyncState.ON)
    replan_pending(sync.pair)
    due.schedule(DUE_KIND, sync.pk, timezone.now())
    sync.refresh_from_db()


def turn_off(sync: Sync, *, actor: str) -> None:
    """Keeps links and settings; turning on again (`start`) makes a pass over all records (rule 10.6)."""
    _stop(sync, SyncState.OFF)


def _stop(sync: Sync, state: SyncState) -> None:
    with transaction.atomic():
        Sync.objects.select_for_update().filter(pk=sync.pk).update(state=state)
        if state is SyncState.OFF:
            sync.runs.under_way().update(state=RunState.CANCELLED, finished_at=timezone.now())
        replan_pending(sync.pair)
        due.cancel(DUE_KIND, sync.pk)
    sync.refresh_from_db()


def delete_sync(sync: Sync, *, actor: str) -> None:
    """Records are never touched; links are kept aside for a new sync of the same two objects (rule 10.6)."""
    if sync.state not in (SyncState.OFF, SyncState.DRAFT):
        raise SyncError(_("Turn the sync off first."))
    sync.deleted_at = timezone.now()
    sync.save(update_fields=["deleted_at"])
    replan_pending(sync.pair)


def disconnect_account(account: ConnectedAccount, *, actor: str) -> list[Sync]:
    """Turn off the account's syncs, forget its credentials and remote records (rule 10.6). The syncs come back."""
    syncs = list(syncs_of(account))
    for sync in syncs:
        if sync.state in (SyncState.ON, SyncState.PAUSED):
            turn_off(sync, actor=actor)
    accounts.disconnect(account, actor=actor)
    for stream in Stream.objects.filter(object__account=account):
        forget_records(stream)
    return syncs


def look_again(account: ConnectedAccount) -> None:
    """The account was reconnected: its syncs go on at once, instead of when they are due."""
    for sync in syncs_of(account):
        if sync.state == SyncState.ON:
            due.schedule(DUE_KIND, sync.pk, timezone.now())


def mark_dirty(stream: Stream, ids: Collection[str]) -> None:
    """An app says that these records have changed: have them read by id, and planned, at once.

    However often it says so, each is read once. Nothing is taken from a notice but the ids: it may come late, twice
    or not at all, and what the record holds is asked for.
    """
    again(lambda: make_dirty(stream, ids, timezone.now()))
    look_at_stream(stream)


def look_at_stream(stream: Stream) -> None:
    """Have the syncs that read it go on at once."""
    concerned = Sync.objects.filter(
        Q(pair__stream_a=stream) | Q(pair__stream_b=stream), state=SyncState.ON, deleted_at=None
    )
    for pk in concerned.order_by("pk").values_list("pk", flat=True):
        due.schedule(DUE_KIND, pk, timezone.now())


def forget_records(stream: Stream) -> None:
    """Drop what the stream last saw, and its checkpoint; links stay. The next run reads everything anew.

    Of very many records the rest is left to the housekeeping, which goes on at once.
    """
    with transaction.atomic():
        stream.listed_pages.all().delete()
        stream.dirty.all().delete()
        Stream.objects.filter(pk=stream.pk).update(
            cursor="", passing=False, listing=False, pass_broken=False, listed_at=None, read_at=None, records=0,
            missing=0, missing_confirmed=0, **FORGOTTEN,
        )  # fmt: skip
    for _portion in range(MOST_PORTIONS):
        if not forget_portion(stream):
            return
    due.schedule(HOUSE_KIND, 0, timezone.now())


def syncs_of(account: ConnectedAccount) -> list[Sync]:
    """All syncs, deleted ones left out, of which this account is a side."""
    live = Sync.objects.filter(deleted_at=None).select_related(
        "pair__stream_a__object__account", "pair__stream_b__object__account"
    )
    return [s for s in live if account.pk in (s.pair.stream_a.object.account_id, s.pair.stream_b.object.account_id)]


def refuse_unusable_accounts(sync: Sync) -> None:
    for side in Side:
        account = sync.pair.stream(side).object.account
        if account.state != AccountState.OK:
            raise SyncError(_("“%(name)s” has to be reconnected first.") % {"name": account.name})


# --- Records ------------------------------------------------------------------------------------------------


def retry(links: list[RecordLink]) -> None:
    """Have failing records planned again at the next occasion."""
    _plan_again(RecordLink.objects.filter(pk__in=[link.pk for link in links]))
    for pair_id in {link.pair_id for link in links}:
        sync = Sync.objects.filter(pair_id=pair_id, deleted_at=None, state=SyncState.ON).first()
        if sync is not None:
            due.schedule(DUE_KIND, sync.pk, timezone.now())


def retry_all(sync: Sync, *, cause: str = "") -> int:
    """Have all failing records of a sync, or those of one cause, planned again. The number of them."""
    _let_apps_answer_again(sync)
    failing = RecordLink.objects.filter(pair_id=sync.pair_id, state=RecordState.FAILING)
    count = _plan_again(failing.filter(cause=cause) if cause else failing)
    if sync.state == SyncState.ON:
        due.schedule(DUE_KIND, sync.pk, timezone.now())
    return count


def _let_apps_answer_again(sync: Sync) -> None:
    """A person has looked at it: what was held off because an app refused so much goes on at once."""
    Sync.objects.filter(pk=sync.pk).update(circuit={})


def _plan_again(links: QuerySet[RecordLink]) -> int:
    """Values that were refused are sent once more, too. A creation in doubt is looked for: it may have happened."""
    doubt.look_again(list(links.filter(cause=FailureClass.IN_DOUBT).values_list("pk", flat=True)))
    return links.update(replan=True, next_try_at=None, attempts=0, parked={}, flips={})


# --- How a sync stands --------------------------------------------------------------------------------------


class Standing(StrEnum):
    """The state of a sync as people see it (rule 9.2)."""

    DRAFT = "draft"
    INITIAL = "initial"
    UP_TO_DATE = "up_to_date"
    PAUSED = "paused"
    OFF = "off"
    ATTENTION = "attention"


@dataclass(frozen=True, slots=True)
class Status:
    """How a sync stands, for pages and API."""

    standing: Standing
    reason: str
    in_sync: int
    waiting: int
    failing: int
    excluded: int
    paused: int
    causes: Mapping[str, int]
    """Failure class → records."""
    run: SyncRun | None
    """The run under way."""
    last_run_at: datetime | None

    @property
    def total(self) -> int:
        return self.in_sync + self.waiting + self.failing + self.excluded + self.paused


def status_of(sync: Sync) -> Status:
    return status_with(sync, sync.runs.under_way().first())


def status_with(sync: Sync, run: SyncRun | None) -> Status:
    """How a sync stands whose run under way is known already."""
    counts: Mapping[str, int] = sync.counts or {}
    causes = {k.removeprefix("failing:"): n for k, n in counts.items() if k.startswith("failing:")}
    return Status(
        standing=_standing(sync),
        reason=sync.attention_reason,
        in_sync=counts.get("in_sync", 0),
        waiting=counts.get("waiting", 0),
        failing=counts.get("failing", 0),
        excluded=counts.get("excluded", 0),
        paused=counts.get("paused", 0),
        causes=causes,
        run=run,
        last_run_at=sync.last_run_at,
    )


def _standing(sync: Sync) -> Standing:
    plain = {
        SyncState.DRAFT: Standing.DRAFT,
        SyncState.PAUSED: Standing.PAUSED,
        SyncState.OFF: Standing.OFF,
    }.get(SyncState(sync.state))
    if plain is not None:
        return plain
    if sync.attention:
        return Standing.ATTENTION
    return Standing.UP_TO_DATE if sync.initial_done else Standing.INITIAL


def with_zone(settings: SyncSettings) -> SyncSettings:
    """Settings with the workspace's present country and zone; taken up whenever a version is made."""
    workspace = current_workspace()
    return replace(settings, country=workspace.country, zone=workspace.time_zone)


def objects_to_sync(account: ConnectedAccount) -> list[AccountObject]:
    """What the account offers and is of a known kind, the most usual first."""
    order = list(Kind)
    known = [o for o in account.objects_offered.filter(missing=False) if o.kind is not None]
    return sorted(known, key=lambda o: (order.index(o.kind) if o.kind else len(order), o.label))
