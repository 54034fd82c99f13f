"""A preview in a browser: made while one watches, searched, decided; and the banner of what the brake holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from playwright.sync_api import Page, expect

from syncengine import previews, services
from syncengine.core.brake import Thresholds
from syncengine.core.mapping import Side
from syncengine.models import Sync
from syncengine.run.preview import run_preview_slice
from syncengine.run.runner import run_slice
from tenants.models import Role

from .browser import amiss, hard_to_read, in_chromium
from .counterparts import Crm, crowd

pytestmark = in_chromium


def to_rest(sync: Sync) -> None:
    while not run_slice(sync.pk).quiet:
        pass


def test_rule_11_1_a_preview_is_watched_searched_and_decided(
    visit: Callable[..., Page], url: Callable[..., str], in_step: Sync, crm: Crm
) -> None:
    crm.add(crowd(3))
    sync = Sync.objects.get(pk=in_step.pk)
    strict = Thresholds(changes=0, changes_percent=0)
    services.save_settings(sync, replace(sync.settings, winner=Side.B, brake=strict), actor="jo")
    page, dark = visit(Role.OWNER), visit(Role.ADMIN, dark=True)
    page.goto(url("sync_review", sync.pk))
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Nothing is written. The settings")).to_be_visible()
    assert amiss(page) == []
    run = previews.current(sync)
    assert run is not None
    while not run_preview_slice(run.pk).quiet:
        pass
    expect(page.get_by_role("button", name="Carry out all")).to_be_visible()
    assert amiss(page) == []
    dark.goto(url("sync_preview", sync.pk))
    assert hard_to_read(dark) == []
    page.get_by_label("What is done").select_option("create")
    page.get_by_role("button", name="Find").click()
    expect(page).to_have_url(re.compile("kind=create"))
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Leave out the ticked").click()
    expect(page.get_by_text("1 operation is left out.")).to_be_visible()
    page.get_by_role("button", name="Carry out all but what is left out").click()
    expect(page.get_by_text("what was approved is being carried out")).to_be_visible()
    to_rest(sync)
    assert run.carried_out_by.progress["created"] == 2


def test_rule_11_4_the_brake_asks_in_a_banner(
    visit: Callable[..., Page], url: Callable[..., str], in_step: Sync, crm: Crm
) -> None:
    sync = Sync.objects.get(pk=in_step.pk)
    strict = Thresholds(changes=0, changes_percent=0)
    services.change_settings(sync, replace(sync.settings, brake=strict), actor="jo")
    to_rest(sync)
    crm.add(crowd(2))
    services.run_now(sync, actor="jo")
    to_rest(sync)
    page, dark = visit(Role.OWNER), visit(Role.ADMIN, dark=True)
    page.goto(url("sync_detail", sync.pk))
    expect(page.get_by_role("alert")).to_contain_text("2 records would be changed or created")
    assert amiss(page) == []
    dark.goto(url("sync_detail", sync.pk))
    assert hard_to_read(dark) == []
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Carry it out").click()
    expect(page.get_by_text("It is carried out.")).to_be_visible()
    to_rest(sync)
    sync.refresh_from_db()
    assert sync.attention == ""
