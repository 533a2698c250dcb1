"""The admin port against its own description: calls are made up from `/openapi.json`, and every answer has to be one that is
described there. A real listener follows the stand-in, with sinks and consumers, and with keys.
"""

import json
import os
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import schemathesis
from openapi_spec_validator import validate
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from stand_in import BINARY, LIMIT, LOOPBACK, StandIn

SEED = int(os.environ.get("API_SEED") or time.time())
EXAMPLES = 12  # of each call
BUDGET = 80  # seconds for all of them
WRITER, READER = "may-write-0123456789", "may-read-0123456789"
# A stream has no end.
ENDLESS = "/v1/events/stream"
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


def free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


class Listener:
    """`o365-listener serve` with a subscription, two sinks and two keys."""

    def __init__(self, tenant):
        self.folder = tempfile.TemporaryDirectory(prefix="o365-listener-api-")
        notifications, admin, nobody = free_port(), free_port(), free_port()
        self.url = f"http://{LOOPBACK}:{admin}"
        file = Path(self.folder.name) / "config.toml"
        file.write_text(f"""
public_url = "http://{LOOPBACK}:{notifications}"
[listen]
notifications = "{LOOPBACK}:{notifications}"
admin = "{LOOPBACK}:{admin}"
[admin]
api_keys = [{{ name = "ops", key = "{WRITER}", role = "write" }}, {{ name = "bi", key = "{READER}", role = "read" }}]
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
[[sink]]
name = "kept"
type = "file"
path = "{self.folder.name}/events.jsonl"
start = "beginning"
[[sink]]
name = "away"
type = "webhook"
url = "http://{LOOPBACK}:{nobody}/"
allow_private = true
start = "beginning"
""")
        file.chmod(0o600)
        command = [Path(os.environ.get("O365_LISTENER", BINARY)).absolute(), "--config", file, "serve"]
        environment = os.environ | {"O365_LISTENER_LOG": "error"}
        self.process = subprocess.Popen(command, cwd=self.folder.name, env=environment)

    def ask(self, path, key=WRITER, method="GET", body=None):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        request = urllib.request.Request(self.url + path, method=method, headers=headers, data=body)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read() or "null")

    def wait_for_events(self):
        deadline = time.monotonic() + 3 * LIMIT
        while time.monotonic() < deadline:
            try:
                if len(self.ask("/v1/events")[1]["events"]) > 0:
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.1)
        raise AssertionError("nothing is followed")

    def close(self):
        self.process.terminate()
        self.process.wait(LIMIT)
        self.folder.cleanup()


def setUpModule():
    global listener, description
    stand_in = StandIn("--seed", "11")
    unittest.addModuleCleanup(stand_in.close)
    listener = Listener(stand_in.tenant)
    unittest.addModuleCleanup(listener.close)
    listener.wait_for_events()
    cursor = json.dumps({"cursor": "0" * 19 + "1"}).encode()
    for name in ("bi", "some"):
        assert listener.ask(f"/v1/consumers/{name}/commit", READER, "POST", cursor)[0] == 200
    description = listener.ask("/openapi.json")[1]


def names(value):
    """Names of what is there, beside those that are made up: else nearly all calls would end with 404."""
    return {"sinks": ["kept", "away"], "consumers": ["bi", "some"], "subscriptions": ["candidates"]}[value]


class Api(unittest.TestCase):
    def test_the_description_is_valid_openapi(self):
        validate(description)

    def test_answers_are_as_described_whatever_is_asked(self):
        print(f"calls are made up with API_SEED={SEED}", flush=True)
        schema = schemathesis.openapi.from_dict(description)
        schema.config.update(base_url=listener.url)
        began, asked, answered = time.monotonic(), 0, set()
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path == ENDLESS:
                continue

            @seed(SEED)
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def answers(case):
                nonlocal asked
                if time.monotonic() - began > BUDGET:
                    return
                self.name(case, asked)
                asked += 1
                case.query.pop("wait", None)
                answer = case.call(headers={"Authorization": f"Bearer {WRITER}"}, timeout=LIMIT)
                answered.add((operation.label, answer.status_code))
                case.validate_response(answer, checks=CHECKS)

            with self.subTest(operation.label):
                answers()
        self.assertLess(time.monotonic() - began, BUDGET, "not all calls were tried in time")
        # That something was tried, and not only refused.
        well = {label for label, status in answered if status < 300}
        self.assertGreater(len(well), 20, sorted(answered))
        print(f"{asked} calls, {len(answered)} kinds of answers", flush=True)

    def name(self, case, number):
        """Every other call is of something that is there, unless that would take it away."""
        kind = case.path.split("/")[2] if case.path.count("/") > 2 else None
        if "name" in case.path_parameters and case.method != "DELETE" and number % 2:
            known = names(kind)
            case.path_parameters["name"] = known[number // 2 % len(known)]

    def test_nobody_calls_without_a_key_nor_writes_with_one_for_reading(self):
        for path, calls in description["paths"].items():
            for method, call in calls.items():
                if method == "head" or call.get("security") == []:
                    continue
                with self.subTest(f"{method} {path}"):
                    path, method = path.replace("{name}", "some"), method.upper()
                    for key in (None, "guessed"):
                        self.assertEqual(listener.ask(path, key, method)[0], 401)
                    if "403" in call["responses"]:
                        self.assertEqual(listener.ask(path, READER, method)[0], 403)
                    else:
                        self.assertTrue(method == "GET" or path.endswith("/commit"))


if __name__ == "__main__":
    unittest.main()
