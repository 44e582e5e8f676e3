"""An S3 server: moto's, in a process of its own. It emulates S3 in memory; the table says so."""

import sys
import urllib.request
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from tests.parts.part import Part
from tests.parts.process import Child, free_port


class S3Server(Part):
    """`address` is the endpoint's URL; `bucket` is there, and `fresh()` makes another for a single test."""

    key = "s3_server"
    name = "S3 server"
    region = "us-east-1"
    access_key = "test-access-key"
    secret_key = "test-secret-key"
    bucket = "luotsi-test"

    def __init__(self) -> None:
        self._child: Child | None = None
        self._made = 0

    def start(self, folder: Path) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._child = Child([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], folder)
        self._child.wait_ready(self._answers)
        self._make(self.bucket)

    def fresh(self) -> str:
        """The name of a new, empty bucket."""
        self._made += 1
        return self._make(f"{self.bucket}-{self._made}")

    def put(self, bucket: str, key: str, data: bytes, is_public: bool = False) -> None:
        """Store an object under any key, as strangers do."""
        url = f"{self.address}/{bucket}/{quote(key, safe='')}"
        headers = {
            "Content-Type": "text/plain",
            "Authorization": f"AWS {self.access_key}:unchecked",  # the emulator looks no further
            "x-amz-acl": "public-read" if is_public else "private",
        }
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method="PUT"), timeout=10):
            return

    def stop(self) -> None:
        if self._child:
            self._child.stop()

    def version(self) -> str:
        return f"moto {version('moto')}, an emulator"

    def _make(self, bucket: str) -> str:
        request = urllib.request.Request(f"{self.address}/{bucket}", method="PUT")
        with urllib.request.urlopen(request, timeout=10):
            return bucket

    def _answers(self) -> bool:
        with urllib.request.urlopen(f"{self.address}/moto-api/", timeout=2) as response:
            return bool(response.status == 200)
