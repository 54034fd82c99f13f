"""Settings, from the environment alone. What each variable means stands in docs/operations.md.

Without DATABASE_URL the site uses the embedded PostgreSQL that `./run` has started; without SECRET_KEY and
SYNCSITE_KEYS the keys that `./run` has made and kept.
"""

from importlib.util import find_spec
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.contrib.messages import constants as messages
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from syncsite.embedded import running_url
from syncsite.place import data_directory

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = data_directory()
env = environ.Env()


def kept(name: str) -> str:
    """A secret that `./run` keeps in the data directory, or nothing."""
    try:
        return (DATA_DIR / name).read_text().strip()
    except OSError:
        return ""


def package_directory(package: str) -> Path:
    """Where a package lies that lends us its files, but is not an installed app."""
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


# --- Keys and hosts -----------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or kept("secret_key")
SYNCSITE_KEYS: list[str] = [
    key.strip() for key in (env.str("SYNCSITE_KEYS", default="") or kept("keys")).split(",") if key.strip()
]
"""Seal the credentials of connected accounts: the first key seals, all of them open."""

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", ".localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SITE_URL = env.str("SITE_URL", default="http://localhost:8000").rstrip("/")
"""Address of the public host, for links in e-mails that no request asked for."""

HTTPS = SITE_URL.startswith("https://")
"""The site is reached by https only (a proxy in front ends it, and says so in X-Forwarded-Proto)."""
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

SYNCSITE_ALLOW_PRIVATE_ADDRESSES = env.bool("SYNCSITE_ALLOW_PRIVATE_ADDRESSES", default=False)
"""Customers may connect accounts on loopback and private networks. For a site of one's own."""
SYNCSITE_ALLOW_FILES = env.bool("SYNCSITE_ALLOW_FILES", default=False)
"""Customers may name database files on this machine."""

# --- Apps ---------------------------------------------------------------------------------------------------

SHARED_APPS = [
    "unfold.apps.BasicAppConfig",
    "django_tenants",
    "tenants",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_q",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "django_htmx",
    "django_cotton",
    "django_tables2",
    "crispy_forms",
    "crispy_bootstrap5",
    "lucide",
]
TENANT_APPS = ["connectors", "syncengine"]
"""Live in the schema of each workspace. An app stands in one of the two lists, never in both."""
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]

TENANT_MODEL = "tenants.Workspace"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
ROOT_URLCONF = "syncsite.urls_workspace"
PUBLIC_SCHEMA_URLCONF = "syncsite.urls_public"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "tenants.middleware.WorkspaceMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "tenants.middleware.MembershipMiddleware",
]

WSGI_APPLICATION = "syncsite.wsgi.application"
ASGI_APPLICATION = "syncsite.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.context_processors.site",
            ],
        },
    }
]
MESSAGE_TAGS = {messages.ERROR: "danger"}
CRISPY_ALLOWED_TEMPLATE_PACKS = ["bootstrap5"]
CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "django_tables2/bootstrap5.html"

# --- Database, cache, queue ---------------------------------------------------------------------------------


def database(url: str) -> dict[str, object]:
    """Django's description of the database behind a URL; of none for an empty one (using it explains)."""
    return {
        **(environ.Env.db_url_config(url) if url else {"NAME": ""}),
        "ENGINE": "tenants.postgresql",
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", default=60),
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": database(env.str("DATABASE_URL", default="") or running_url() or "")}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "site_cache",
        "KEY_FUNCTION": "django_tenants.cache.make_key",
    },
    # Statistics that each cluster writes twice a second: not worth a row.
    "queue": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "queue"},
}

QUEUE_WORKERS = env.int("QUEUE_WORKERS", default=2)
QUEUE_TIMEOUT = 90
Q_CLUSTER = {
    "name": "syncsite",
    "label": _("Queue"),
    "orm": "default",
    "cache": "queue",
    "workers": QUEUE_WORKERS,
    # The clock of `retry` starts when a task is fetched: fetch no more than can be worked on.
    "queue_limit": QUEUE_WORKERS,
    "bulk": 1,
    "poll": 0.3,
    "timeout": QUEUE_TIMEOUT,
    "retry": 3 * QUEUE_TIMEOUT + 60,
    # A failed task is done with: our own rows decide what is tried again, and when.
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": -1,
    "catch_up": False,
    # Each schema visited stays in the memory of the connection.
    "recycle": 200,
}

