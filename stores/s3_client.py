"""The client of S3 that obstore has, and what its errors mean for people."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store

from schemas.errors import Gone, LuotsiError, Stalled, Waiting
from schemas.values import Secret

if TYPE_CHECKING:  # obstore has these types in its stubs only
    from obstore.store import ClientConfig, RetryConfig, S3Config

# obstore's classes do not tell these apart for every call; its text does. The address is that of the instance role.
_OUR_CREDENTIALS = (
    "status code: 401",
    "status code: 403",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "169.254.169.254",
)
_FULL = "status code: 507"
_NOT_NOW = ("HTTP error", "status code: 5", "status code: 429", "SlowDown", "timed out")


@dataclass(frozen=True, slots=True)
class Errors:
    """How errors are told. `what`: `the store artifacts`; `setting`: where its settings are."""

    what: str
    bucket: str
    setting: str = "the settings"

    @contextmanager
    def translated(self, key: str) -> Iterator[None]:
        """Turn obstore's errors into ours: `Gone`, `Stalled`, `Waiting`."""
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._no_bucket() from error
            raise Gone(f"nothing is stored at {key} in {self.what}") from error
        except BaseError as error:
            raise self._ours(error) from error

    def _ours(self, error: BaseError) -> LuotsiError:
        text = str(error)
        words = text.partition("\n")[0][:500]
        if any(word in text for word in _OUR_CREDENTIALS):
            hint = f"Look at the key in {self.setting}, the machine's role, and the bucket's policy."
            return Stalled(f"{self.what} refuses our credentials: {words}", hint)
        if "NoSuchBucket" in text:
            return self._no_bucket()
        if any(word in text for word in _NOT_NOW) and _FULL not in text:
            return Waiting(f"{self.what} does not answer: {words}", after=15)
        return Stalled(f"{self.what} refuses: {words}", f"Look at it in {self.setting}.")

    def _no_bucket(self) -> Stalled:
        return Stalled(f"{self.what} has no bucket {self.bucket}", "Make the bucket, or correct its name.")


def client(what: str, settings: Mapping[str, object]) -> S3Store:
    """Settings: `bucket`; `endpoint` (URL; AWS when left out), `region`, `access_key_id` and `secret_access_key` (str or
    `Secret`; the machine's own credentials when left out), `session_token`, `anonymous`, `path_style` (default true),
    `allow_http`.

    Nothing is asked of the server here. Raises `Stalled` for settings that cannot work.
    """
    _check(what, settings)
    bucket, endpoint = text(settings, "bucket"), text(settings, "endpoint")
    path_style = bool(settings.get("path_style", True))
    if endpoint and not path_style:
        parsed = urlsplit(endpoint)
        endpoint = parsed._replace(netloc=f"{bucket}.{parsed.netloc}").geturl()
    config: S3Config = {"virtual_hosted_style_request": not path_style}
    if endpoint:
        config["endpoint"] = endpoint
    if region := text(settings, "region"):
        config["region"] = region
    if key := text(settings, "access_key_id"):
        config["access_key_id"] = key
        config["secret_access_key"] = text(settings, "secret_access_key")
    if token := text(settings, "session_token"):
        config["session_token"] = token
    if settings.get("anonymous"):
        config["skip_signature"] = True
    try:
        return S3Store(
            bucket,
            config=config,
            client_options=_manners(bool(settings.get("allow_http"))),
            retry_config=_patience(),
        )
    except BaseError as error:
        words = str(error).partition("\n")[0]
        raise Stalled(f"{what} cannot work with its settings: {words}") from error


def _check(what: str, settings: Mapping[str, object]) -> None:
    endpoint = text(settings, "endpoint")
    if not text(settings, "bucket"):
        raise Stalled(f"{what} has no bucket", "Give `bucket`.")
    if bool(text(settings, "access_key_id")) != bool(text(settings, "secret_access_key")):
        raise Stalled(f"{what} has half a key", "Give `access_key_id` and `secret_access_key`, or neither.")
    if endpoint.startswith("http://") and not settings.get("allow_http"):
        hint = "Use https, or say `allow_http: true` for a server of this machine or network."
        raise Stalled(f"the endpoint of {what} is not encrypted: {endpoint}", hint)


def text(settings: Mapping[str, object], name: str) -> str:
    """A setting as text, also where it is secret."""
    value = settings.get(name)
    if isinstance(value, Secret):
        return value.reveal()
    return "" if value is None else str(value)


def _manners(allow_http: bool) -> "ClientConfig":
    # The whole of a large object may take long; what must not take long is a connection, or silence in between.
    return {
        "allow_http": allow_http,
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": timedelta(seconds=60),
        "timeout": timedelta(days=1),
    }


def _patience() -> "RetryConfig":
    return {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
