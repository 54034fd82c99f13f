"""Every page: well built, readable in light and dark, and narrow enough for a phone."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from connectors.models import ConnectedAccount
from syncengine.models import RecordLink, Sync
from tenants.models import Role

from .browser import NARROW, Visitors, amiss, hard_to_read, in_chromium

pytestmark = in_chromium

PUBLIC = (
    "/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/w/no-such-workspace/",
)  # fmt: skip
PERSONAL = (
    "/workspaces/?all", "/workspaces/new/", "/accounts/email/", "/accounts/password/change/", "/accounts/2fa/",
    "/accounts/sessions/", "/accounts/logout/", "/no/such/page/",
)  # fmt: skip

SPOIL = """() => document.querySelector("main").insertAdjacentHTML("beforeend",
  "<h1 class='text-light bg-white'>Faint</h1><input><div class='p-5 w-100 position-absolute start-50'>Wide</div>")"""
INLINE = """() => {
  addEventListener("securitypolicyviolation", () => { window.isTold = true });
  document.body.append(Object.assign(document.createElement("script"), { textContent: "1" }));
}"""


def test_every_page_can_be_read_by_everybody_everywhere(
    visit: Callable[..., Page], url: Callable[..., str], in_step: Sync
) -> None:
    light, dark, nobody = visit(Role.OWNER), visit(Role.ADMIN, dark=True), visit()
    found = {address: _amiss(nobody, address) for address in PUBLIC}
    for address in [*PERSONAL, *_pages_of_workspace(url, in_step)]:
        found[address] = [*_amiss(light, address), *_amiss_in_dark(dark, address)]
    complaints = [f"{address}: {one}" for address, several in found.items() for one in several]
    assert not complaints, "\n".join(complaints)


def _pages_of_workspace(url: Callable[..., str], sync: Sync) -> list[str]:
    database, book = ConnectedAccount.objects.get(app="sql"), ConnectedAccount.objects.get(app="carddav")
    contacts, deals = (database.objects_offered.get(name=name) for name in ("contacts", "deals"))
    records = url("sync_records", sync.pk)
    record = RecordLink.objects.filter(state="in_sync").latest("changed_at")
    return [
        url("home"), url("activity"), url("marketplace"), url("app", "sql"), url("app_connect", "sql"),
        url("accounts"), url("account", database.pk), url("account", book.pk), url("account_reconnect", book.pk),
        url("account_disconnect", book.pk), url("account_object", database.pk, contacts.pk),
        url("account_object", database.pk, deals.pk), url("syncs"), url("sync_new"),
        url("sync_detail", sync.pk), records, f"{records}?state=failing", f"{records}?state=excluded",
        url("record_detail", sync.pk, record.pk), url("sync_changes", sync.pk), url("sync_runs", sync.pk),
        url("run_detail", sync.pk, sync.runs.first().pk), url("sync_settings", sync.pk), url("sync_review", sync.pk),
        url("sync_filters", sync.pk), url("sync_differences", sync.pk),
        url("sync_mapping", sync.pk, sync.settings.mappings[0].id),
        url("sync_mapping_new", sync.pk), url("sync_turn_off", sync.pk), url("sync_delete", sync.pk),
        url("settings"), url("people"), url("api_keys"),
    ]  # fmt: skip


def _amiss(page: Page, address: str) -> list[str]:
    page.goto(address)
    return amiss(page)


def _amiss_in_dark(page: Page, address: str) -> list[str]:
    page.goto(address)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    return [f"dark: {one}" for one in hard_to_read(page)]


def test_the_switch_between_light_and_dark_is_remembered(visit: Callable[..., Page], url: Callable[..., str]) -> None:
    page = visit(Role.VIEWER)
    page.goto(url("home"))
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.goto(url("settings"))
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_phone_has_the_whole_navigation_behind_a_button(visit: Callable[..., Page], url: Callable[..., str]) -> None:
    page = visit(Role.VIEWER, viewport=NARROW)
    page.goto(url("home"))
    link = page.locator("#site-nav").get_by_role("link", name="Connected apps")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    link.click()
    expect(page.get_by_role("heading", level=1, name="Connected apps")).to_be_visible()


def test_a_page_that_breaks_the_policy_or_cannot_be_read_would_be_noticed(visitors: Visitors) -> None:
    page = visitors.open()
    page.goto("/accounts/login/")
    assert amiss(page) == [] and visitors.faults == []
    page.evaluate(SPOIL)
    found = "; ".join(amiss(page))
    for complaint in ("2 headings of the first level", "no label: <input>", "Faint", " wide in 1280", " wide in 390"):
        assert complaint in found
    page.evaluate(INLINE)
    page.wait_for_function("window.isTold")
    assert any(fault.startswith("console: policy: script-src") for fault in visitors.faults)
    visitors.faults.clear()