QUEUE_AHEAD = env.int("QUEUE_AHEAD", default=8 * QUEUE_WORKERS)
"""Tasks that may wait on the queue, of all clusters together."""
QUEUE_LONG = env.int("QUEUE_LONG", default=QUEUE_WORKERS)
"""Workers, of all clusters together, that may be busy with syncs that have a lot to do."""
CIRCUIT_PERCENT = env.int("CIRCUIT_PERCENT", default=50)
CIRCUIT_AT_LEAST = env.int("CIRCUIT_AT_LEAST", default=20)
"""Where more than this share of a run, and at least so many records, are refused by an app, the rest is held off."""
POLL_SHORTEST = env.int("POLL_SHORTEST", default=30)
POLL_LONGEST = env.int("POLL_LONGEST", default=90)
"""Seconds between two looks at what changes often, and at what is quiet. A plan may name others."""

# --- People -------------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "workspaces"
ACCOUNT_LOGOUT_REDIRECT_URL = "landing"
ACCOUNT_ADAPTER = "tenants.adapters.AccountAdapter"
ACCOUNT_FORMS = {"signup": "tenants.forms.SignUpForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = env.str("EMAIL_VERIFICATION", default="optional")
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "SyncSite"
USERSESSIONS_TRACK_ACTIVITY = False

EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(EMAIL_CONFIG.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(EMAIL_CONFIG.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="SyncSite <syncsite@localhost>")
INVITATION_DAYS = 7

# --- Language, files, pages ---------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))()
STATICFILES_DIRS = [
    BASE_DIR / "syncsite" / "static",
    ("tabler", package_directory("jazzy_tabler") / "static" / "vendor" / "tabler"),
]
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = DATA_DIR / "files"
MULTITENANT_RELATIVE_MEDIA_ROOT = "%s"
STORAGES = {
    "default": {"BACKEND": "django_tenants.files.storage.TenantFileSystemStorage"},
    "staticfiles": {"BACKEND": "syncsite.staticfiles.StaticFilesStorage"},
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- API ----------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.api.WorkspaceKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.api.HasWorkspaceKey"],
    "DEFAULT_THROTTLE_CLASSES": ["tenants.api.WorkspaceThrottle"],
    "DEFAULT_THROTTLE_RATES": {"workspace": env.str("API_RATE", default="600/min")},
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "tenants.api.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SyncSite",
    "DESCRIPTION": "Accounts, syncs, runs and records of one workspace. Send `Authorization: Bearer <API key>`.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["tenants.api.HasWorkspaceKey"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # Many things have a state or a kind: the description names each by what it is of.
    "ENUM_NAME_OVERRIDES": {
        "WhenDeleted": "syncengine.api.serializers.settings.DELETIONS",
        "LookReason": "syncengine.api.looking.REASON_CHOICES",
        "FilterMode": "syncengine.api.filters.MODES",
        "WriteMode": "syncengine.api.serializers.settings.MODES",
        "AccountState": "connectors.models.AccountState",
        "ObjectKind": "connectors.api.serializers.KIND_CHOICES",
        "OperationState": "syncengine.models.OperationState",
        "RecordState": "syncengine.models.link.LINK_STATES",
        "RunKind": "syncengine.models.RunKind",
        "RunState": "syncengine.models.RunState",
        "Side": "syncengine.api.serializers.SIDES",
        "SyncState": "syncengine.models.SyncState",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tenants.openapi.name_server",
    ],
}

# --- Admin --------------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "SyncSite",
    "SITE_HEADER": "SyncSite",
    "SITE_SUBHEADER": lambda request: request.workspace.name if request.workspace else _("Whole site"),
    "SITE_ICON": lambda request: static("syncsite/logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("syncsite/logo.svg")}],
    "COLORS": {
        "primary": {
            "50": "oklch(96.2% .018 272.314)",
            "100": "oklch(93% .034 272.788)",
            "200": "oklch(87% .065 274.039)",
            "300": "oklch(78.5% .115 274.713)",
            "400": "oklch(67.3% .182 276.935)",
            "500": "oklch(58.5% .21 272)",
            "600": "oklch(52% .2 270)",
            "700": "oklch(45.7% .19 270)",
            "800": "oklch(39.8% .16 270)",
            "900": "oklch(35.9% .13 270)",
            "950": "oklch(25.7% .09 270)",
        }
    },
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": False,
}

# --- Logging ------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "tenants.redaction.RedactingFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django's own handlers would say everything a second time, and unredacted.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
    },
}
