"""Below `api/v1/`; without a slash at the end."""

from django.urls import path

from . import accounts, apps, objects

urlpatterns = [
    path("apps", apps.Apps.as_view(), name="api_apps"),
    path("apps/<slug:name>", apps.App.as_view(), name="api_app"),
    path("accounts", accounts.Accounts.as_view(), name="api_accounts"),
    path("accounts/<int:pk>", accounts.Account.as_view(), name="api_account"),
    path("accounts/<int:pk>/reconnect", accounts.Reconnect.as_view(), name="api_account_reconnect"),
    path("accounts/<int:pk>/check", accounts.Check.as_view(), name="api_account_check"),
    path("accounts/<int:pk>/objects", objects.Objects.as_view(), name="api_objects"),
    path("accounts/<int:pk>/objects/<int:object_pk>", objects.Object.as_view(), name="api_object"),
]
