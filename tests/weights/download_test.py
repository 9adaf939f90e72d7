"""Tests downloads from a local server that breaks off, lies, stalls or has the wrong file."""

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


def ignore_progress(received, total):
    """Does nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Server of `DATA` with a fault; records the ranges that clients request."""

    def __init__(self, fault=""):
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault = fault
        self.ranges = []
        self.done = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Prints nothing: clients of these tests hang up."""

    def published(self):
        url = f"http://127.0.0.1:{self.server_address[1]}/vgg.pth"
        sha256 = hashlib.sha256(DATA).hexdigest()
        return catalog.Published("vgg16", "torchvision", url, len(DATA), ("sha256", sha256), "none")


class Handler(http.server.BaseHTTPRequestHandler):
    """One response with the server's fault."""

    def log_message(self, *_):
        """Prints nothing."""

    def do_GET(self):
        fault, requested = self.server.fault, self.headers.get("Range")
        self.server.ranges.append(requested)
        attempts = len(self.server.ranges)
        if fault == "404":
            return self.send_error(404)

        start = 0
        if requested and fault != "no ranges":
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
        data = bytes(len(DATA)) if fault == "wrong" else DATA[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        if fault != "no length":
            self.send_header("Content-Length", str(len(data) + 100 * (fault == "long")))
        self.end_headers()

        if fault == "stalls" or (fault in ("breaks", "no ranges") and attempts < 3):
            data = data[: 1 << 20]
        if fault == "stalls" and attempts > 1:
            data = b""
        self.wfile.write(data)
        if fault == "endless":
            self.wfile.write(DATA)
        if fault == "stalls":
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


def files_in(folder):
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["", "breaks", "no ranges", "no length"])
def test_a_file_is_downloaded(serve, tmp_path, fault):
    server, progress = serve(fault), []
    path = download.fetch(server.published(), tmp_path, lambda *sizes: progress.append(sizes))
    assert path.read_bytes() == DATA and files_in(tmp_path) == {"vgg.pth"}
    assert progress[-1] == (len(DATA), len(DATA))
    if fault == "breaks":
        assert server.ranges == [None, f"bytes={1 << 20}-", f"bytes={2 << 20}-"]


def test_an_earlier_attempt_is_resumed(serve, tmp_path):
    server = serve()
    (tmp_path / "vgg.pth.part").write_bytes(DATA[:1000])
    assert download.fetch(server.published(), tmp_path, ignore_progress).read_bytes() == DATA
    assert server.ranges == ["bytes=1000-"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault, text",
    [
        ("404", "HTTP 404"),
        ("wrong", "sent a file with sha256"),
        ("long", f"announces {len(DATA) + 100} bytes instead of {len(DATA)}"),
    ],
)
def test_a_wrong_file_is_rejected_and_removed(serve, tmp_path, fault, text):
    with pytest.raises(download.DownloadError, match=text):
        download.fetch(serve(fault).published(), tmp_path, ignore_progress)
    assert files_in(tmp_path) == set()


def test_bytes_beyond_the_announced_length_are_ignored(serve, tmp_path):
    path = download.fetch(serve("endless").published(), tmp_path, ignore_progress)
    assert path.read_bytes() == DATA


@pytest.mark.slow
def test_after_a_stall_the_received_bytes_are_kept_for_the_next_attempt(serve, tmp_path):
    with pytest.raises(download.DownloadError, match="timed out"):
        download.fetch(serve("stalls").published(), tmp_path, ignore_progress, stall=0.2)
    assert files_in(tmp_path) == {"vgg.pth.part"}
    assert download.fetch(serve().published(), tmp_path, ignore_progress).read_bytes() == DATA


def test_without_a_server_the_error_describes_the_manual_way(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # reserves a port and does not listen
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/vgg.pth"
        published = catalog.Published("vgg16", "torchvision", url, 5, ("sha256", "0" * 64), "none")
        text = f"refused; .*refused.* By hand: download {url} .sha256 0{{64}}. and type"
        with pytest.raises(errors.UserError, match=text):
            download.fetch_any([published, published], tmp_path, ignore_progress)


@pytest.mark.slow
def test_the_next_mirror_is_tried(serve, tmp_path):
    good = serve().published()
    assert (
        download.fetch_any([serve("404").published(), good], tmp_path, ignore_progress)[0] == good
    )


def fetch(published, folder, queue):
    queue.put(download.fetch(published, folder, ignore_progress).read_bytes() == DATA)


@pytest.mark.slow
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
    assert files_in(tmp_path) == {"vgg.pth"} and len(server.ranges) == 1


def test_a_removed_download_leaves_nothing(serve, tmp_path):
    published = serve().published()
    download.fetch(published, tmp_path, ignore_progress)
    download.remove(tmp_path, published)
    assert not list(tmp_path.iterdir())
