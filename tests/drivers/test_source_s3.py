"""Buckets as inputs, against an S3 server on loopback (moto's: it checks no signatures, but who may read without one)."""

import pytest

from agent.sources import s3
from agent.sources.port import Access, Source
from schemas.errors import Gone, Refused, Waiting
from tests.drivers.source_contract import PatternContract, read
from tests.parts.process import free_port
from tests.parts.s3_server import S3Server


def entry(server: S3Server, bucket: str = "*", **more: object) -> dict[str, object]:
    keys = {"access-key": server.access_key, "secret-key": server.secret_key}
    return {"bucket": bucket, "endpoint": server.address, "region": server.region, **keys, **more}


class BucketShop:
    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.bucket = server.fresh()
        self.source: Source = s3.connect(Access(buckets=(entry(server),)))

    def put(self, path: str, data: bytes) -> None:
        self.server.put(self.bucket, path, data)

    def uri(self, path: str) -> str:
        return f"s3://{self.bucket}/{path}"


@pytest.fixture
def shop(s3_server: S3Server) -> BucketShop:
    return BucketShop(s3_server)


class TestS3(PatternContract):
    def test_markers_of_folders_are_no_files(self, shop: BucketShop) -> None:
        for path in ("d/", "d/sub/", "d/sub/x", "d/alone/", "d/empty"):
            shop.put(path, b"x" if path.endswith("x") else b"")
        assert [each.path for each in shop.source.find(shop.uri("d/"))] == ["d/empty", "d/sub/x"]

    @pytest.mark.parametrize("key", ["h/a//b", "h/../x", "h/./x", "h/\x07bell"])
    def test_keys_that_are_no_paths_are_refused_by_name(self, shop: BucketShop, key: str) -> None:
        shop.put(key, b"x")
        for pattern in ("h/", key):
            with pytest.raises((Refused, Gone)) as caught:
                shop.source.find(shop.uri(pattern))
            assert shop.bucket in str(caught.value)

    @pytest.mark.parametrize(
        "uri", ["s3://", "s3://x", "s3:///key", "s3://../key", "s3://a b/key", "s3://bucket", "s3://u:p@b/k"]
    )
    def test_what_names_no_object_is_refused(self, shop: BucketShop, uri: str) -> None:
        with pytest.raises(Refused, match="names no"):
            shop.source.find(uri)

    def test_no_such_bucket(self, shop: BucketShop) -> None:
        for key in ("x*", "x"):
            with pytest.raises((Refused, Gone), match="not-there"):
                shop.source.find(f"s3://not-there/{key}")

    @pytest.mark.parametrize(
        ("most", "pattern", "words"),
        [(3, "d/", "more than 3 files fit s3://"), (1, "d/x*", "more than 20 keys")],
    )
    def test_more_than_there_may_be(self, shop: BucketShop, most: int, pattern: str, words: str) -> None:
        for number in range(21):
            shop.put(f"d/{number}", b"x")
        few = s3.S3Source(Access(buckets=(entry(shop.server),)), most)
        with pytest.raises(Refused, match=words):
            few.find(shop.uri(pattern))


class TestAccess:
    def test_the_first_entry_that_fits_is_used(self, shop: BucketShop) -> None:
        shop.put("x", b"here")
        nowhere = {
            "bucket": f"{shop.bucket}*",
            "endpoint": f"http://127.0.0.1:{free_port()}",
            "anonymous": True,
        }
        good = entry(shop.server)
        first = s3.connect(Access(buckets=({**nowhere, "bucket": "other-*"}, good, nowhere)))
        assert read(first, first.find(shop.uri("x"))[0]) == b"here"
        with pytest.raises(Waiting):
            s3.connect(Access(buckets=(nowhere, good))).find(shop.uri("x"))

    @pytest.mark.parametrize(
        ("access", "expected"),
        [
            (Access(), {"region": "us-east-1", "access_key_id": None, "secret_access_key": None}),
            (
                Access(
                    buckets=({"bucket": "b", "region": "eu-north-1", "access-key": "k", "secret-key": "s"},)
                ),
                {"region": "eu-north-1", "access_key_id": "k", "secret_access_key": "s"},
            ),
            (
                Access(buckets=({"bucket": "b", "anonymous": True, "access-key": "k", "secret-key": "s"},)),
                {"region": "us-east-1", "anonymous": True},
            ),
            (
                Access(buckets=({"bucket": "b", "access-key": "k", "secret-key": "s"},), is_trusted=False),
                {"region": "us-east-1", "anonymous": True},
            ),
            (Access(is_trusted=False), {"region": "us-east-1", "anonymous": True}),
        ],
    )
    def test_whose_rights_are_used(self, access: Access, expected: dict[str, object]) -> None:
        assert s3._settings("b", access) == {"endpoint": "", "allow_http": False, **expected}

    def test_half_a_key_is_refused_with_its_setting(self, shop: BucketShop) -> None:
        half = {**entry(shop.server), "secret-key": ""}
        with pytest.raises(Refused, match="half a key"):
            s3.connect(Access(buckets=(half,))).find(shop.uri("x"))

    @pytest.mark.parametrize("is_trusted", [True, False])
    def test_nobody_reads_what_everybody_may(self, shop: BucketShop, is_trusted: bool) -> None:
        shop.server.put(shop.bucket, "open", b"to all", is_public=True)
        shop.put("closed", b"to most")
        access = Access(buckets=(entry(shop.server, anonymous=is_trusted),), is_trusted=is_trusted)
        nobody = s3.connect(access)
        assert read(nobody, nobody.find(shop.uri("open"))[0]) == b"to all"
        with pytest.raises(Refused, match=r"refuses.*inputs\.s3"):
            nobody.find(shop.uri("closed"))
