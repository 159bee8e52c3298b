"""Downloads by byte range from a web server that misbehaves."""

import gzip
import json
import logging
import random
from pathlib import Path

import pytest
import requests

from deepsphere.sources.retry import Refused, RetryPolicy, Unavailable
from deepsphere.sources.transfer import discard, download, new_session, read_page, state_path

CONTENT = random.Random(1).randbytes(300_000)
PATH = "/data.bin"


@pytest.fixture
def session() -> requests.Session:
    return new_session()


@pytest.fixture
def get(server, session, hasty, tmp_path):
    server.files[PATH] = CONTENT

    def call(path: str = PATH, policy: RetryPolicy = hasty):
        url = server.url + path
        return download(session, url, url, tmp_path / "data.bin.part", policy)

    return call


@pytest.fixture
def part(tmp_path) -> Path:
    return tmp_path / "data.bin.part"


def _leave(server, get, fault, count: int) -> None:
    """Leave a partial file, as a process does that ends after some bytes."""
    server.fail(PATH, fault(drop_after=count))
    with pytest.raises(Unavailable):
        get(policy=RetryPolicy(attempts=1))
    server.requests.clear()


def test_whole_file_in_one_request(server, get, part) -> None:
    result = get()
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert result.version.size == len(CONTENT)
    assert result.version.etag == '"one"'
    assert result.version.modified == server.modified
    assert not result.is_continued


def test_dropped_connection_continues_with_the_missing_bytes_only(server, get, part, fault) -> None:
    server.fail(PATH, fault(drop_after=100_000), fault(drop_after=50_000))
    get()
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_later_call_continues_an_earlier_one(server, get, part, fault) -> None:
    _leave(server, get, fault, 123_457)
    assert part.read_bytes() == CONTENT[:123_457]
    result = get()
    assert part.read_bytes() == CONTENT
    assert server.ranges == ["bytes=123457-"]
    assert result.is_continued


def test_whole_part_needs_no_request(server, get, part) -> None:
    first = get()
    server.requests.clear()
    assert get().version == first.version
    assert server.requests == []


@pytest.mark.parametrize("change", ["etag", "modified", "size"])
def test_changed_file_is_begun_afresh(server, get, part, fault, change) -> None:
    _leave(server, get, fault, 100_000)
    changed = CONTENT[::-1]
    if change == "etag":
        server.etags[PATH] = '"two"'
    elif change == "modified":
        server.modified = "Wed, 02 Sep 2026 10:00:00 GMT"
    else:
        changed += b"more"
    server.files[PATH] = changed
    get()
    assert part.read_bytes() == changed
    assert server.ranges == ["bytes=100000-", None]


def test_file_that_changes_between_attempts_is_never_mixed(server, get, part, fault) -> None:
    server.fail(PATH, fault(drop_after=100_000))

    class Changing(list):
        def append(self, request) -> None:
            super().append(request)
            if len(self) == 2:
                server.files[PATH] = CONTENT[::-1]
                server.etags[PATH] = '"two"'

    server.requests = Changing()
    get()
    assert part.read_bytes() == CONTENT[::-1]
    assert server.ranges == [None, "bytes=100000-", None]


def test_server_without_ranges_sends_everything_again(server, get, part, fault) -> None:
    _leave(server, get, fault, 100_000)
    server.ignores_range = True
    get()
    assert part.read_bytes() == CONTENT
    assert server.ranges == ["bytes=100000-"]


def test_server_without_ranges_that_always_drops_is_given_up(server, get, part, fault) -> None:
    server.ignores_range = True
    server.fail(PATH, *[fault(drop_after=100_000)] * 10)
    with pytest.raises(Unavailable, match="3 attempts in a row"):
        get()
    assert len(server.requests) == 3


@pytest.mark.parametrize("shift", [-10, 10])
def test_range_that_starts_elsewhere_is_not_appended(server, get, part, fault, shift) -> None:
    _leave(server, get, fault, 100_000)
    server.fail(PATH, fault(wrong_start=shift))
    get()
    assert part.read_bytes() == CONTENT
    assert server.ranges == ["bytes=100000-", None]


def test_range_shorter_than_asked_for_is_continued(server, get, part, fault) -> None:
    _leave(server, get, fault, 100_000)
    server.fail(PATH, fault(range_bytes=50_000))
    get()
    assert part.read_bytes() == CONTENT
    assert server.ranges == ["bytes=100000-", "bytes=150000-"]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_continued(server, get, part, fault, etag) -> None:
    server.modified = None
    server.etags[PATH] = etag
    _leave(server, get, fault, 100_000)
    get()
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None]


