"""Below `api/v1/`; without a slash at the end."""

from django.urls import path

from . import accounts, decisions, deletions, differences, mappings, previews, records, runs, syncs

urlpatterns = [
    path("accounts/<int:pk>/disconnect", accounts.Disconnect.as_view(), name="api_account_disconnect"),
    path("syncs", syncs.Syncs.as_view(), name="api_syncs"),
    path("syncs/<int:pk>", syncs.OneSyncView.as_view(), name="api_sync"),
    path("syncs/<int:pk>/start", syncs.Start.as_view(), name="api_sync_start"),
    path("syncs/<int:pk>/turn_off", syncs.TurnOff.as_view(), name="api_sync_turn_off"),
    path("syncs/<int:pk>/pause", syncs.Pause.as_view(), name="api_sync_pause"),
    path("syncs/<int:pk>/resume", syncs.Resume.as_view(), name="api_sync_resume"),
    path(
        "syncs/<int:pk>/mappings/<str:mapping>/suggestions",
        mappings.Suggestions.as_view(),
        name="api_mapping_suggestions",
    ),
    path("syncs/<int:pk>/preview", previews.Preview.as_view(), name="api_preview"),
    path("syncs/<int:pk>/preview/operations", previews.PreviewOperations.as_view(), name="api_preview_operations"),
    path("syncs/<int:pk>/preview/mark", previews.PreviewMark.as_view(), name="api_preview_mark"),
    path("syncs/<int:pk>/preview/approve", previews.PreviewApprove.as_view(), name="api_preview_approve"),
    path("syncs/<int:pk>/preview/decline", previews.PreviewDecline.as_view(), name="api_preview_decline"),
    path("syncs/<int:pk>/reopen", previews.Reopen.as_view(), name="api_reopen"),
    path("syncs/<int:pk>/held", previews.Held.as_view(), name="api_held"),
    path("syncs/<int:pk>/held/release", previews.Release.as_view(), name="api_held_release"),
    path("syncs/<int:pk>/held/decline", previews.DeclineHeld.as_view(), name="api_held_decline"),
    path("syncs/<int:pk>/run", syncs.Run.as_view(), name="api_sync_run"),
    path("syncs/<int:pk>/confirm_missing", deletions.ConfirmMissing.as_view(), name="api_sync_confirm_missing"),
    path(
        "syncs/<int:pk>/records/<int:link_pk>/keep_unlinked",
        deletions.KeepUnlinked.as_view(),
        name="api_record_keep_unlinked",
    ),
    path("syncs/<int:pk>/pass_on", deletions.PassOn.as_view(), name="api_sync_pass_on"),
    path("syncs/<int:pk>/resync", deletions.Resync.as_view(), name="api_sync_resync"),
    path("syncs/<int:pk>/runs", runs.Runs.as_view(), name="api_runs"),
    path("syncs/<int:pk>/runs/<int:run_pk>", runs.OneRun.as_view(), name="api_run"),
    path("syncs/<int:pk>/runs/<int:run_pk>/operations", runs.Operations.as_view(), name="api_operations"),
    path("syncs/<int:pk>/differences", differences.Differences.as_view(), name="api_differences"),
    path("syncs/<int:pk>/records", records.Records.as_view(), name="api_records"),
    path("syncs/<int:pk>/records/<int:link_pk>", records.OneRecord.as_view(), name="api_record"),
    path("syncs/<int:pk>/records/<int:link_pk>/retry", records.Retry.as_view(), name="api_record_retry"),
    path("syncs/<int:pk>/records/<int:link_pk>/decide", decisions.Decide.as_view(), name="api_record_decide"),
    path("syncs/<int:pk>/records/<int:link_pk>/pause", decisions.PauseRecord.as_view(), name="api_record_pause"),
    path("syncs/<int:pk>/records/<int:link_pk>/resume", decisions.ResumeRecord.as_view(), name="api_record_resume"),
    path("syncs/<int:pk>/records/<int:link_pk>/pin", decisions.Pin.as_view(), name="api_record_pin"),
    path("syncs/<int:pk>/records/<int:link_pk>/unpin", decisions.Unpin.as_view(), name="api_record_unpin"),
    path("syncs/<int:pk>/answer_ambiguous", decisions.AnswerAmbiguous.as_view(), name="api_answer_ambiguous"),
    path("syncs/<int:pk>/undo", decisions.Undo.as_view(), name="api_undo"),
    path("syncs/<int:pk>/undo/<int:run_pk>/approve", decisions.ApproveUndo.as_view(), name="api_undo_approve"),
    path("syncs/<int:pk>/undo/<int:run_pk>/discard", decisions.DiscardUndo.as_view(), name="api_undo_discard"),
]
