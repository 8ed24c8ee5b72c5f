"""A web server on this machine that can be as bad as a real one."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Web:
    """Answer each path with a function of the request; remember which ranges were asked for."""

    def __init__(self):
        self.answers, self.ranges, self.over = {}, [], threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                web.ranges.append(self.headers.get("Range"))
                web.answers[self.path](self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def at(self, path, answer):
        """Answer `path` by `answer` and return its address."""
        self.answers[path] = answer
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def file(self, content, at_most=None, ranges=True, then=None):
        """Send a file, of which each connection brings `at_most` bytes before it ends or does what `then` does."""

        def answer(request):
            asked = request.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and ranges else 0
            if start >= len(content):
                return request.send_error(416)
            request.send_response(206 if asked and ranges else 200)
            if asked and ranges:
                request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            request.send_header("Content-Length", str(len(content) - start))
            request.end_headers()
            request.wfile.write(content[start:][:at_most])
            request.wfile.flush()
            if then:
                then(request)

        return answer

    def hang(self, request):
        """Say nothing until the test is over."""
        self.over.wait()

    def status(self, code):
        return lambda request: request.send_error(code)

    @staticmethod
    def page(request):
        """Answer like the login page of a hotel."""
        request.send_response(200)
        request.send_header("Content-Type", "text/html; charset=utf-8")
        request.end_headers()
        request.wfile.write(b"<html>please log in</html>")


@pytest.fixture
def web(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    web = Web()
    yield web
    web.close()
