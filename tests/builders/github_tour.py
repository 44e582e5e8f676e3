"""A tour through every operation of the stand-in, as a program that knows GitHub would call them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.builders.github_client import Client, Reply
from tests.builders.github_house import House
from tests.standins.github.model import Pull

NOTE = {
    "path": "train.py",
    "start_line": 2,
    "end_line": 2,
    "start_column": 1,
    "end_column": 9,
    "annotation_level": "failure",
    "message": "No such step.",
    "title": "Step",
    "raw_details": "train",
}
STEP = Callable[["Tour"], None]


@dataclass
class Tour:
    """Calls as whom it takes; `statuses` are what came back, by operation as the description's paths name it."""

    house: House
    base: str

    def __post_init__(self) -> None:
        github = self.house.github
        at = self.house.client(self.base)
        self.token = self._token(at)
        self.bot = at.bearing(self.token)
        scopes = ("repo", "admin:repo_hook", "read:org")
        self.ada = at.bearing(self.house.ada.token(*scopes))
        fork = self.house.eve.fork(self.house.repo)
        self.house.eve.push(fork, "fix", {"train.py": "a\nb\n", "README.md": "Other\n", "gone.txt": "x"})
        self.house.eve.push(fork, "fix", {"gone.txt": None}, author=("Ada", "ada@example.org"))
        self.pull: Pull = self.house.eve.open_pull_request(
            self.house.repo, "fix", source=fork, body="Mends it."
        )
        self.own: Pull = self._own_pull()
        self.sha = self.pull.head_sha
        self.comment = self.house.bob.comment(self.pull, "/retest")
        assert github.bare(self.house.repo).kind(self.sha) == "commit"

    def _token(self, at: Client) -> str:
        app = at.bearing(self.house.as_app().authorization.removeprefix("Bearer "))
        self.app = app
        made = app(
            "POST",
            f"/app/installations/{self.house.installation.id}/access_tokens",
            {"repositories": ["models"]},
        )
        token: str = made.body["token"]
        return token

    def _own_pull(self) -> Pull:
        self.house.bob.push(self.house.repo, "own", {"own.py": "1\n"})
        return self.house.bob.open_pull_request(self.house.repo, "own")

    def ask(self, client: Client, method: str, path: str, body: Any = None, status: int = 200) -> Reply:
        reply = client(method, path, body)
        assert reply.status == status, f"{method} {path}: {reply.status} {reply.body}"
        return reply

    def here(self, method: str, rest: str, body: Any = None, status: int = 200) -> Reply:
        """In the repository, as the installation."""
        return self.ask(self.bot, method, self.house.place(rest), body, status)


def go(house: House, base: str) -> Tour:
    tour = Tour(house, base)
    for step in _steps():
        step(tour)
    return tour


def _steps() -> Iterator[STEP]:
    yield from (_of_apps, _of_accounts, _of_repositories, _of_commits, _of_statuses, _of_checks)
    yield from (_of_pulls, _of_comments, _of_hooks, _of_app_hooks, _of_deployments, _of_git, _of_the_end)


def _of_apps(tour: Tour) -> None:
    id = tour.house.installation.id
    tour.ask(tour.app, "GET", "/app")
    tour.ask(tour.app, "GET", "/app/installations")
    tour.ask(tour.app, "GET", f"/app/installations/{id}")
    found = tour.ask(tour.app, "GET", tour.house.place("/installation"))
    assert found.body["id"] == id
    listed = tour.ask(tour.bot, "GET", "/installation/repositories")
    assert [one["id"] for one in listed.body["repositories"]] == [tour.house.repo.id]


def _of_accounts(tour: Tour) -> None:
    me = tour.ask(tour.ada, "GET", "/user")
    assert me.body["id"] == tour.house.ada.id
    assert tour.ask(tour.bot, "GET", "/users/eve").body["id"] == tour.house.eve.id
    assert tour.ask(tour.bot, "GET", f"/user/{tour.house.eve.id}").body["login"] == "eve"
    tour.ask(tour.bot, "GET", "/rate_limit")
    tour.ask(tour.bot, "GET", "/meta")


def _of_repositories(tour: Tour) -> None:
    house = tour.house
    assert tour.here("GET", "").body["id"] == house.repo.id
    by_id = tour.ask(tour.ada, "GET", f"/repositories/{house.repo.id}")
    assert by_id.body["permissions"]["admin"] is True
    house.ada.tag(house.repo, "v1", house.head())
    assert {one["name"] for one in tour.here("GET", "/branches").body} == {"main", "own"}
    assert tour.here("GET", "/branches/main").body["commit"]["sha"] == house.head()
    moves = tour.here("GET", "/activity?ref=own&time_period=day").body
    assert (moves[0]["after"], moves[0]["ref"]) == (house.head("own"), "refs/heads/own")
    assert tour.here("GET", "/tags").body[0]["commit"]["sha"] == house.head()
    level = tour.here("GET", "/collaborators/bob/permission").body
    assert (level["permission"], level["role_name"], level["user"]["id"]) == ("write", "write", house.bob.id)
    people = tour.ask(tour.ada, "GET", house.place("/collaborators"))
    assert {one["login"] for one in people.body} == {"ada", "bob"} | (
        {"eve"} if house.repo.private else set()
    )
    assert tour.here("GET", "/contents/README.md").body["encoding"] == "base64"
    assert [one["name"] for one in tour.here("GET", "/contents/?ref=own").body] == ["README.md", "own.py"]


