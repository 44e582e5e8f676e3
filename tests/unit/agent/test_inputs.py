"""The inputs of an attempt, found and brought: over real HTTP, from a real disk, through the stores of a web side."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from agent.orders import Stopped
from schemas.errors import Gone, Refused, Waiting
from schemas.messages.job import Input
from tests.builders import hostile
from tests.builders.agent_house import AgentHouse
from tests.builders.inputs_bench import Bench
from tests.builders.web_files import WebFile
from tests.parts.s3_server import S3Server


def test_all_kinds_in_one_input_with_all_their_digests(bench: Bench) -> None:
    bench.strangers.files["/d/web.csv"] = WebFile(b"web")
    (bench.data / "local.csv").write_bytes(b"local")
    datum = bench.datum("sub/stored.csv", b"stored", metadata={"label": "cat"})
    uris = (bench.strangers.url("/d/web.csv", login="me:pw"), f"file://{bench.data}/local.csv")
    brought = bench.bring(Input("all", uris=uris, data=(datum,)), Input("none", optional=True))
    assert bench.files() == {"all/stored.csv": b"stored", "all/web.csv": b"web", "all/local.csv": b"local"}
    assert (bench.attempt / "inputs" / "none").is_dir()
    told = bench.told(brought)
    assert told["none"] == []
    assert told["all"] == [
        {
            "name": "stored.csv",
            "path": "/valohai/inputs/all/stored.csv",
            "size": 6,
            "uri": f"datum://{datum.datum}",
            "datum_id": datum.datum,
            "metadata": [{"label": "cat"}],
            "checksums": {
                "md5": hashlib.md5(b"stored").hexdigest(),
                "sha1": hashlib.sha1(b"stored").hexdigest(),
                "sha256": datum.sha256.removeprefix("sha256:"),
            },
        },
        {**told["all"][1], "name": "web.csv", "uri": bench.strangers.url("/d/web.csv"), "metadata": []},
        {**told["all"][2], "name": "local.csv", "uri": uris[1], "size": 5},
    ]
    assert all(len(str(file["checksums"])) > 140 for file in told["all"])
    assert not any("datum_id" in file or "input_id" in file for file in told["all"][1:])


def test_a_pattern_is_resolved_in_order_and_its_directories_kept(bench: Bench) -> None:
    for name in ("b/2.jpg", "a/1.jpg", "b/1.jpg", "a.png"):
        (bench.data / name).parent.mkdir(exist_ok=True)
        (bench.data / name).write_text(name)
    described = Input("x", uris=(f"file://{bench.data}/**.jpg",), keep_directories="suffix")
    assert [file.name for file in bench.bring(described).files] == ["a/1.jpg", "b/1.jpg", "b/2.jpg"]
    assert bench.files()["x/b/2.jpg"] == b"b/2.jpg"
    with pytest.raises(Refused, match=r"want the name '1.jpg'.*a/1.jpg and .*b/1.jpg"):
        bench.bring(replace(described, keep_directories="none"))


def test_a_pattern_that_fits_nothing(bench: Bench) -> None:
    uri = f"file://{bench.data}/*.csv"
    with pytest.raises(Refused, match=r"'x' is required, and nothing fits file:///"):
        bench.bring(Input("x", uris=(uri,)))
    brought = bench.bring(Input("x", uris=(uri,), optional=True))
    assert brought.files == ()
    assert brought.notes == (f"nothing fits {uri} of the optional input x",)
    (bench.data / "a").write_text("")
    brought = bench.bring(Input("x", uris=(uri, f"file://{bench.data}/a"), optional=True))
    assert [file.name for file in brought.files] == ["a"]


def test_a_file_that_is_missing_is_an_error_for_an_optional_input_too(bench: Bench) -> None:
    for uri in (f"file://{bench.data}/nothing", bench.strangers.url("/nothing")):
        with pytest.raises(Gone, match=r"the input 'x': .*nothing"):
            bench.bring(Input("x", uris=(uri,), optional=True))


def test_a_name_for_one_file_when_there_are_two(bench: Bench) -> None:
    for name in "ab":
        (bench.data / name).write_text(name)
    brought = bench.bring(Input("x", uris=(f"file://{bench.data}/*",), filename="one"))
    assert sorted(bench.files()) == ["x/a", "x/b"]
    assert brought.notes == ("the input x has 2 files, so that its `filename` names none of them",)


def test_a_scheme_that_nobody_knows(bench: Bench) -> None:
    with pytest.raises(Refused, match=r"the input 'x': ftp://h/f .*Known: http:// https:// s3:// file://"):
        bench.bring(Input("x", uris=("ftp://h/f",)))


def test_an_untrusted_attempt_reads_neither_the_disk_nor_the_machines_ports(bench: Bench) -> None:
    (bench.data / "f").write_text("x")
    bench.strangers.files["/f"] = WebFile(b"x")
    for uri in (f"file://{bench.data}/f", f"file://{bench.data}/*", bench.strangers.url("/f")):
        with pytest.raises(Refused, match="untrusted"):
            bench.bring(Input("x", uris=(uri,)), trust="untrusted")


def test_a_file_that_the_disk_takes_for_another_is_not_written_over(bench: Bench) -> None:
    """As a disk that folds case does it: the name is new to us, and a file is there."""
    (bench.data / "readme").write_text("second")
    first = bench.folder / "attempt-1" / "inputs" / "x" / "readme"
    first.parent.mkdir(parents=True)
    first.write_text("first")
    with pytest.raises(Refused, match="differ in case or accents only"):
        bench.bring(Input("x", uris=(f"file://{bench.data}/*",)))
    assert first.read_text() == "first"


def test_names_of_other_cases_and_compositions_are_other_files(bench: Bench) -> None:
    names = ["README", "readme", "é", "e\u0301", "a\nb", " ", "-rf", "$(x)"]
    for name in names:
        (bench.data / name).write_text(name)
    bench.bring(Input("x", uris=(f"file://{bench.data}/*",)))
    assert bench.files() == {f"x/{name}": name.encode() for name in names}


@pytest.mark.parametrize("raw", hostile.ESCAPES.values(), ids=hostile.ESCAPES)
@pytest.mark.parametrize("keep", ["none", "full"])
def test_no_name_of_a_datum_leaves_the_inputs_directory(bench: Bench, raw: bytes, keep: str) -> None:
    described = Input("x", data=(bench.datum(raw.decode(), b"x"),), keep_directories=keep)  # type: ignore[arg-type]
    before = {path for path in bench.folder.rglob("*") if path.is_file()}
    try:
        bench.bring(described)
    except Refused:
        assert bench.files() == {}
    else:
        assert list(bench.files().values()) == [b"x"]
    made = {path for path in bench.folder.rglob("*") if path.is_file()} - before
    own = (bench.attempt / "inputs" / "x", bench.settings.folder, bench.attempt / "on-demand.json")
    assert [path for path in made if not any(path.is_relative_to(each) for each in own)] == []
    assert not Path("/tmp/luotsi-escaped").exists()


def test_a_bucket_is_listed_once_and_its_versions_are_kept(bench: Bench, s3_server: S3Server) -> None:
    bucket = s3_server.fresh()
    access = {
        "bucket": bucket, "endpoint": s3_server.address,
        "access-key": s3_server.access_key, "secret-key": s3_server.secret_key,
    }  # fmt: skip
    bench.settings = replace(bench.settings, input_buckets=(access,))
    for name in ("b/2.csv", "a/1.csv", "a/1.txt"):
        s3_server.put(bucket, f"top/{name}", name.encode())
    described = Input("x", uris=(f"s3://{bucket}/top/**.csv",), keep_directories="suffix")
    brought = bench.bring(described)
    assert [(file.name, file.uri) for file in brought.files] == [
        ("a/1.csv", f"s3://{bucket}/top/a/1.csv"), ("b/2.csv", f"s3://{bucket}/top/b/2.csv"),
    ]  # fmt: skip
    supply = bench.supply(bench.last)
    known = [supply.cache.known(found.uri, found.version) for found in supply.find(described.uris[0])]
    assert known == [file.sha256 for file in brought.files]
    s3_server.put(bucket, "top/a/1.csv", b"changed")
    bench.bring(replace(described, keep_directories="full"))
    assert bench.files() == {"x/top/a/1.csv": b"changed", "x/top/b/2.csv": b"b/2.csv"}


def test_an_attempt_takes_odd_names_and_records_what_it_has(house: AgentHouse, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    odd = {name: raw for name, raw in hostile.NAMES.items() if name != "not-utf8"}
    for raw in odd.values():
        (folder / raw.decode()).write_bytes(raw)
    uris = (f"file://{folder}/**",)
    described = (Input("now", uris=uris), Input("late", uris=uris, download="on-demand"))
    with house.agent(input_folders=(str(folder),)):
        held = house.send("true", inputs=described)
        assert house.result(held).outcome == "complete"
    assert held.manifest
    now, late = ([each for each in held.manifest.inputs if each.input == name] for name in ("now", "late"))
    names = [each.name.encode() for each in now]
    assert sorted(names) == sorted(odd.values())
    assert [each.name for each in now] == [each.name for each in late]
    assert {each.size for each in late} == {len(raw) for raw in names}
    assert {each.sha256 for each in late} == {None}
    assert [each.sha256 for each in now] == [f"sha256:{hashlib.sha256(raw).hexdigest()}" for raw in names]


class TestCache:
    def test_data_are_fetched_once_and_verified_each_time(self, bench: Bench) -> None:
        datum = bench.datum("f", b"stored")
        key = f"/objects/{datum.store}/{datum.key}"
        first, second = (bench.bring(Input("x", data=(datum,))) for _ in range(2))
        assert first.files == second.files
        assert bench.gets(key) == 1
        for path in (bench.folder / "agent" / "data-cache" / "trusted" / "contents").iterdir():
            path.write_bytes(b"evil!!")
        assert bench.bring(Input("x", data=(datum,))).files == first.files
        assert (bench.gets(key), bench.files()) == (2, {"x/f": b"stored"})

    def test_a_job_that_writes_to_its_inputs_changes_nothing_for_others(self, bench: Bench) -> None:
        datum = bench.datum("f", b"stored")
        for _ in range(2):
            bench.bring(Input("x", data=(datum,)))
            (bench.attempt / "inputs" / "x" / "f").write_bytes(b"mine")
        bench.bring(Input("x", data=(datum,)))
        assert bench.files() == {"x/f": b"stored"}

    def test_a_web_file_is_kept_by_its_strong_tag_only(self, bench: Bench) -> None:
        bench.strangers.files |= {"/strong": WebFile(b"1", etag='"a"'), "/weak": WebFile(b"1", etag='W/"a"')}
        uris = (bench.strangers.url("/strong"), bench.strangers.url("/weak"))
        for _ in range(3):
            bench.bring(Input("x", uris=uris))
        assert (bench.gets("/strong"), bench.gets("/weak")) == (1, 3)
        bench.strangers.files["/strong"] = WebFile(b"2", etag='"b"')
        bench.bring(Input("x", uris=uris))
        assert bench.files()["x/strong"] == b"2"

    def test_what_may_not_be_read_any_more_is_not_read_from_the_cache(self, bench: Bench) -> None:
        bench.strangers.files["/f"] = WebFile(b"1", etag='"a"', login="me:pw")
        bench.bring(Input("x", uris=(bench.strangers.url("/f", login="me:pw"),)))
        with pytest.raises(Refused, match="401"):
            bench.bring(Input("x", uris=(bench.strangers.url("/f", login="other:pw"),)))

    def test_a_job_may_ask_for_fresh_data_which_are_kept_again(self, bench: Bench) -> None:
        datum = bench.datum("f", b"stored")
        key = f"/objects/{datum.store}/{datum.key}"
        fresh = {"VH_NO_DATA_CACHE": "yes"}
        bench.bring(Input("x", data=(datum,)), environment_variables=fresh)
        bench.bring(Input("x", data=(datum,)), environment_variables=fresh)
        assert bench.gets(key) == 2
        bench.bring(Input("x", data=(datum,)))
        assert bench.gets(key) == 2
        bench.settings = replace(bench.settings, controls=())
        bench.bring(Input("x", data=(datum,)), environment_variables=fresh)
        assert bench.gets(key) == 2

    def test_untrusted_attempts_have_a_cache_of_their_own(self, bench: Bench) -> None:
        datum = bench.datum("f", b"stored")
        key = f"/objects/{datum.store}/{datum.key}"
        bench.bring(Input("x", data=(datum,)))
        bench.bring(Input("x", data=(datum,)), trust="untrusted")
        bench.bring(Input("x", data=(datum,)), trust="untrusted")
        assert bench.gets(key) == 2


class TestTroubles:
    def test_what_is_away_is_tried_again(self, bench: Bench) -> None:
        bench.settings = replace(bench.settings, store_patience=20.0)
        bench.strangers.files["/f"] = WebFile(status=503)
        seen = bench.strangers.answer
        asked = iter(range(100))

        def later(request: object) -> None:
            if next(asked) == 2:
                bench.strangers.files["/f"] = WebFile(b"here")
            seen(request)  # type: ignore[arg-type]

        bench.strangers.answer = later  # type: ignore[method-assign]
        bench.bring(Input("x", uris=(bench.strangers.url("/f"),)))
        assert bench.files() == {"x/f": b"here"}

    def test_the_last_word_names_the_input(self, bench: Bench) -> None:
        bench.strangers.files["/f"] = WebFile(status=503)
        with pytest.raises(Waiting, match=r"the input 'x': .*503"):
            bench.bring(Input("x", uris=(bench.strangers.url("/f"),)))

    def test_a_stop_is_heard_in_the_middle_of_a_file(self, bench: Bench) -> None:
        (bench.data / "large").write_bytes(b"x" * 5_000_000)
        job = bench.job(Input("x", uris=(f"file://{bench.data}/large",)))
        supply = bench.supply(job)
        [found] = supply.find(job.inputs[0].uris[0])
        with supply.sources.open(found) as opened:
            heeding = supply.objects.heeding(opened.pieces)
            next(heeding)
            bench.orders.stop()
            with pytest.raises(Stopped):
                list(heeding)

    def test_the_first_that_fails_ends_the_rest(self, bench: Bench) -> None:
        uris = tuple(bench.strangers.url(f"/{number}") for number in range(200))
        bench.strangers.files["/1"] = WebFile(b"x")
        with pytest.raises(Gone, match="/0"):
            bench.bring(Input("x", uris=uris))
        assert len([line for line in bench.strangers.asked if line.startswith("GET")]) < 100
