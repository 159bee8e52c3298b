"""A real web server on this machine that misbehaves as told."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deepsphere.sources.retry import RetryPolicy

MODIFIED = "Tue, 01 Sep 2026 10:00:00 GMT"


@dataclass
class Fault:
    """What goes wrong with one request."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    stall_after: int | None = None
    extra_length: int = 0
    wrong_start: int = 0
    range_bytes: int | None = None


@dataclass
class WebServer:
    """Files by path, with what to do wrong and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str | None] = field(default_factory=dict)
    modified: str | None = MODIFIED
    pages: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    encoding: str | None = None
    chunked: bool = False
    ignores_range: bool = False
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    resume: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ranges(self) -> list[str | None]:
        return [requested for _, requested in self.requests]

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def fail(self, path: str, *faults: Fault) -> None:
        self.faults.setdefault(path, []).extend(faults)


def _handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            requested = self.headers.get("Range")
            server.requests.append((self.path, requested))
            queue = server.faults.get(self.path, [])
            fault = queue.pop(0) if queue else Fault()
            if fault.status is not None:
                self.answer(fault.status, b"<html>an error page</html>", fault.headers)
            elif self.path in server.pages:
                self.answer(200, server.pages[self.path], {})
            elif self.path in server.files:
                self.send_file(requested, fault)
            else:
                self.answer(404, b"<html>no such file</html>", {})

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def send_file(self, requested: str | None, fault: Fault) -> None:
            content = server.files[self.path]
            start = 0
            if requested and not server.ignores_range:
                start = int(requested.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                    return
                self.send_response(206)
                start += fault.wrong_start
                stop = len(content) if fault.range_bytes is None else start + fault.range_bytes
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
                content = content[:stop]
            else:
                self.send_response(200)
            body = content[start:]
            etag = server.etags.get(self.path, '"one"')
            if etag is not None:
                self.send_header("ETag", etag)
            if server.modified is not None:
                self.send_header("Last-Modified", server.modified)
            if server.encoding is not None:
                self.send_header("Content-Encoding", server.encoding)
            if server.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            else:
                self.send_header("Content-Length", str(len(body) + fault.extra_length))
            self.end_headers()
            if fault.stall_after is not None:
                self.wfile.write(body[: fault.stall_after])
                self.wfile.flush()
                server.resume.wait(20)
                self.close_connection = True
            elif fault.drop_after is not None or fault.extra_length:
                self.wfile.write(body[: fault.drop_after])
                self.close_connection = True
            else:
                self.wfile.write(body)

    return Handler


@pytest.fixture
def fault() -> type[Fault]:
    """Return the class of faults, for ``server.fail(path, fault(...))``."""
    return Fault


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """Run a web server for one test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = WebServer()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(state)) as listener:
        listener.daemon_threads = True
        listener.handle_error = lambda *_: None  # a client that was killed is no news
        state.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield state
        state.resume.set()
        listener.shutdown()
        thread.join()


@pytest.fixture
def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def hasty() -> RetryPolicy:
    """Return a policy of three attempts with hardly a pause between them."""
    return RetryPolicy(
        attempts=3,
        first_wait_seconds=0.01,
        longest_wait_seconds=0.02,
        connect_timeout_seconds=2.0,
        read_timeout_seconds=2.0,
    )
