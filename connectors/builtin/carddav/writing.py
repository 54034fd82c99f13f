"""Writing to one address book: each card by itself, on the condition that it is still the one that was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import quote

from connectors.contract import (
    ConnectorBroken,
    DuplicateRecord,
    NotFound,
    Outcome,
    PermissionLost,
    RateLimited,
    Refusal,
    Refused,
    ResourceGone,
    Retry,
    VersionMismatch,
    Write,
    Written,
)
from connectors.toolkit.http import Request, Session
from connectors.toolkit.replies import Reply, error_of, words_of

from . import dav
from .book import GONE, Book, Member
from .fields import CardRefused, change_card, create_card, record_of
from .vcard import Card

PATIENCE = 3
"""How often one batch goes on after the server said that it was too fast."""

# What a server says of one card (RFC 6352, 6.3.2.1). Any other refusal is one of the whole call.
_REFUSALS = {
    400: Refusal.INVALID_VALUE,
    403: Refusal.PERMISSION,
    413: Refusal.TOO_LONG,
    415: Refusal.INVALID_VALUE,
    422: Refusal.INVALID_VALUE,
    507: Refusal.APP_RULE,
}
_CONDITIONS = {
    f"{dav.CARD}valid-address-data": Refusal.INVALID_VALUE,
    f"{dav.CARD}supported-address-data": Refusal.INVALID_VALUE,
    f"{dav.CARD}max-resource-size": Refusal.TOO_LONG,
}
_UID_CONFLICT = f"{dav.CARD}no-uid-conflict"
_UNDERSTOOD = frozenset({*_REFUSALS, *GONE, 409, 412})


@dataclass(frozen=True, slots=True)
class _ReadBack:
    """An outcome that only the book can tell: `tell` makes it of the card as it stands now."""

    href: str
    tell: Callable[[Member | None], Outcome]


@dataclass(frozen=True, slots=True)
class _Put:
    """A card on its way."""

    href: str
    card: Card
    condition: Mapping[str, str]

    @property
    def request(self) -> Request:
        headers = {"Content-Type": "text/vcard; charset=utf-8", **self.condition}
        return Request("PUT", self.href, body=self.card.wire, headers=headers, ok=_UNDERSTOOD)


_Step = Outcome | _ReadBack


class Writer:
    """Carries out one batch; what has to be read back is read for all at once, in the end."""

    def __init__(self, session: Session, book: Book, *, now: datetime) -> None:
        self._session = session
        self._book = book
        self._now = now

    def create(self, writes: Sequence[Write], *, version: str) -> list[Outcome]:
        """A card's name and UID are the write's key: sent twice, the second one finds the first."""
        plans = [self._new(write, version=version) for write in writes]
        return self._carry_out(plans, answered=self._created)

    def update(self, writes: Sequence[Write]) -> list[Outcome]:
        """Each on top of the card as it stands, so that what we do not know of stays in it."""
        current = self._book.members(write.id or "" for write in writes)
        plans = [self._changed(write, current.get(write.id or "")) for write in writes]
        return self._carry_out(plans, answered=self._updated)

    def delete(self, writes: Sequence[Write]) -> list[Outcome]:
        here = [write for write in writes if self._book.contains(write.id or "")]
        replies = iter(self._send([_deletion(write) for write in here]))
        steps: list[_Step] = [self._deleted(write, next(replies)) if write in here else NotFound() for write in writes]
        return self._settled(steps)

    # what is to be sent

    def _new(self, write: Write, *, version: str) -> _Put | Outcome:
        key = write.key
        if not key:
            raise ValueError("a creation needs a key")
        try:
            card = create_card(write.values, uid=key, version=version, now=self._now)
        except CardRefused as refused:
            return refused.outcome
        return _Put(self._book.named(quote(key, safe="") + ".vcf"), card, {"If-None-Match": "*"})

    def _changed(self, write: Write, member: Member | None) -> _Put | Outcome:
        if member is None:
            return NotFound()
        if write.version is not None and write.version != member.etag:
            return VersionMismatch(current=member.record)
        if member.card is None:
            return Refused(Refusal.APP_RULE, "This entry of the address book is no vCard.")
        try:
            card = change_card(member.card, write.values, now=self._now)
        except CardRefused as refused:
            return refused.outcome
        if card is member.card:
            return Written(id=member.href, record=member.record)
        return _Put(member.href, card, {"If-Match": member.etag} if member.etag else {})

    # sending

    def _carry_out(self, plans: Sequence[_Put | Outcome], *, answered: Callable[[_Put, Reply], _Step]) -> list[Outcome]:
        replies = iter(self._send([plan.request for plan in plans if isinstance(plan, _Put)]))
        return self._settled([answered(plan, next(replies)) if isinstance(plan, _Put) else plan for plan in plans])

    def _send(self, requests: Sequence[Request]) -> list[Reply]:
        """The replies in order. Raises RateLimited only when surely nothing happened, else Retry."""
        replies: list[Reply] = []
        begun = 0

        def left() -> Iterator[Request]:
            nonlocal begun
            for request in requests[len(replies) :]:
                begun += 1
                yield request

        for patience in range(PATIENCE, 0, -1):
            try:
                # What was in flight behind the refused one is sent again: the conditions make that safe.
                for reply in self._session.each(left()):
                    replies.append(reply)
                break
            except RateLimited as error:
                if begun == 1:
                    raise
                if patience == 1:
                    raise Retry(str(error)) from error
        if replies and all(reply.status == 403 and _condition(reply) is None for reply in replies):
            raise PermissionLost(str(error_of(replies[0])))
        return replies

    def _settled(self, steps: Sequence[_Step]) -> list[Outcome]:
        unsure = [step.href for step in steps if isinstance(step, _ReadBack)]
        members = self._book.members(unsure) if unsure else {}
        return [step.tell(members.get(step.href)) if isinstance(step, _ReadBack) else step for step in steps]

    # what the answers mean

    def _created(self, put: _Put, reply: Reply) -> _Step:
        uid = put.card.first("UID") or ""
        if 200 <= reply.status < 300:
            return self._written(put, reply)
        if reply.status == 412:
            return _ReadBack(put.href, partial(_ours_or_duplicate, uid, put.href))
        if _condition(reply) == _UID_CONFLICT:
            href = self._book.named_in(reply)
            if href is None:
                return DuplicateRecord(existing_id=None, message=words_of(reply))
            return _ReadBack(href, partial(_ours_or_duplicate, uid, href))
        if reply.status in GONE or (reply.status == 409 and _condition(reply) is None):
            raise ResourceGone(str(error_of(reply)))
        return _refused(reply)

    def _updated(self, put: _Put, reply: Reply) -> _Step:
        if 200 <= reply.status < 300:
            return self._written(put, reply)
        if reply.status in GONE:
            return NotFound()
        if reply.status == 412:
            return _ReadBack(put.href, _not_this_version)
        return _refused(reply)

    def _deleted(self, write: Write, reply: Reply) -> _Step:
        href = write.id or ""
        if 200 <= reply.status < 300:
            return Written(id=href)
        if reply.status in GONE:
            return NotFound()
        if reply.status == 412:
            return _ReadBack(href, _not_this_version)
        return _refused(reply)

    def _written(self, put: _Put, reply: Reply) -> _Step:
        """A server that gives a tag keeps what it was sent; of one that gives none, the card is read back."""
        named = self._book.named(reply.headers.get("Location", put.href))
        href = named if self._book.contains(named) else put.href
        etag = reply.headers.get("ETag")
        if etag is None:
            return _ReadBack(href, partial(_read_back, href))
        sent = Card.parse(put.card.wire.decode())
        return Written(id=href, record=record_of(sent, id=href, version=etag))


def _deletion(write: Write) -> Request:
    condition = {"If-Match": write.version} if write.version else {}
    return Request("DELETE", write.id or "", headers=condition, ok=_UNDERSTOOD)


def _read_back(href: str, member: Member | None) -> Outcome:
    """Gone at once: somebody else's deletion, which the next read tells."""
    return Written(id=href, record=member.record if member else None)


