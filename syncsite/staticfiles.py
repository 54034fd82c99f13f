"""Static files under names that carry their content's hash."""

from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage


def without_source_maps(patterns: tuple[Any, ...]) -> tuple[Any, ...]:
    """Django's patterns of references to follow, but those to source maps: Tabler names one and ships none."""
    return tuple(
        (glob, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule))) for glob, rules in patterns
    )


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Whitenoise's storage. Before `collectstatic` has made a manifest, names stay plain.

    Whitenoise then finds the files in their packages (tests, a first look).
    """

    patterns = without_source_maps(CompressedManifestStaticFilesStorage.patterns)

    def stored_name(self, name: str) -> str:
        return super().stored_name(name) if self.hashed_files else name
