"""A workspace's settings, below settings/."""

from django.urls import path

from . import settings

urlpatterns = [
    path("", settings.general, name="settings"),
    path("people/", settings.people, name="people"),
    path("people/invite/", settings.invite_person, name="invitation_create"),
    path("people/invitations/<int:pk>/withdraw/", settings.withdraw_invitation, name="invitation_withdraw"),
    path("people/<int:pk>/role/", settings.change_role, name="member_role"),
    path("people/<int:pk>/remove/", settings.remove_member, name="member_remove"),
    path("keys/", settings.api_keys, name="api_keys"),
    path("keys/<str:prefix>/revoke/", settings.revoke_key, name="api_key_revoke"),
]
