"""How allauth fits in: where people land, and who may sign up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from .models import Domain
from .urls import public_url


class AccountAdapter(DefaultAccountAdapter):
    """Log-in and sign-up lead to the workspace, or to the chooser between several."""

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return self._home(request)

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return self._home(request)

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        return public_url("account_login") if self._on_own_host(request) else public_url("landing")

    def _home(self, request: HttpRequest) -> str:
        return "/" if self._on_own_host(request) else public_url("workspaces")

    @staticmethod
    def _on_own_host(request: HttpRequest) -> bool:
        """On a workspace's own host only the log-in pages are public ones."""
        return Domain.objects.filter(domain=request.get_host().partition(":")[0]).exists()
