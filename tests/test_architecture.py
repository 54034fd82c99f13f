"""The table of `docs/architecture.md`, held by a walk through all files: the picture and this test are one thing.

Imports run one way, and a few powers belong to one room each: writing through a client, opening credentials,
switching schemas. Pages carry no script or style of their own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("syncsite", "syncengine", "connectors", "tenants")
MIGRATIONS = "migrations"


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a file imports, spelled out: `from ..core.plan import Rules` is `syncengine.core.plan.Rules`."""

    path: Path
    line: int
    name: str

    @property
    def of(self) -> str:
        """The module that imports it."""
        return module_of(self.path)

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.name}"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> tuple[Path, ...]:
    """Every Python file that runs on a site: tests and migrations stand aside."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return tuple(sorted(path for path in found if MIGRATIONS not in path.parts))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _base(path, node)
            for alias in node.names:
                yield Import(path, node.lineno, f"{base}.{alias.name}" if base else alias.name)


def _base(path: Path, node: ast.ImportFrom) -> str:
    """What stands before the names, with the dots of a relative import resolved."""
    if not node.level:
        return node.module or ""
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def all_imports() -> Iterator[Import]:
    for path in sources():
        yield from imports_of(path)


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def say(found: list[str], rule: str) -> None:
    assert not found, f"{rule}\n  " + "\n  ".join(sorted(set(found)))


# --- Imports run one way ------------------------------------------------------------------------------------

ORDER = ("syncsite", "syncengine", "connectors", "tenants")
"""Each may import those behind it."""


@pytest.mark.parametrize("package", ORDER)
def test_packages_import_only_those_behind_them(package: str) -> None:
    ahead = ORDER[: ORDER.index(package)]
    found = [str(i) for i in all_imports() if within(i.of, package) and any(within(i.name, p) for p in ahead)]
    say(found, f"Imports run one way, {' → '.join(ORDER)}: {package} must not import {', '.join(ahead) or 'nothing'}.")


LAYERS: tuple[tuple[str, ...], ...] = (
    ("web", "api", "admin", "tasks", "dispatch", "management"),
    ("services",),
    ("run",),
    ("core",),
)
"""The engine from the outside in. A layer imports itself and those below; `models` serve all but the core."""


def layer_of(module: str) -> int | None:
    """Position among `LAYERS`; None for what serves several of them (models, apps, words)."""
    for position, names in enumerate(LAYERS):
        if any(within(module, f"syncengine.{name}") for name in names):
            return position
    return None


def test_layers_of_the_engine_import_only_those_below() -> None:
    found = []
    for one in all_imports():
        mine, theirs = layer_of(one.of), layer_of(one.name)
        if mine is not None and theirs is not None and theirs < mine:
            found.append(str(one))
    say(found, "Inside the engine: " + " → ".join(", ".join(names) for names in LAYERS) + ".")


def test_models_of_the_engine_import_no_layer_but_the_core() -> None:
    found = [
        str(i)
        for i in all_imports()
        if within(i.of, "syncengine.models") and layer_of(i.name) is not None and not within(i.name, "syncengine.core")
    ]
    say(found, "Models are rows: of the engine they import `core` only.")


def test_the_core_imports_itself_and_the_contract() -> None:
    found = [
        str(i)
        for i in all_imports()
        if within(i.of, "syncengine.core")
        and any(within(i.name, p) for p in PACKAGES)
        and not within(i.name, "syncengine.core")
        and not within(i.name, "connectors.contract")
    ]
    say(found, "syncengine.core imports itself and connectors.contract.")


def test_the_contract_is_the_standard_library_and_itself() -> None:
    import sys

    found = [
        str(i)
        for i in all_imports()
        if within(i.of, "connectors.contract")
        and not within(i.name, "connectors.contract")
        and i.name.split(".")[0] not in sys.stdlib_module_names
    ]
    say(found, "connectors.contract is what an author of connectors reads first: the standard library and itself.")


def test_a_connector_imports_the_contract_the_toolkit_and_its_own_folder() -> None:
    found = []
    for one in all_imports():
        folder = re.match(r"connectors\.builtin\.[^.]+", one.of)
        if folder is None:
            continue
        ours = any(within(one.name, p) for p in PACKAGES)
        allowed = ("connectors.contract", "connectors.toolkit", folder.group())
        if (ours and not any(within(one.name, room) for room in allowed)) or within(one.name, "django"):
            found.append(str(one))
    say(found, "A built-in connector imports connectors.contract, connectors.toolkit and other people's libraries.")


@pytest.mark.parametrize("room", ["connectors.toolkit", "connectors.testing"])
def test_what_connectors_are_made_with_knows_no_site(room: str) -> None:
    allowed = ("connectors.contract", "connectors.toolkit", room)
    found = [
        str(i)
        for i in all_imports()
        if within(i.of, room)
        and (
            within(i.name, "django")
            or (any(within(i.name, p) for p in PACKAGES) and not any(within(i.name, a) for a in allowed))
        )
    ]
    say(found, f"{room} imports the contract and the toolkit, no Django.")


def test_nothing_but_tests_imports_the_app_in_memory() -> None:
    found = [
        str(i)
        for i in all_imports()
        if within(i.name, "connectors.testing")
        and not within(i.of, "connectors.testing")
        and not within(i.of, "connectors.management")
    ]
    say(found, "connectors.testing is for tests.")


# --- The pure rooms -----------------------------------------------------------------------------------------

PURE = ("syncengine.core", "connectors.contract")
IMPURE = (
    "django",
    "requests",
    "random",
    "secrets",
    "uuid",
    "time",
    "socket",
    "threading",
    "subprocess",
    "os",
    "psycopg",
)
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter"}
"""Calls on `datetime`, `date` or `time` that read a clock."""


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_no_site_network_clock_or_chance(room: str) -> None:
    found = [str(i) for i in all_imports() if within(i.of, room) and any(within(i.name, name) for name in IMPURE)]
    say(found, f"{room} is pure: time, ids and randomness are arguments.")


@cache
def calls_in(path: Path) -> tuple[ast.Call, ...]:
    return tuple(node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def reads_a_clock(call: ast.Call) -> bool:
    """`datetime.now()`, `date.today()`, `datetime.datetime.utcnow()`; not `datetime.time()` of a value at hand."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in CLOCKS:
        return False
    owner = func.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return name in ("datetime", "date", "time", "timezone")


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_read_no_clock(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno} reads a clock: {ast.unparse(call)}"
        for path in sources()
        if within(module_of(path), room)
        for call in calls_in(path)
        if reads_a_clock(call)
    ]
    say(found, f"{room} is pure: the time comes in as an argument.")


