"""Pages of apps and accounts. `/accounts/` itself belongs to log-in and sign-up, on every host."""

from django.urls import path

from . import accounts, marketplace, objects

urlpatterns = [
    path("apps/", marketplace.marketplace, name="marketplace"),
    path("apps/<slug:name>/", marketplace.app, name="app"),
    path("apps/<slug:name>/connect/", accounts.app_connect, name="app_connect"),
    path("connected/", accounts.accounts, name="accounts"),
    path("connected/<int:pk>/", accounts.account, name="account"),
    path("connected/<int:pk>/rename/", accounts.account_rename, name="account_rename"),
    path("connected/<int:pk>/home/", accounts.account_home, name="account_home"),
    path("connected/<int:pk>/check/", accounts.account_check, name="account_check"),
    path("connected/<int:pk>/reconnect/", accounts.account_reconnect, name="account_reconnect"),
    path("connected/<int:pk>/objects/<int:object_pk>/", objects.account_object, name="account_object"),
]
