"""Which apps are installed: entry points of the group `syncsite.connectors`, loaded once a process."""

from __future__ import annotations

import threading
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

from .contract import API_VERSION, Connector, Manifest

GROUP = "syncsite.connectors"


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that is installed and cannot be used."""

    name: str
    distribution: str
    """The package that brought it, with its version."""
    reason: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    apps: Mapping[str, Connector]
    """By name, in the order of their labels."""
    broken: tuple[BrokenPlugin, ...] = ()


class PluginRefused(Exception):
    """What was loaded is not a connector that this site can use."""


class UnknownApp(KeyError):
    """No usable plugin has this name."""

    def __str__(self) -> str:
        return f"There is no app named {self.args[0]!r}."


def load(points: Iterable[EntryPoint]) -> Catalogue:
    """Import every plugin. One that fails is listed as broken and stops nothing."""
    points = sorted(points, key=lambda point: (point.name, point.value))
    times = Counter(point.name for point in points)
    apps: dict[str, Connector] = {}
    broken: list[BrokenPlugin] = []
    for point in points:
        try:
            if times[point.name] > 1:
                raise PluginRefused(f"{times[point.name]} plugins claim the name {point.name!r}")
            apps[point.name] = _accepted(point.load(), name=point.name)
        except KeyboardInterrupt:
            raise
        except PluginRefused as error:
            broken.append(_broken(point, str(error)))
        # A plugin is foreign code: it may do anything while it is imported, even call sys.exit().
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            broken.append(_broken(point, reason, trace=traceback.format_exc()))
    return Catalogue(apps=_sorted(apps), broken=tuple(broken))


def catalogue() -> Catalogue:
    """The installed apps. Read once; a newly installed plugin shows after a restart."""
    global _catalogue
    with _lock:
        if _catalogue is None:
            _catalogue = load(entry_points(group=GROUP))
        return _catalogue


def connector(name: str) -> Connector:
    """The code of an app. Raises UnknownApp."""
    try:
        return catalogue().apps[name]
    except KeyError:
        raise UnknownApp(name) from None


@contextmanager
def installed(*connectors: Connector) -> Iterator[Catalogue]:
    """These connectors are in the catalogue too, as if they were installed. For tests."""
    global _catalogue
    before = catalogue()
    added = {one.manifest.name: _accepted(one, name=one.manifest.name) for one in connectors}
    _catalogue = replace(before, apps=_sorted({**before.apps, **added}))
    try:
        yield _catalogue
    finally:
        _catalogue = before


_catalogue: Catalogue | None = None
_lock = threading.RLock()


def _accepted(candidate: object, *, name: str) -> Connector:
    """`candidate` if it is a connector of this name. Raises PluginRefused with what is wrong."""
    if isinstance(candidate, type):
        raise PluginRefused(f"the entry point names the class {candidate.__name__}; it has to name an instance")
    manifest = getattr(candidate, "manifest", None)
    if not isinstance(manifest, Manifest):
        raise PluginRefused("it has no manifest")
    if manifest.api_version != API_VERSION:
        raise PluginRefused(
            f"it is written for version {manifest.api_version} of the contract; this site has {API_VERSION}"
        )
    if manifest.name != name:
        raise PluginRefused(f"its manifest is named {manifest.name!r}, its entry point {name!r}")
    if not callable(getattr(candidate, "connect", None)):
        raise PluginRefused("it has no method connect()")
    return candidate  # type: ignore[return-value]


def _broken(point: EntryPoint, reason: str, *, trace: str = "") -> BrokenPlugin:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else ""
    return BrokenPlugin(name=point.name, distribution=distribution, reason=reason, traceback=trace)


def _sorted(apps: Mapping[str, Connector]) -> dict[str, Connector]:
    return dict(sorted(apps.items(), key=lambda item: item[1].manifest.label.casefold()))
