"""The admin port against its own description: calls are made up from `/openapi.json`, and every answer has to be one that is
described there. A real listener follows the stand-in, with sinks, consumers and a connected group, and with keys.
"""

import base64
import json
import os
import time
import unittest
import urllib.parse
import urllib.request

import jsonschema
import requests
import schemathesis
from openapi_spec_validator import validate
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks

from listener import Listener, free_port
from stand_in import LIMIT, LOOPBACK, StandIn

SEED = int(os.environ.get("API_SEED") or time.time())
EXAMPLES = 12  # of each call
BUDGET = 120  # seconds for all of them
WRITER, READER = "may-write-0123456789", "may-read-0123456789"
# A stream has no end: only its beginning is read.
ENDLESS = "/v1/events/stream"
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


def configuration(tenant):
    return f"""
[[subscription]]
name = "files"
tenant = "contoso"
resource = "{tenant["resources"]["drive"]}"
start = "beginning"
[[subscription]]
name = "inbox"
tenant = "contoso"
resource = "{tenant["resources"]["mail"]}"
[[sink]]
name = "kept"
type = "file"
path = "FOLDER/events.jsonl"
start = "beginning"
[[sink]]
name = "away"
type = "webhook"
url = "http://{LOOPBACK}:{free_port()}/"
allow_private = true
start = "beginning"
[[sink]]
name = "channel"
type = "teams"
url = "{tenant["cards"]["teams"]}"
allow_private = true
[connector]
app_id = "{tenant["app_id"]}"
connect_url = "{tenant["url"]}/connectors/Connect"
allowed_hosts = ["{LOOPBACK}"]
service_name = "Contoso"
[admin]
api_keys = [{{ name = "ops", key = "{WRITER}", role = "write" }}, {{ name = "bi", key = "{READER}", role = "read" }}]
"""


def connect(stand_in):
    """Connects a group as a person does; the name of its sink."""
    stand_in.control("POST", "connect", {"callback_url": f"{listener.public_url}/connector/callback"})
    link = listener.ask("/v1/connector/invites", "POST")[1]["url"]
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    send = lambda url, form: browser.open(url, urllib.parse.urlencode(form).encode(), LIMIT)
    invite = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["invite"][0]
    form = [("invite", invite), ("subscription", "files"), ("change", "created")]
    with send(f"{listener.public_url}/connector", form) as office365:
        where = office365.geturl()
    with send(where, {"group": "Human Resources", "answer": "allow"}) as last:
        assert last.geturl() == f"{listener.public_url}/connector/done", last.geturl()
    sinks = listener.wait_until("/v1/sinks", lambda found: len(found["sinks"]) == 4)["sinks"]
    return next(sink["name"] for sink in sinks if sink["name"].startswith("connect-"))


def setUpModule():
    global listener, description, known
    stand_in = StandIn("--seed", "11")
    unittest.addModuleCleanup(stand_in.close)
    key = {"O365_LISTENER__STORE__ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode()}
    listener = Listener(stand_in.tenant, configuration(stand_in.tenant), WRITER, key)
    unittest.addModuleCleanup(listener.close)
    listener.wait_until("/v1/events", lambda page: len(page["events"]) > 0)
    following = lambda found: all(one["state"] == "active" and not one["pending"] for one in found["subscriptions"])
    listener.wait_until("/v1/subscriptions", following)
    for name in ("bi", "some"):
        assert listener.ask(f"/v1/consumers/{name}/commit", "POST", {"cursor": "0" * 19 + "1"}, READER)[0] == 200
    description = listener.ask("/openapi.json")[1]
    # Names of what is there, beside those that are made up: else nearly all calls would end with 404.
    known = {
        "sinks": ["kept", "away", "channel", connect(stand_in)],
        "consumers": ["bi", "some"],
        "subscriptions": ["candidates", "files", "inbox"],
    }


def begin(case, headers, timeout):
    """Sends a call whose answer has no end. Its status and headers are all of it that is looked at, unless it is a refusal."""
    given = case.as_transport_kwargs(base_url=listener.url, headers=headers)
    with requests.request(**given, stream=True, timeout=timeout) as answer:
        if answer.ok:
            answer._content = b""
        return Response.from_requests(answer, verify=True)


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
            send = begin if operation.path == ENDLESS else schemathesis.Case.call

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
                answer = send(case, headers={"Authorization": f"Bearer {WRITER}"}, timeout=LIMIT)
                answered.add((operation.label, answer.status_code))
                case.validate_response(answer, checks=CHECKS)

            with self.subTest(operation.label):
                answers()
        self.assertLess(time.monotonic() - began, BUDGET, "not all calls were tried in time")
        # That something was tried, and not only refused.
        well = {label for label, status in answered if status < 300}
        self.assertGreater(len(well), 25, sorted(answered))
        print(f"{asked} calls, {len(answered)} kinds of answers, {len(well)} calls that went well", flush=True)

    def test_a_stream_tells_the_log_in_events_that_are_as_described(self):
        log = listener.ask("/v1/events?limit=20")[1]["events"]
        shape = description["components"] | {"$ref": "#/schemas/Event"}
        shape = jsonschema.Draft202012Validator(json.loads(json.dumps(shape).replace("#/components/", "#/")))
        headers = {"Authorization": f"Bearer {WRITER}", "Last-Event-ID": "0" * 20}
        told = []
        with requests.get(listener.url + ENDLESS, headers=headers, stream=True, timeout=LIMIT) as stream:
            for line in stream.iter_lines():
                if line.startswith(b"data:"):
                    told.append(json.loads(line.removeprefix(b"data:")))
                    shape.validate(told[-1])
                if len(told) == len(log):
                    break
        self.assertEqual(told, log)

    def name(self, case, number):
        """Every other call is of something that is there, unless that would take it away."""
        kind = case.path.split("/")[2] if case.path.count("/") > 2 else None
        if "name" in case.path_parameters and case.method != "DELETE" and number % 2:
            case.path_parameters["name"] = known[kind][number // 2 % len(known[kind])]

    def test_nobody_calls_without_a_key_nor_writes_with_one_for_reading(self):
        for path, calls in description["paths"].items():
            for method, call in calls.items():
                if method == "head" or call.get("security") == []:
                    continue
                with self.subTest(f"{method} {path}"):
                    path, method = path.replace("{name}", "some"), method.upper()
                    for key in ("", "guessed"):
                        self.assertEqual(listener.ask(path, method, key=key)[0], 401)
                    if "403" in call["responses"]:
                        self.assertEqual(listener.ask(path, method, key=READER)[0], 403)
                    else:
                        self.assertTrue(method == "GET" or path.endswith("/commit"))


if __name__ == "__main__":
    unittest.main()
