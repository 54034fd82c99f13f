"""The company of a person, for matching by it (rule 5.3): from the record that the person refers to.

A page of persons takes its companies' keys along as it is stored. When companies change afterwards, the persons who
refer to them get their keys anew, and are planned once more. The stream of persons remembers up to which change of
the companies that is done, so that neither order loses anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.contract import Resource

from ..core.mapping import Side
from ..core.match import COMPANY_BLOCK, Keys, company_target, with_company
from ..models import MatchKey, RemoteRecord, Stream
from .bulk import update_rows
from .context import Slice
from .lease import fenced

AT_ONCE = 500


def with_companies(stream: Stream, resource: Resource, keys: Mapping[str, Keys]) -> dict[str, Keys]:
    """The keys of these records (id → keys), those of persons with what is known of their companies."""
    wanted = {one.company_id for one in keys.values() if one.company_id}
    companies = companies_of(stream, resource) if wanted else None
    if companies is None:
        return dict(keys)
    known = _keys_of(companies, wanted)
    return {
        id_: with_company(one, known[one.company_id]) if one.company_id in known else one for id_, one in keys.items()
    }


def companies_of(stream: Stream, resource: Resource) -> Stream | None:
    """The stream of the companies that these persons refer to; None where nothing reads it."""
    target = company_target(resource)
    if target is None:
        return None
    return Stream.objects.filter(object__account_id=stream.object.account_id, object__name=target).first()


def _keys_of(companies: Stream, ids: set[str]) -> dict[str, Keys]:
    rows = RemoteRecord.objects.filter(stream=companies, remote_id__in=ids).values_list("remote_id", "keys")
    return {id_: Keys.from_json(keys) for id_, keys in rows}


def catch_up(work: Slice) -> None:
    """Persons on both sides whose companies have changed since: matched anew at the next occasion."""
    for side in Side:
        stream = work.streams[side]
        companies = companies_of(stream, work.resources[side])
        if companies is not None:
            while companies.seq > stream.company_seq and not work.over:
                _catch_up_some(work, stream, companies)


def _catch_up_some(work: Slice, stream: Stream, companies: Stream) -> None:
    changed = RemoteRecord.objects.filter(stream=companies, seq__gt=stream.company_seq, seq__lte=companies.seq)
    rows = list(changed.order_by("seq").values_list("remote_id", "keys", "seq")[:AT_ONCE])
    known = {id_: Keys.from_json(keys) for id_, keys, _seq in rows}
    with fenced(work.held):
        stream.seq = Stream.objects.select_for_update().values_list("seq", flat=True).get(pk=stream.pk)
        referring = MatchKey.objects.filter(stream_id=stream.pk, kind=COMPANY_BLOCK, value__in=list(known))
        persons = RemoteRecord.objects.filter(pk__in=referring.values("record_id"), gone=False).order_by("pk")
        moved = []
        for person in persons:
            keys = Keys.from_json(person.keys)
            now = with_company(keys, known[keys.company_id]).to_json()
            if now != person.keys:
                stream.seq += 1
                person.keys, person.seq = now, stream.seq
                moved.append(person)
        update_rows(moved, ["keys", "seq"])
        stream.company_seq = rows[-1][2] if len(rows) == AT_ONCE else companies.seq
        Stream.objects.filter(pk=stream.pk).update(seq=stream.seq, company_seq=stream.company_seq)
