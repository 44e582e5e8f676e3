"""GitHub, github.com and Enterprise: its deliveries, and its API spoken as an App or with a plain token."""

from collections.abc import Mapping

from forges import signatures
from forges.github.api import GitHubApi, speak
from forges.github.deliveries import GitHub

__all__ = ["GitHub", "GitHubApi", "connect", "speak"]


def connect(settings: Mapping[str, object]) -> GitHub:
    """Settings: `secrets` or `secret`, which sign deliveries. Raises `Stalled` when there is none."""
    return GitHub(signatures.secrets_of(settings))
