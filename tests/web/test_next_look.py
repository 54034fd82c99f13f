"""When a sync looks at both sides again, and why: on its page, and over the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from syncengine import services
from syncengine.core.pace import Pace, PaceReason
from syncengine.models import Stream, SyncRun
from tenants import due
from tenants.models import Workspace
from tests import samples
from tests.samples import World

Url = Callable[..., str]


@pytest.fixture
def resting(workspace: Workspace) -> Iterator[World]:
    """Both sides were read just now, and nothing has changed for long."""
    with samples.apps():
        made = samples.world()
        SyncRun.objects.update(state="done")
        pace = Pace(300, PaceReason.QUIET).to_json()
        Stream.objects.update(read_at=timezone.now(), listed_at=timezone.now(), pace=pace)
        due.schedule(services.DUE_KIND, made.sync.pk, timezone.now() + timedelta(minutes=5), later=True)
        yield made


@pytest.mark.parametrize("role", ["owner", "viewer"])
def test_rule_10_1_the_page_tells_when_it_looks_again_and_why(
    resting: World, url: Url, member_client: Callable[..., Client], role: str
) -> None:
    client = member_client(role)
    text = client.get(url("sync_detail", resting.sync.pk)).text
    assert "Looks at both sides again" in text and "because nothing has changed for a while" in text
    services.pause(resting.sync, actor="test")
    assert "Looks at both sides again" not in client.get(url("sync_detail", resting.sync.pk)).text


def test_rule_10_1_the_api_tells_when_it_looks_again_and_why(resting: World, url: Url, api_client: APIClient) -> None:
    told = api_client.get(url("api_sync", resting.sync.pk)).json()["next_look"]
    assert (told["reason"], told["because"], told["every"]) == ("quiet", "nothing has changed for a while", 300)
    services.pause(resting.sync, actor="test")
    assert api_client.get(url("api_sync", resting.sync.pk)).json()["next_look"] is None
