"""Pages of syncs, and a workspace's home."""

from django.urls import path

from . import accounts, deletions, differences, filters, home, mapping_details, previews, records, runs, setup, syncs

urlpatterns = [
    path("", home.home, name="home"),
    path("activity/", runs.activity, name="activity"),
    path("connected/<int:pk>/disconnect/", accounts.account_disconnect, name="account_disconnect"),
    path("syncs/", syncs.syncs, name="syncs"),
    path("syncs/new/", setup.sync_new, name="sync_new"),
    path("syncs/<int:pk>/", syncs.sync_detail, name="sync_detail"),
    path("syncs/<int:pk>/progress/", syncs.sync_progress, name="sync_progress"),
    path("syncs/<int:pk>/settings/", setup.sync_settings, name="sync_settings"),
    path("syncs/<int:pk>/settings/filters/", filters.sync_filters, name="sync_filters"),
    path("syncs/<int:pk>/settings/mappings/new/", setup.sync_mapping_new, name="sync_mapping_new"),
    path("syncs/<int:pk>/settings/constants/new/", mapping_details.sync_constant_new, name="sync_constant_new"),
    path("syncs/<int:pk>/settings/mappings/<str:mapping>/", mapping_details.sync_mapping, name="sync_mapping"),
    path(
        "syncs/<int:pk>/settings/mappings/<str:mapping>/remove/", setup.sync_mapping_remove, name="sync_mapping_remove"
    ),
    path("syncs/<int:pk>/review/", setup.sync_review, name="sync_review"),
    path("syncs/<int:pk>/preview/", previews.sync_preview, name="sync_preview"),
    path("syncs/<int:pk>/preview/progress/", previews.sync_preview_progress, name="sync_preview_progress"),
    path("syncs/<int:pk>/preview/start/", previews.sync_preview_start, name="sync_preview_start"),
    path("syncs/<int:pk>/preview/decide/", previews.sync_preview_decide, name="sync_preview_decide"),
    path("syncs/<int:pk>/reopen/", previews.sync_reopen, name="sync_reopen"),
    path("syncs/<int:pk>/records/<int:link_pk>/reopen/", previews.record_reopen, name="record_reopen"),
    path("syncs/<int:pk>/held/release/", previews.sync_held_release, name="sync_held_release"),
    path("syncs/<int:pk>/held/decline/", previews.sync_held_decline, name="sync_held_decline"),
    path("syncs/<int:pk>/start/", syncs.sync_start, name="sync_start"),
    path("syncs/<int:pk>/run/", syncs.sync_run, name="sync_run"),
    path("syncs/<int:pk>/pause/", syncs.sync_pause, name="sync_pause"),
    path("syncs/<int:pk>/resume/", syncs.sync_resume, name="sync_resume"),
    path("syncs/<int:pk>/turn-off/", syncs.sync_turn_off, name="sync_turn_off"),
    path("syncs/<int:pk>/delete/", syncs.sync_delete, name="sync_delete"),
    path("syncs/<int:pk>/confirm-missing/", deletions.sync_confirm_missing, name="sync_confirm_missing"),
    path("syncs/<int:pk>/discard/", syncs.sync_discard, name="sync_discard"),
    path("syncs/<int:pk>/records/", records.sync_records, name="sync_records"),
    path("syncs/<int:pk>/records/retry/", records.sync_retry, name="sync_retry"),
    path("syncs/<int:pk>/records/resync/", deletions.sync_resync, name="sync_resync"),
    path("syncs/<int:pk>/records/<int:link_pk>/resync/", deletions.record_resync, name="record_resync"),
    path("syncs/<int:pk>/records/<int:link_pk>/pass-on/", deletions.record_pass_on, name="record_pass_on"),
    path(
        "syncs/<int:pk>/records/<int:link_pk>/keep-unlinked/",
        deletions.record_keep_unlinked,
        name="record_keep_unlinked",
    ),
    path("syncs/<int:pk>/records/<int:link_pk>/", records.record_detail, name="record_detail"),
    path("syncs/<int:pk>/records/<int:link_pk>/retry/", records.record_retry, name="record_retry"),
    path("syncs/<int:pk>/differences/", differences.sync_differences, name="sync_differences"),
    path("syncs/<int:pk>/changes/", runs.sync_changes, name="sync_changes"),
    path("syncs/<int:pk>/runs/", runs.sync_runs, name="sync_runs"),
    path("syncs/<int:pk>/runs/<int:run_pk>/", runs.run_detail, name="run_detail"),
]