# --- Powers that belong to one room -------------------------------------------------------------------------


def in_files(wanted: Callable[[ast.Call], bool], allowed: Callable[[str], bool]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{call.lineno} {ast.unparse(call)[:80]}"
        for path in sources()
        if not allowed(module_of(path))
        for call in calls_in(path)
        if wanted(call)
    ]


def calls_method(name: str) -> Callable[[ast.Call], bool]:
    return lambda call: isinstance(call.func, ast.Attribute) and call.func.attr == name


def calls_name(*names: str) -> Callable[[ast.Call], bool]:
    def wanted(call: ast.Call) -> bool:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        return name in names

    return wanted


def writes_through_a_client(call: ast.Call) -> bool:
    """`client.write(resource, writes)`: two arguments, where a file takes one."""
    return calls_method("write")(call) and len(call.args) + len(call.keywords) == 2


WRITERS = (
    "syncengine.run.apply",
    "connectors.accounts.guarded",
    "connectors.testing",
    "connectors.builtin",
    "connectors.toolkit",
)
"""The applier; the client that hands every call on; the suite that tries clients, and what they are made of."""


def test_only_the_applier_writes_through_a_client() -> None:
    found = in_files(writes_through_a_client, lambda module: any(within(module, room) for room in WRITERS))
    say(found, "Only syncengine.run.apply writes through a client: one applier carries out every plan.")


