"""Public pages."""

from django.urls import path

from . import public

urlpatterns = [
    path("", public.landing, name="landing"),
    path("workspaces/", public.workspaces, name="workspaces"),
    path("workspaces/new/", public.workspace_create, name="workspace_create"),
    path("invitation/<str:token>/", public.invitation, name="invitation"),
    path("w/<path:rest>", public.unknown_workspace, name="unknown_workspace"),
]