@pytest.mark.parametrize("spoil", ["missing", "not json", "other fields", "other url", "too long"])
def test_part_without_a_sound_record_is_not_continued(server, get, part, fault, spoil) -> None:
    _leave(server, get, fault, 100_000)
    record = state_path(part)
    state = json.loads(record.read_text())
    if spoil == "missing":
        record.unlink()
    elif spoil == "not json":
        record.write_text("{")
    elif spoil == "other fields":
        record.write_text("[1]")
    elif spoil == "other url":
        record.write_text(json.dumps(state | {"url": "http://elsewhere/data.bin"}))
    else:
        part.write_bytes(CONTENT + b"more")
    get()
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None]


def test_file_that_shrank_below_the_part_is_begun_afresh(server, get, part, fault) -> None:
    _leave(server, get, fault, 100_000)
    server.files[PATH] = CONTENT[:50_000]
    get()
    assert part.read_bytes() == CONTENT[:50_000]
    assert server.ranges == ["bytes=100000-", None]


def test_wrong_length_is_noticed(server, get, part, fault) -> None:
    server.fail(PATH, *[fault(extra_length=7)] * 10)
    with pytest.raises(Unavailable, match="broke off"):
        get()


def test_server_errors_are_retried(server, get, part, fault, caplog) -> None:
    server.fail(PATH, fault(status=500), fault(status=503, headers={"Retry-After": "0"}))
    with caplog.at_level(logging.WARNING):
        get()
    assert part.read_bytes() == CONTENT
    assert len(server.requests) == 3
    assert f"HTTP 500 Internal Server Error for {server.url}{PATH}" in caplog.text


def test_server_errors_end_at_the_last_attempt(server, get, fault) -> None:
    server.fail(PATH, *[fault(status=500)] * 10)
    with pytest.raises(Unavailable, match=r"HTTP 500 .*data\.bin \(3 attempts in a row\)"):
        get()
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_refusals_are_not_retried(server, get, part, fault, status) -> None:
    server.fail(PATH, fault(status=status))
    with pytest.raises(Refused, match=f"HTTP {status} .* for {server.url}{PATH}"):
        get()
    assert len(server.requests) == 1
    assert not part.exists()


def test_refusal_leaves_what_was_begun(server, get, part, fault) -> None:
    _leave(server, get, fault, 100_000)
    server.fail(PATH, fault(status=404))
    with pytest.raises(Refused):
        get()
    get()
    assert server.ranges[-1] == "bytes=100000-"


def test_silent_server_times_out(server, get, fault) -> None:
    server.fail(PATH, fault(stall_after=1000))
    policy = RetryPolicy(attempts=1, read_timeout_seconds=0.2)
    with pytest.raises(Unavailable, match="timed out"):
        get(policy=policy)


def test_nobody_answers(session, hasty, part, free_port) -> None:
    url = f"http://127.0.0.1:{free_port}/x"
    with pytest.raises(Unavailable, match="Connection refused"):
        download(session, url, url, part, hasty)


def test_malformed_url_shows_no_password(session, hasty, part) -> None:
    with pytest.raises(Refused) as caught:
        download(session, "http://me:secret@host:port/x", "http://host:port/x", part, hasty)
    assert "secret" not in str(caught.value)


def test_stored_bytes_arrive_whatever_the_server_says_of_them(server, session, hasty, part) -> None:
    # Servers label .csv.gz files with "Content-Encoding: gzip"; decoding would break the hash.
    content = gzip.compress(b"a,b\n" * 1000)
    server.files["/x.gz"] = content
    server.encoding = "gzip"
    download(session, server.url + "/x.gz", server.url + "/x.gz", part, hasty)
    assert part.read_bytes() == content


def test_body_of_unknown_length(server, get, part, fault) -> None:
    server.chunked = True
    server.fail(PATH, fault(drop_after=100_000))
    assert get().version.size is None
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_discard_leaves_nothing(server, get, part, tmp_path) -> None:
    get()
    discard(part)
    discard(part)
    assert list(tmp_path.iterdir()) == []


def test_page(server, session, hasty, fault) -> None:
    server.pages["/page"] = b"<list/>"
    server.fail("/page", fault(status=502))
    assert read_page(session, server.url + "/page", hasty) == b"<list/>"