def _of_commits(tour: Tour) -> None:
    assert tour.here("GET", f"/commits/{tour.sha}").body["author"]["login"] == "ada"
    assert tour.here("GET", "/commits/heads/own").body["files"][0]["filename"] == "own.py"
    assert len(tour.here("GET", "/commits?sha=own").body) == 2
    compared = tour.here("GET", f"/compare/main...{tour.sha}").body
    assert (compared["status"], compared["ahead_by"]) == ("ahead", 2)
    assert {one["filename"] for one in compared["files"]} == {"README.md", "train.py"}
    found = tour.here("GET", f"/commits/{tour.sha}/pulls").body
    assert [one["number"] for one in found] == [tour.pull.number]


def _of_statuses(tour: Tour) -> None:
    told = {"state": "pending", "context": "luotsi", "target_url": "http://luotsi/1", "description": "Waits"}
    tour.here("POST", f"/statuses/{tour.sha}", told, 201)
    tour.here("POST", f"/statuses/{tour.sha}", {**told, "state": "success"}, 201)
    assert len(tour.here("GET", f"/commits/{tour.sha}/statuses").body) == 2
    assert tour.here("GET", f"/commits/{tour.sha}/status").body["state"] == "success"


def _of_checks(tour: Tour) -> None:
    made = tour.here("POST", "/check-suites", {"head_sha": tour.sha}, 201).body["id"]
    tour.here("POST", "/check-suites", {"head_sha": tour.sha}, 200)
    output = {"title": "Failed", "summary": "One step", "text": "…", "annotations": [NOTE]}
    button = {"label": "Approve", "description": "Lets it run", "identifier": "approve"}
    run = tour.here(
        "POST", "/check-runs",
        {"name": "train", "head_sha": tour.sha, "status": "in_progress", "external_id": "7", "output": output, "actions": [button]},
        201,
    ).body  # fmt: skip
    assert run["check_suite"]["id"] == made
    here = f"/check-runs/{run['id']}"
    done = tour.here("PATCH", here, {"conclusion": "failure", "output": output}).body
    assert (done["status"], done["output"]["annotations_count"]) == ("completed", 2)
    assert tour.here("GET", here).body["conclusion"] == "failure"
    assert tour.here("GET", f"{here}/annotations").body[0]["message"] == NOTE["message"]
    assert tour.here("GET", f"/commits/{tour.sha}/check-runs").body["total_count"] == 1
    assert tour.here("GET", f"/commits/{tour.sha}/check-suites").body["total_count"] == 1
    assert tour.here("GET", f"/check-suites/{made}").body["conclusion"] == "failure"
    assert tour.here("GET", f"/check-suites/{made}/check-runs").body["total_count"] == 1
    tour.here("POST", f"{here}/rerequest", None, 201)
    tour.here("POST", f"/check-suites/{made}/rerequest", None, 201)


def _of_pulls(tour: Tour) -> None:
    here = f"/pulls/{tour.pull.number}"
    assert {one["number"] for one in tour.here("GET", "/pulls").body} == {1, 2}
    pull = tour.here("GET", here).body
    assert (pull["commits"], pull["changed_files"], pull["mergeable"]) == (2, 2, True)
    assert pull["head"]["repo"]["owner"]["login"] == "eve"
    assert {one["filename"] for one in tour.here("GET", f"{here}/files").body} == {"README.md", "train.py"}
    assert [one["author"]["login"] for one in tour.here("GET", f"{here}/commits").body] == ["eve", "ada"]
    own = f"/pulls/{tour.own.number}"
    tour.ask(tour.bot, "GET", tour.house.place(f"{own}/merge"), None, 404)
    merged = tour.here("PUT", f"{own}/merge", {"sha": tour.own.head_sha, "merge_method": "squash"}).body
    assert merged["sha"] == tour.house.head()
    tour.here("GET", f"{own}/merge", None, 204)


