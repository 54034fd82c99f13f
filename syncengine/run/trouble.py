"""When an account does not play along: the smallest scope stops, and the sync says when it looks again (rule 9.4)."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import OperationalError
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from connectors import accounts
from connectors.contract import (
    ConnectorError,
    PermissionLost,
    QuotaUsedUp,
    RateLimited,
    ResourceGone,
    Retry,
    SettingsInvalid,
    SignInAgain,
)
from connectors.models import AccountState

from ..core.mapping import Side
from ..models import Sync, SyncRun
from ..models.sync import Attention
from .clock import Clock
from .context import Next
from .lease import Held, fenced

logger = logging.getLogger(__name__)

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
RATE_LIMIT_WAIT = timedelta(seconds=30)
"""Where the app did not say how long."""
DEATHS_WAIT = timedelta(seconds=30)
TOO_MANY_DEATHS = 5
"""Workers that died with the same sync, one after another and with nothing achieved."""


def after(error: Exception, sync: Sync, held: Held, clock: Clock) -> Next:
    """Note what stopped the sync, under its leases, and when it is tried again. Raises LeaseLost."""
    now = clock.now()
    if isinstance(error, QuotaUsedUp):
        return _tomorrow(error, sync, held, clock)
    if isinstance(error, RateLimited):
        return Next(now + (timedelta(seconds=max(error.after, 1)) if error.after else RATE_LIMIT_WAIT))
    attention, reason, wait = _verdict(error, sync)
    with fenced(held):
        Sync.objects.filter(pk=sync.pk).update(
            attention=attention, attention_reason=reason, setbacks=min(sync.setbacks + 1, 100)
        )
        SyncRun.objects.under_way().filter(sync=sync).update(error=reason)
    return Next(now + wait)


def _tomorrow(error: QuotaUsedUp, sync: Sync, held: Held, clock: Clock) -> Next:
    """People are told that only the day's quota is the reason, and until when: nothing is wrong (rule 10.1)."""
    at = clock.now() + (timedelta(seconds=max(error.after, 1)) if error.after else LONGEST_WAIT)
    text = _("%(error)s It goes on at %(time)s.")
    reason = text % {"error": _plain(error), "time": date_format(localtime(at), "DATETIME_FORMAT")}
    with fenced(held):
        Sync.objects.filter(pk=sync.pk).update(attention_reason=reason)
        SyncRun.objects.under_way().filter(sync=sync).update(error=reason)
    return Next(at)


def _verdict(error: Exception, sync: Sync) -> tuple[str, str, timedelta]:
    """(what needs a person, the reason in plain words, how long to wait)."""
    growing = min(FIRST_WAIT * 2 ** min(sync.setbacks, 10), LONGEST_WAIT)
    if isinstance(error, Retry):
        logger.warning("sync %s waits: %s", sync.pk, type(error).__name__)
        return "", _plain(error), growing
    if isinstance(error, ConnectorError):
        logger.warning("sync %s stopped: %s", sync.pk, type(error).__name__)
        # Looked at again now and then: a person may have mended it in the app itself.
        return _attention(error), _plain(error), LONGEST_WAIT
    if isinstance(error, OperationalError):
        logger.warning("sync %s: the database gave up a transaction", sync.pk, exc_info=error)
        return sync.attention, sync.attention_reason, growing
    logger.error("sync %s stopped by a defect", sync.pk, exc_info=error)
    return Attention.BROKEN, _("Something unexpected happened inside. It is tried again by itself."), growing


def _plain(error: ConnectorError) -> str:
    return str(error).replace("\x00", "") or type(error).__name__


def _attention(error: ConnectorError) -> Attention:
    if isinstance(error, SignInAgain | SettingsInvalid):
        return Attention.SIGN_IN
    if isinstance(error, PermissionLost):
        return Attention.PERMISSION
    return Attention.OBJECT_GONE if isinstance(error, ResourceGone) else Attention.BROKEN


def after_deaths(sync: Sync, held: Held, clock: Clock) -> Next:
    """What kills its worker each time is left alone for a while, and people are told. Raises LeaseLost."""
    logger.error("sync %s: %s workers died with it, one after another", sync.pk, held.deaths)
    wait = min(DEATHS_WAIT * 2 ** min(sync.setbacks, 10), LONGEST_WAIT)
    with fenced(held):
        Sync.objects.filter(pk=sync.pk).update(
            setbacks=min(sync.setbacks + 1, 100),
            attention=Attention.BROKEN,
            attention_reason=_("The work on this sync broke off several times in a row. It is tried again by itself."),
        )
    return Next(clock.now() + wait)


def over(sync: Sync) -> None:
    """It works again: what was said of the sync, and of accounts that stopped it, holds no more."""
    if sync.attention in (Attention.SIGN_IN, Attention.PERMISSION):
        for side in Side:
            account = sync.pair.stream(side).object.account
            account.refresh_from_db()
            if account.state in (AccountState.SIGN_IN, AccountState.PERMISSION):
                accounts.mark_state(account, AccountState.OK)
