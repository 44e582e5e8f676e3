"""A Docker engine's images: found, pulled, or exactly the one that an earlier attempt had."""

from collections.abc import Callable, Mapping
from typing import Any

import docker
from docker.errors import ImageNotFound
from docker.utils import parse_repository_tag

from agent.runtimes.engine import one_line, translated
from agent.runtimes.port import Image
from schemas.errors import Refused, Stalled


class Images:
    """Those of one engine."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client = client

    def named(self, image: str, fresh: bool, say: Callable[[str], None]) -> Image:
        """The image that has the name now."""
        found = None if fresh else self._inspect(image)
        if found is None:
            say(f"pulling the image {image}")
            self._pull(image)
            found = self._inspect(image)
        if found is None:
            raise Stalled(f"the image {image} cannot be had: the engine pulled it and does not have it")
        return Image(image, found["Id"], _digest(image, found))

    def pinned(self, image: str, pin: str, say: Callable[[str], None]) -> Image:
        """Exactly the image that an earlier attempt had: by its name, by its digest in the registry, by the engine's id."""
        exact = f"{parse_repository_tag(image)[0]}@{pin}"
        for name in (image, exact, pin):
            found = self._inspect(name)
            if found and _is(found, pin):
                return Image(image, found["Id"], pin)
        say(f"pulling the image {exact}")
        try:
            self._pull(exact)
            found = self._inspect(exact)
        except Stalled as error:
            raise _changed(image, pin, error.message) from error
        if found is None or not _is(found, pin):
            raise _changed(image, pin, "the engine pulled it and does not have it")
        return Image(image, found["Id"], pin)

    def _inspect(self, image: str) -> dict[str, Any] | None:
        with translated("the Docker engine does not answer"):
            try:
                found: dict[str, Any] = self._client.inspect_image(image)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                return None
        return found

    def _pull(self, image: str) -> None:
        repository, tag = parse_repository_tag(image)
        try:
            with translated(f"the image {image} cannot be had"):
                for step in self._client.pull(repository, tag=tag or "latest", stream=True, decode=True):
                    if "error" in step:
                        raise Stalled(f"the image {image} cannot be had: {one_line(step['error'])}")
        except Refused as error:
            raise Stalled(f"the image {image} cannot be had: {error.message}") from error


def _is(found: Mapping[str, Any], pin: str) -> bool:
    return found["Id"] == pin or any(
        str(known).endswith(f"@{pin}") for known in found.get("RepoDigests") or ()
    )


def _changed(image: str, pin: str, why: str) -> Stalled:
    return Stalled(
        f"the image {image} cannot be had as an earlier attempt of this execution had it, {pin}: {why}",
        "A new run takes the image as it is now.",
    )


def _digest(image: str, found: Mapping[str, Any]) -> str:
    """The digest in the registry that the image was named by, else the engine's own id."""
    repository, _ = parse_repository_tag(image)
    for known in found.get("RepoDigests") or []:
        name, _, digest = known.partition("@")
        if name == repository or name.removeprefix("docker.io/").removeprefix("library/") == repository:
            return str(digest)
    return str(found["Id"])