VAULT = "connectors.vault"
OPENERS = (
    VAULT,
    "connectors.accounts",
    "connectors.models",
    "connectors.checks",
    "connectors.management.commands.rotate_keys",
)
"""Whoever opens a credential; the model that keeps it sealed, and what looks after the keys."""


def test_only_accounts_open_a_credential() -> None:
    found = [str(i) for i in all_imports() if within(i.name, VAULT) and not any(within(i.of, room) for room in OPENERS)]
    say(found, "Only connectors.accounts opens a credential.")


SWITCHES = ("schema_context", "tenant_context", "set_tenant", "set_schema", "set_schema_to_public")


def test_only_tenants_switches_schemas() -> None:
    found = in_files(calls_name(*SWITCHES), lambda module: within(module, "tenants"))
    found += [str(i) for i in all_imports() if i.name.rpartition(".")[2] in SWITCHES and not within(i.of, "tenants")]
    say(found, "Only tenants switches schemas: enter one by tenants.context.workspace_context.")


def test_no_workspace_is_a_context_manager() -> None:
    """`with workspace:` keeps the way back in one list for all threads: A ends in B's schema."""
    found = []
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.With | ast.AsyncWith):
                for item in node.items:
                    text = ast.unparse(item.context_expr)
                    if re.fullmatch(r"(.*\.)?(tenant|workspace)(\(\))?", text):
                        found.append(f"{path.relative_to(ROOT)}:{node.lineno} with {text}:")
    say(found, "Never `with tenant:`; tenants.context.workspace_context(workspace) is safe.")


KEPT_BETWEEN_REQUESTS = {
    "connectors.registry._catalogue": "the connectors that are installed; no workspace's",
    "connectors.templatetags.connectors._is_icon": "the icons that are installed",
    "syncengine.run.rows._defaults": "defaults of the models' columns",
    "syncengine.run.rows._makers": "those that are made anew for each row",
    "syncengine.core.values.phone_key": "a number read anew would be the same: nothing is added to what is asked",
    "syncengine.models.sync._settings_of": "found by its whole text alone: whoever finds it has it already",
    "tenants.forms.countries": "names of countries, by language",
    "tenants.forms.time_zones": "names of time zones",
}
"""All that a process remembers beyond one request or task, and why it is nobody's secret."""


def test_what_a_process_remembers_is_of_no_workspace() -> None:
    found = set()
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Global):
                found |= {f"{module_of(path)}.{name}" for name in node.names}
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                decorators = {ast.unparse(one).partition("(")[0].rpartition(".")[2] for one in node.decorator_list}
                if decorators & {"cache", "lru_cache"}:
                    found.add(f"{module_of(path)}.{node.name}")
    assert found == set(KEPT_BETWEEN_REQUESTS), "Look whether it may be shared by workspaces, then name it here."


def test_nothing_is_pickled_or_evaluated() -> None:
    found = [
        str(i) for i in all_imports() if any(within(i.name, name) for name in ("pickle", "marshal", "shelve", "dill"))
    ]
    builtins = {"eval", "exec"}
    found += in_files(lambda call: isinstance(call.func, ast.Name) and call.func.id in builtins, lambda _: False)
    say(found, "Nothing that came from outside is unpickled or evaluated.")


# --- Pages --------------------------------------------------------------------------------------------------

TEMPLATES = sorted({*ROOT.glob("templates/**/*.html"), *(p for d in PACKAGES for p in ROOT.glob(f"{d}/**/*.html"))})
PAGES = [path for path in TEMPLATES if "email" not in path.parts]
"""E-mails are no pages: what reads them knows no style sheet."""
UNSAFE = ("mark_safe", "SafeString", "format_html_join_raw")


