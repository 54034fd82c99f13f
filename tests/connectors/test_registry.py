"""Plugins are found by entry points of packages that are really installed; a broken one stops nothing."""

import sys
import textwrap
from importlib.metadata import EntryPoint, distributions

import pytest

from connectors import checks, registry
from connectors.contract import API_VERSION
from connectors.testing.memory import MemoryApp, MemoryConnector
from connectors.vault import generate_key

PLUGIN = """
    from connectors.testing.memory import MemoryConnector
    connector = MemoryConnector(name="{name}", label="{name}", api_version={version})
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a package with one module and some entry points; answers its entry points."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution, *, code="", points, version="1.0"):
        module = distribution.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = "\n".join(f"{name} = {module}:{value}" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{lines}\n")

    yield install
    for module in [name for name, one in sys.modules.items() if _lies_in(one, tmp_path)]:
        del sys.modules[module]


def _lies_in(module, folder):
    return str(getattr(module, "__file__", None) or "").startswith(str(folder))


def load(tmp_path):
    return registry.load(
        point
        for distribution in distributions(path=[str(tmp_path)])
        for point in distribution.entry_points.select(group=registry.GROUP)
    )


def good(name, version=API_VERSION):
    return PLUGIN.format(name=name, version=version)


def test_a_plugin_is_in_the_catalogue(package, tmp_path):
    package("acme-connector", code=good("acme"), points={"acme": "connector"})
    catalogue = load(tmp_path)
    assert (list(catalogue.apps), catalogue.broken) == (["acme"], ())
    assert catalogue.apps["acme"].manifest.label == "acme"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nonsense_that_is_not_there", "ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise SystemExit", "SystemExit"),
        ("class Odd(BaseException): pass\nraise Odd('boo')", "Odd: boo"),
        ("def (", "SyntaxError"),
        ("", "AttributeError"),
        ("connector = 7", "no manifest"),
        ("from connectors.testing.memory import MemoryConnector as connector", "names the class"),
        (good("another"), "its manifest is named 'another'"),
        (good("acme", version=99), "version 99 of the contract"),
        (good("acme") + "    connector.connect = None", "no method connect"),
    ],
)
def test_a_broken_plugin_is_listed_with_its_reason_and_stops_nothing(package, tmp_path, code, reason):
    package("acme-connector", code=code, points={"acme": "connector"}, version="2.3")
    package("fine-connector", code=good("fine"), points={"fine": "connector"})
    catalogue = load(tmp_path)
    assert list(catalogue.apps) == ["fine"]
    (broken,) = catalogue.broken
    assert (broken.name, broken.distribution) == ("acme", "acme-connector 2.3")
    assert reason in broken.reason


def test_the_traceback_of_a_failed_import_is_kept(package, tmp_path):
    package("acme-connector", code="def early():\n  1 / 0\nearly()", points={"acme": "connector"})
    (broken,) = load(tmp_path).broken
    assert "in early" in broken.traceback and broken.reason == "ZeroDivisionError: division by zero"


def test_nobody_gets_a_name_that_two_claim(package, tmp_path):
    package("one", code=good("acme"), points={"acme": "connector"})
    package("two", code=good("acme"), points={"acme": "connector"})
    catalogue = load(tmp_path)
    assert catalogue.apps == {}
    assert [plugin.distribution for plugin in catalogue.broken] == ["one 1.0", "two 1.0"]
    assert all("2 plugins claim" in plugin.reason for plugin in catalogue.broken)


def test_ctrl_c_during_an_import_is_ctrl_c(package, tmp_path):
    package("acme-connector", code="raise KeyboardInterrupt", points={"acme": "connector"})
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path)


def test_apps_are_in_the_order_of_their_labels():
    labels = {"b": "alpha", "a": "Zeta", "c": "Beta"}
    with registry.installed(*(MemoryConnector(name=n, label=label) for n, label in labels.items())) as catalogue:
        assert [name for name in catalogue.apps if name in labels] == ["b", "c", "a"]


def test_installed_for_a_while_only():
    before = registry.catalogue()
    with registry.installed(MemoryConnector(MemoryApp())):
        assert registry.connector("memory").manifest.label == "Memory"
    assert registry.catalogue() is before
    with pytest.raises(registry.UnknownApp, match="no app named 'memory'"):
        registry.connector("memory")


def test_the_catalogue_is_read_once():
    assert registry.catalogue() is registry.catalogue()


def test_an_installation_that_is_older_than_pyproject_is_told():
    project = {"name": "pytest", "entry-points": {registry.GROUP: {"acme": "acme:connector"}}}
    (warning,) = checks.compare_installation({"project": project})
    assert "acme" in warning.msg and "Install it again" in warning.hint
    assert checks.compare_installation({"project": {"name": "pytest"}}) == []
    assert checks.compare_installation({"project": {**project, "name": "not-installed-at-all"}})


def test_a_broken_plugin_is_a_warning(monkeypatch):
    point = EntryPoint(name="acme", value="nowhere_at_all:connector", group=registry.GROUP)
    monkeypatch.setattr(registry, "_catalogue", registry.load([point]))
    (warning,) = checks.check_plugins()
    assert "nowhere_at_all" in warning.msg and warning.id == "connectors.W001"


@pytest.mark.parametrize(
    ("keys", "told"), [([], ["connectors.W003"]), (["nonsense"], ["connectors.E001"]), ([generate_key()], [])]
)
def test_keys_that_are_missing_or_wrong_are_told(settings, keys, told):
    settings.SYNCSITE_KEYS = keys
    assert [message.id for message in checks.check_vault_keys()] == told
