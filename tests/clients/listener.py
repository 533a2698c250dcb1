"""A listener process that follows the stand-in."""

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from stand_in import BINARY, LIMIT, LOOPBACK


def free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


class Listener:
    """`o365-listener serve` with what is needed to follow the stand-in's list, and `more` configuration behind that.

    In it, FOLDER stands for a folder that is deleted in the end.
    """

    def __init__(self, tenant, more, key=None, environment=None):
        self.folder = tempfile.TemporaryDirectory(prefix="o365-listener-serve-")
        self.key = key
        notifications, admin = free_port(), free_port()
        self.public_url, self.url = (f"http://{LOOPBACK}:{port}" for port in (notifications, admin))
        file = Path(self.folder.name) / "config.toml"
        file.write_text(f"""
public_url = "{self.public_url}"
[listen]
notifications = "{LOOPBACK}:{notifications}"
admin = "{LOOPBACK}:{admin}"
[store]
url = "sqlite:{self.folder.name}/store.db"
[[tenant]]
name = "contoso"
tenant_id = "{tenant["tenant_id"]}"
client_id = "{tenant["client_id"]}"
client_secret = "{tenant["client_secret"]}"
login_url = "{tenant["url"]}"
graph_url = "{tenant["url"]}"
[[subscription]]
name = "candidates"
tenant = "contoso"
resource = "{tenant["resources"]["list"]}"
start = "beginning"
{more.replace("FOLDER", self.folder.name)}""")
        file.chmod(0o600)
        command = [Path(os.environ.get("O365_LISTENER", BINARY)).absolute(), "--config", file, "serve"]
        environment = os.environ | {"O365_LISTENER_LOG": "error"} | (environment or {})
        self.process = subprocess.Popen(command, cwd=self.folder.name, env=environment)

    def ask(self, path, method="GET", body=None, key=None):
        """Status and document; without a key of its own, with the one that is there for all calls."""
        key = self.key if key is None else key
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        body = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, method=method, headers=headers, data=body)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read() or "null")

    def wait_until(self, path, met):
        """Until the document there is as it should be; that."""
        deadline = time.monotonic() + 3 * LIMIT
        document = None
        while time.monotonic() < deadline:
            try:
                status, document = self.ask(path)
                if status == 200 and met(document):
                    return document
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.1)
        raise AssertionError(f"{path} is still {document}")

    def close(self):
        self.process.terminate()
        self.process.wait(LIMIT)
        self.folder.cleanup()