def _of_comments(tour: Tour) -> None:
    here = f"/issues/{tour.pull.number}/comments"
    made = tour.here("POST", here, {"body": "Done."}, 201).body
    assert made["user"]["type"] == "Bot"
    one = f"/issues/comments/{made['id']}"
    assert tour.here("PATCH", one, {"body": "Done, again."}).body["body"] == "Done, again."
    assert tour.here("GET", one).body["body"] == "Done, again."
    assert [found["body"] for found in tour.here("GET", here).body] == ["/retest", "Done, again."]
    assert len(tour.here("GET", "/issues/comments?since=2020-01-01T00:00:00Z&sort=updated").body) == 2
    face = f"/issues/comments/{tour.comment.id}/reactions"
    first = tour.here("POST", face, {"content": "eyes"}, 201).body
    assert tour.here("POST", face, {"content": "eyes"}, 200).body["id"] == first["id"]
    assert len(tour.here("GET", face).body) == 1
    tour.here("DELETE", f"{face}/{first['id']}", None, 204)
    tour.here("DELETE", one, None, 204)


def _of_hooks(tour: Tour) -> None:
    config = {"url": tour.house.hook.url, "content_type": "json", "secret": "s", "insecure_ssl": "0"}
    made = tour.here("POST", "/hooks", {"config": config, "events": ["push"], "active": True}, 201).body
    here = f"/hooks/{made['id']}"
    assert len(tour.here("GET", "/hooks").body) == 1
    assert tour.here("GET", here).body["config"]["secret"] == "********"
    told = tour.here("PATCH", here, {"add_events": ["pull_request"]}).body
    assert told["events"] == ["push", "pull_request"]
    tour.here("POST", f"{here}/pings", None, 204)
    tour.house.settled()
    listed = tour.here("GET", f"{here}/deliveries").body
    assert [(one["event"], one["status_code"]) for one in listed] == [("ping", 202), ("ping", 202)]
    delivery = f"{here}/deliveries/{listed[0]['id']}"
    assert tour.here("GET", delivery).body["request"]["payload"]["hook_id"] == made["id"]
    tour.here("POST", f"{delivery}/attempts", None, 202)
    tour.ask(tour.ada, "DELETE", tour.house.place(here), None, 204)


def _of_app_hooks(tour: Tour) -> None:
    tour.house.settled()
    config = tour.ask(tour.app, "GET", "/app/hook/config").body
    assert config["url"] == tour.house.hook.url
    tour.ask(tour.app, "PATCH", "/app/hook/config", {"content_type": "json"})
    listed = tour.ask(tour.app, "GET", "/app/hook/deliveries?per_page=5").body
    assert len(listed) == 5
    one = f"/app/hook/deliveries/{listed[-1]['id']}"
    assert tour.ask(tour.app, "GET", one).body["guid"] == listed[-1]["guid"]
    tour.ask(tour.app, "POST", f"{one}/attempts", None, 202)


def _of_deployments(tour: Tour) -> None:
    told = {
        "ref": tour.sha,
        "environment": "staging",
        "auto_merge": False,
        "required_contexts": [],
        "payload": {"a": 1},
    }
    made = tour.here("POST", "/deployments", told, 201).body
    here = f"/deployments/{made['id']}"
    status = {
        "state": "success",
        "log_url": "http://luotsi/1",
        "environment_url": "http://model",
        "auto_inactive": True,
    }
    first = tour.here("POST", f"{here}/statuses", status, 201).body
    assert tour.here("GET", here).body["payload"] == {"a": 1}
    assert len(tour.here("GET", f"/deployments?sha={tour.sha}&environment=staging").body) == 1
    assert len(tour.here("GET", f"{here}/statuses").body) == 1
    assert tour.here("GET", f"{here}/statuses/{first['id']}").body["state"] == "success"


def _of_git(tour: Tour) -> None:
    sha = tour.house.head()
    tagger = {"name": "Luotsi", "email": "luotsi@example.org", "date": "2026-01-02T03:04:05Z"}
    told = {"tag": "m@v1", "message": "Promote", "object": sha, "type": "commit", "tagger": tagger}
    tag = tour.here("POST", "/git/tags", told, 201).body
    assert tour.here("GET", f"/git/tags/{tag['sha']}").body["object"]["sha"] == sha
    tour.here("POST", "/git/refs", {"ref": "refs/tags/m@v1", "sha": tag["sha"]}, 201)
    assert tour.here("GET", "/git/ref/tags/m@v1").body["object"]["type"] == "tag"
    assert [one["ref"] for one in tour.here("GET", "/git/matching-refs/tags/m").body] == ["refs/tags/m@v1"]
    assert tour.here("GET", f"/git/commits/{sha}").body["sha"] == sha
    tour.here("POST", "/git/refs", {"ref": "refs/heads/new", "sha": tour.sha}, 201)
    tour.here("PATCH", "/git/refs/heads/new", {"sha": sha, "force": True})
    tour.here("DELETE", "/git/refs/heads/new", None, 204)


def _of_the_end(tour: Tour) -> None:
    tour.ask(tour.bot, "DELETE", "/installation/token", None, 204)
    tour.ask(tour.bot, "GET", tour.house.place(), None, 401)
