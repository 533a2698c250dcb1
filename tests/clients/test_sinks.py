"""What sinks send, in the hands of the libraries that receivers use: the published verifiers of Standard Webhooks, and the SDKs
of CloudEvents, for Python and for JavaScript. A real listener follows the stand-in and sends to a real receiver, in all modes.
"""

import base64
import json
import os
import subprocess
import threading
import time
import unittest
from pathlib import Path

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives import serialization
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from listener import Listener
from stand_in import LIMIT, LOOPBACK, StandIn, Quiet, Server

CHANGES = 30
JAVASCRIPT = Path(__file__).parents[2] / "target" / "clients" / "js"
RAW = serialization.Encoding.Raw
OLD, NEW = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
EDWARDS = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)


def private_text(key):
    """As the specification writes it: the seed and the public key, one behind the other."""
    seed = key.private_bytes(RAW, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    public = key.public_key().public_bytes(RAW, serialization.PublicFormat.Raw)
    return "whsk_" + base64.b64encode(seed + public).decode()


class Hooks(Server):
    """Keeps what is posted, by path."""

    def __init__(self):
        hooks = self
        self.got = {}
        self.arrived = threading.Condition()

        class Handler(Quiet):
            def do_POST(self):
                body = self.body()
                with hooks.arrived:
                    hooks.got.setdefault(self.path, []).append((dict(self.headers.items()), body))
                    hooks.arrived.notify_all()
                self.say(204, "text/plain", b"")

        super().__init__(Handler)
        self.start()

    def wait_for(self, path, number, events_of):
        """What came to a path, once it holds so many events."""
        with self.arrived:
            enough = lambda: sum(len(events_of(one)) for one in self.got.get(path, [])) >= number
            if not self.arrived.wait_for(enough, 3 * LIMIT):
                raise AssertionError(f"{path} got {len(self.got.get(path, []))} requests")
            return list(self.got[path])


def sinks():
    """One for each mode, and one that signs with a private key."""
    hook, configuration = f"http://{LOOPBACK}:{hooks.port}", ""
    for name, more in [
        ("structured", f'secret = ["{NEW}", "{OLD}"]'),
        ("batched", f'secret = "{NEW}"\nmode = "batched"\nbatch = 10'),
        ("binary", f'secret = "{NEW}"\nmode = "binary"'),
        ("edwards", f'secret = "{private_text(EDWARDS)}"'),
    ]:
        configuration += f'[[sink]]\nname = "{name}"\ntype = "webhook"\nurl = "{hook}/{name}"\n'
        configuration += f"allow_private = true\nstart = \"beginning\"\n{more}\n"
    return configuration


def setUpModule():
    global hooks, listener
    stand_in = StandIn("--seed", "9")
    unittest.addModuleCleanup(stand_in.close)
    hooks = Hooks()
    unittest.addModuleCleanup(hooks.close)
    listener = Listener(stand_in.tenant, sinks())
    unittest.addModuleCleanup(listener.close)
    listener.wait_until("/v1/subscriptions/candidates", lambda found: found["state"] == "active")
    resource = stand_in.tenant["resources"]["list"]
    stand_in.control("POST", "changes", {"count": CHANGES, "seed": 9, "resource": resource})


def told():
    """The log, once it holds still."""
    before = None
    while True:
        events = listener.ask("/v1/events?limit=1000")[1]["events"]
        if events and events == before:
            return events
        before = events
        time.sleep(1)


class Sinks(unittest.TestCase):
    def sent(self, name):
        batched = name == "batched"
        self.log = told()
        return hooks.wait_for(f"/{name}", len(self.log), lambda one: json.loads(one[1]) if batched else [one])

    def same(self, events, log):
        self.assertEqual({event.get_id() for event in events}, {event["id"] for event in log})
        by_id = {event["id"]: event for event in log}
        for event in events:
            told = by_id[event.get_id()]
            self.assertEqual((event.get_type(), event.get_source()), (told["type"], told["source"]))
            self.assertEqual((event.get_subject(), event.get_data()), (told["subject"], told["data"]))
            self.assertEqual(event.get_attributes()["sequence"], told["sequence"])

    def test_structured_events_are_verified_with_either_secret_and_read_by_the_sdk(self):
        sent = self.sent("structured")
        for headers, body in sent:
            for secret in (NEW, OLD):
                Webhook(secret).verify(body, headers)
        self.same([from_http_event(HTTPMessage(*one)) for one in sent], self.log)

    def test_a_body_that_was_changed_or_a_secret_of_others_is_refused(self):
        headers, body = self.sent("structured")[0]
        with self.assertRaises(WebhookVerificationError):
            Webhook(NEW).verify(body.replace(b"1.0", b"1.1", 1), headers)
        with self.assertRaises(WebhookVerificationError):
            Webhook("whsec_" + base64.b64encode(bytes(32)).decode()).verify(body, headers)

    def test_batches_are_verified_and_each_event_is_read(self):
        events = []
        for headers, body in self.sent("batched"):
            Webhook(NEW).verify(body, headers)
            self.assertEqual(headers["content-type"], "application/cloudevents-batch+json")
            batch = json.loads(body)
            self.assertLessEqual(len(batch), 10)
            single = {"content-type": "application/cloudevents+json"}
            events += [from_http_event(HTTPMessage(single, json.dumps(one).encode())) for one in batch]
        self.same(events, self.log)

    def test_binary_events_are_verified_and_read_by_the_sdk(self):
        sent = self.sent("binary")
        for headers, body in sent:
            Webhook(NEW).verify(body, headers)
        self.same([from_http_event(HTTPMessage(*one)) for one in sent], self.log)

    def test_an_asymmetric_signature_is_verified_with_the_public_key(self):
        for headers, body in self.sent("edwards"):
            signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
            version, signature = headers["webhook-signature"].split(",")
            self.assertEqual(version, "v1a")
            EDWARDS.public_key().verify(base64.b64decode(signature), signed)
            with self.assertRaises(InvalidSignature):
                EDWARDS.public_key().verify(base64.b64decode(signature), signed + b" ")

    def test_receivers_written_in_javascript_verify_and_read_all_modes(self):
        script = Path(__file__).parent / "js" / "verify.cjs"
        for name in ("structured", "batched", "binary"):
            with self.subTest(name):
                requests = [{"headers": headers, "body": body.decode()} for headers, body in self.sent(name)]
                command = ["node", script, os.environ.get("O365_JAVASCRIPT", JAVASCRIPT)]
                given = json.dumps({"secret": NEW, "requests": requests})
                done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=LIMIT)
                self.assertEqual(done.returncode, 0, done.stderr)
                told = json.loads(done.stdout)
                self.assertEqual(told["refused"], len(requests))
                events = {event["id"]: event for event in told["events"]}
                self.assertEqual(set(events), {event["id"] for event in self.log})
                for event in self.log:
                    for member in ("type", "source", "subject", "sequence", "data"):
                        self.assertEqual(events[event["id"]][member], event[member], member)


if __name__ == "__main__":
    unittest.main()