def _not_this_version(member: Member | None) -> Outcome:
    return VersionMismatch(current=member.record) if member else NotFound()


def _ours_or_duplicate(uid: str, href: str, member: Member | None) -> Outcome:
    """A card is in the way: our own earlier attempt, or somebody else's card."""
    if member is None:
        raise Retry("A card that was in the way has gone meanwhile.")
    held = (member.card.first("UID") or "") if member.card else ""
    if held.strip().lower().removeprefix("urn:uuid:") == uid.lower():
        return Written(id=href, record=member.record)
    return DuplicateRecord(existing_id=href, message="Another card has this name already.")


def _refused(reply: Reply) -> Refused:
    condition = _condition(reply)
    reason = _CONDITIONS.get(condition or "") or _REFUSALS.get(reply.status)
    if reason is None:
        raise error_of(reply)
    message = words_of(reply) or (condition or "").rpartition("}")[2] or f"status {reply.status}"
    return Refused(reason=reason, message=message)


def _condition(reply: Reply) -> str | None:
    """The precondition that a refusal names (RFC 4918, 16), if it names one."""
    if b"error" not in reply.body:
        return None
    try:
        root = dav.parse(reply.body)
    except ConnectorBroken:
        return None
    return next((child.tag for child in root), None) if root.tag == f"{dav.DAV}error" else None
