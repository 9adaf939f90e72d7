"""Downloads from a server on loopback that breaks off, lies, stalls or has the wrong file."""

import hashlib
import http.server
import multiprocessing
import socket
import threading

import numpy as np
import pytest

from jaxtex import errors
from jaxtex.weights.convert import catalog, download

DATA = np.random.default_rng(0).bytes(3 << 20)
SILENT = lambda done, total: None


class Server(http.server.ThreadingHTTPServer):
    """Serves `DATA` with a fault; notes what was asked for."""

    def __init__(self, fault=""):
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault, self.ranges, self.done = fault, [], threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that hangs up is part of the tests."""

    def published(self):
        url = f"http://127.0.0.1:{self.server_address[1]}/vgg.pth"
        return catalog.Published(
            "vgg16",
            "torchvision",
            url,
            len(DATA),
            ("sha256", hashlib.sha256(DATA).hexdigest()),
            "none",
        )


class Handler(http.server.BaseHTTPRequestHandler):
    """One answer, with the server's fault."""

    def log_message(self, *_):
        """Silent."""

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.server.fault == "404":
            return self.send_error(404)
        start = (
            int(asked.removeprefix("bytes=").removesuffix("-"))
            if asked and self.server.fault != "no ranges"
            else 0
        )
        data = DATA[start:] if self.server.fault != "wrong" else bytes(len(DATA))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        if self.server.fault != "no length":
            self.send_header("Content-Length", str(len(data) + 100 * (self.server.fault == "long")))
        self.end_headers()
        broken = self.server.fault in ("breaks", "no ranges") and len(self.server.ranges) < 3
        silent = self.server.fault == "stalls" and len(self.server.ranges) > 1
        self.wfile.write(
            b"" if silent else data[: 1 << 20] if broken or self.server.fault == "stalls" else data
        )
        if self.server.fault == "endless":
            self.wfile.write(DATA)
        if self.server.fault == "stalls":
            self.server.done.wait(5)
        return None


@pytest.fixture
def serve():
    servers = []

    def start(fault=""):
        servers.append(Server(fault))
        return servers[-1]

    yield start
    for server in servers:
        server.done.set()
        server.shutdown()
        server.server_close()


def left(folder):
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize("fault", ["", "breaks", "no ranges", "no length"])
def test_a_file_arrives_whole(serve, tmp_path, fault):
    server, seen = serve(fault), []
    path = download.fetch(
        server.published(), tmp_path, lambda done, total: seen.append((done, total))
    )
    assert path.read_bytes() == DATA and left(tmp_path) == {"vgg.pth"}
    assert seen[-1] == (len(DATA), len(DATA))
    assert server.ranges == (
        [None, f"bytes={1 << 20}-", f"bytes={2 << 20}-"] if fault == "breaks" else server.ranges
    )


def test_an_earlier_attempt_is_continued(serve, tmp_path):
    server = serve()
    (tmp_path / "vgg.pth.part").write_bytes(DATA[:1000])
    assert download.fetch(server.published(), tmp_path, SILENT).read_bytes() == DATA
    assert server.ranges == ["bytes=1000-"]


@pytest.mark.parametrize(
    "fault, text",
    [
        ("404", "HTTP 404"),
        ("wrong", "sent a file with the sha256"),
        ("long", f"announces {len(DATA) + 100} bytes instead of {len(DATA)}"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_stays(serve, tmp_path, fault, text):
    with pytest.raises(download.RefusedError, match=text):
        download.fetch(serve(fault).published(), tmp_path, SILENT)
    assert left(tmp_path) == set()


def test_more_than_was_announced_is_not_taken(serve, tmp_path):
    path = download.fetch(serve("endless").published(), tmp_path, SILENT)
    assert path.read_bytes() == DATA


def test_a_server_that_stalls_is_given_up_and_what_came_is_kept_for_later(serve, tmp_path):
    with pytest.raises(download.RefusedError, match="timed out"):
        download.fetch(serve("stalls").published(), tmp_path, SILENT, stall=0.2)
    assert left(tmp_path) == {"vgg.pth.part"}
    assert download.fetch(serve().published(), tmp_path, SILENT).read_bytes() == DATA


def test_nobody_listens(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/vgg.pth"
        published = catalog.Published("vgg16", "torchvision", url, 5, ("sha256", "0" * 64), "none")
        text = f"refused; .*refused.* By hand: bring {url} .sha256 0{{64}}. and type 'jaxtex-weights convert"
        with pytest.raises(errors.UserError, match=text):
            download.from_any([published, published], tmp_path, SILENT)


def test_the_next_mirror_is_tried(serve, tmp_path):
    good = serve().published()
    assert download.from_any([serve("404").published(), good], tmp_path, SILENT)[0] == good


def fetch(published, folder, queue):
    queue.put(download.fetch(published, folder, SILENT).read_bytes() == DATA)


def test_two_processes_end_with_one_good_file(serve, tmp_path):
    server, context = serve(), multiprocessing.get_context("spawn")
    queue = context.Queue()
    both = [
        context.Process(target=fetch, args=(server.published(), tmp_path, queue)) for _ in range(2)
    ]
    for process in both:
        process.start()
    assert [queue.get(timeout=60), queue.get(timeout=60)] == [True, True]
    for process in both:
        process.join()
    assert left(tmp_path) == {"vgg.pth"} and len(server.ranges) == 1
