"""Addresses of the dashboard's pages, for those who write where no request is: checks, comments. Pure.

The routes are in `dashboard/app.py`.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages of one project. `web`: where the dashboard is, without a slash at its end; `root`: the folder of its valohai.yaml."""

    web: str
    repository: str
    root: str = ""

    def run(self, id: str) -> str:
        """A run, with all that it started."""
        return f"{self._top}/run/{quote(id, safe='')}"

    def commit(self, sha: str) -> str:
        """A commit, with its verdicts and runs."""
        return f"{self._top}/commit/{quote(sha, safe='')}"

    def execution(self, number: int, anchor: str = "") -> str:
        """An execution. `anchor`: `metrics` for its plots, `outputs` for its files."""
        return f"{self._top}/executions/{number}{self._query()}{'#' + anchor if anchor else ''}"

    def log(self, number: int, line: int | None = None) -> str:
        """The log of an execution, around a line (counted from 1) or at its end."""
        if line is None:
            return f"{self._top}/executions/{number}/log{self._query()}"
        return f"{self._top}/executions/{number}/log{self._query(line=line)}#L{line}"

    def output(self, number: int, id: str) -> str:
        """One output, to keep."""
        return f"{self._top}/executions/{number}/outputs/{quote(id, safe='')}{self._query()}"

    def task(self, number: int) -> str:
        """A task, with its executions beside each other."""
        return f"{self._top}/tasks/{number}{self._query()}"

    @property
    def _top(self) -> str:
        return f"{self.web}/r/{quote(self.repository)}"

    def _query(self, **more: int) -> str:
        given = ({"root": self.root} if self.root else {}) | more
        return f"?{urlencode(given)}" if given else ""
