"""How the Docker engine's troubles read: each of its errors becomes one of ours, with what was being done."""

from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from schemas.errors import Refused, Stalled, Waiting


@contextmanager
def translated(what: str, attempt: str = "") -> Iterator[None]:
    """`Waiting` when the engine is away, `Refused` when the attempt named has its container, else `Stalled`."""
    try:
        yield
    except APIError as error:
        if attempt and error.status_code == 409:
            raise Refused(f"attempt {attempt} has a container already") from error
        if error.status_code is not None and error.status_code in (502, 503, 504):
            raise Waiting(f"{what}: {one_line(error.explanation)}", after=1) from error
        raise Stalled(f"{what}: {one_line(error.explanation or str(error))}") from error
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise Waiting(f"{what}: {one_line(str(error))}", after=1) from error


def one_line(text: object) -> str:
    """Its words on one line, not too many."""
    return " ".join(str(text).split())[:500]