def test_no_data_is_marked_safe() -> None:
    found = [str(i) for i in all_imports() if i.name.rpartition(".")[2] in UNSAFE]
    found += in_files(calls_name(*UNSAFE), lambda _: False)
    for path in TEMPLATES:
        text = path.read_text()
        for match in re.finditer(r"\|\s*(safe|safeseq)\b|\{%\s*autoescape\s+off", text):
            found.append(f"{path.relative_to(ROOT)}:{line_at(text, match.start())} {match.group()}")
    say(found, "Escaping is never switched off: values, labels and messages come from other people's apps.")


def line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


INLINE = {
    "a script of its own": re.compile(r"<script(?![^>]*\ssrc\s*=)(?![^>]*type=[\"']application/json[\"'])[^>]*>", re.I),
    "a style of its own": re.compile(r"<style\b|<[a-z][^<>]*\sstyle\s*=", re.I),
    "an event handler": re.compile(r"<[a-z][^<>]*\son[a-z]+\s*=", re.I),
    "a script address": re.compile(r"(href|src|action)\s*=\s*[\"']\s*javascript:", re.I),
    "something from elsewhere": re.compile(
        r"<(script|link|img|iframe)\b[^>]*\s(src|href)\s*=\s*[\"'](https?:)?//", re.I
    ),
}


def without_tags(text: str) -> str:
    """Template tags and comments blanked out, so that an attribute inside them is none; lines stay where they are."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match.group())

    return re.sub(r"\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}|\{%.*?%\}|\{\{.*?\}\}", blank, text, flags=re.S)


@pytest.mark.parametrize("what", INLINE)
def test_pages_carry_nothing_inline(what: str) -> None:
    found = []
    for path in PAGES:
        text = without_tags(path.read_text())
        for match in INLINE[what].finditer(text):
            found.append(f"{path.relative_to(ROOT)}:{line_at(text, match.start())} {match.group()[:80]}")
    say(found, f"The content security policy allows no inline code and no CDN; this page has {what}.")


# --- The walk itself ----------------------------------------------------------------------------------------


def test_the_walk_sees_what_it_should() -> None:
    """Were the rooms renamed, the rules above would hold for nothing."""
    modules = {module_of(path) for path in sources()}
    for room in ("syncengine.core.plan", "connectors.contract.records", "tenants.context", "connectors.vault"):
        assert room in modules
    plan = next(path for path in sources() if module_of(path) == "syncengine.core.plan")
    assert any(within(i.name, "syncengine.core.lens") for i in imports_of(plan)), "relative imports are resolved"
    assert len(TEMPLATES) > 5


@pytest.mark.parametrize(
    "text, what",
    [
        ("<script>go()</script>", "a script of its own"),
        ('<p style="color: red">', "a style of its own"),
        ("<button\n  onclick = 'go()'>", "an event handler"),
        ('<a href=" javascript:go()">', "a script address"),
        ('<link rel="x" href="https://cdn.example/x.css">', "something from elsewhere"),
        ('<script src="//cdn.example/x.js">', "something from elsewhere"),
    ],
)
def test_the_walk_recognises_what_it_forbids(text: str, what: str) -> None:
    assert INLINE[what].search(without_tags(text))


@pytest.mark.parametrize(
    "text",
    [
        "<script src=\"{% static 'x.js' %}\" defer></script>",
        '<script type="application/json" id="data">{}</script>',
        '<div data-style="x" hx-on="{{ x }}">',
        "{# style=\"x\" #}<p class='online once'>",
        '<a href="https://example.com">',
    ],
)
def test_the_walk_lets_pass_what_is_fine(text: str) -> None:
    assert not [what for what, pattern in INLINE.items() if pattern.search(without_tags(text))]


def test_reading_a_clock_is_told_from_holding_a_time() -> None:
    def call(text: str) -> ast.Call:
        node = ast.parse(text, mode="eval").body
        assert isinstance(node, ast.Call)
        return node

    for text in ("datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()", "time.time()", "timezone.now()"):
        assert reads_a_clock(call(text)), text
    for text in ("moment.time()", "record.now()", "datetime.combine(day, time())", "clock.now()"):
        assert not reads_a_clock(call(text)), text
