"""A stand-in process to run clients against, and what has to be around it.

`StandIn` runs the real binary on a free port. Credentials of Microsoft's libraries refuse to talk to anything but https, so
`Front` stands before it as a proxy would that ends TLS. `Receiver` is an endpoint for notifications.
"""

import datetime
import http.client
import ipaddress
import json
import logging
import os
import ssl
import subprocess
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BINARY = Path(__file__).parents[2] / "target" / "debug" / "o365-listener"
LOOPBACK = "127.0.0.1"
LIMIT = 20  # seconds that anything may take

# Clients log what is refused, which the tests do on purpose.
logging.disable(logging.CRITICAL)


class Certificate:
    """A self-signed certificate with its key, in files that go with `folder`."""

    def __init__(self, folder, name):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        address = x509.IPAddress(ipaddress.ip_address(LOOPBACK))
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.public = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.public_file = Path(folder) / f"{name}.pem"
        self.both_file = Path(folder) / f"{name}-with-key.pem"
        self.public_file.write_bytes(self.public)
        self.both_file.write_bytes(private + self.public)


class Server:
    """An HTTP server on a free port, in a thread of its own."""

    def __init__(self, handler):
        self.server = ThreadingHTTPServer((LOOPBACK, 0), handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def start(self):
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(LIMIT)


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = LIMIT

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def say(self, status, media_type, body):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Receiver(Server):
    """Answers handshakes and keeps what is notified."""

    def __init__(self):
        receiver = self
        self.handshakes = []
        self.notifications = []
        self.arrived = threading.Condition()

        class Handler(Quiet):
            def do_POST(self):
                body = self.body()
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                tokens = [value for name, value in query.items() if name.lower() == "validationtoken"]
                with receiver.arrived:
                    if tokens:
                        receiver.handshakes.append(self.path)
                    else:
                        receiver.notifications += json.loads(body)["value"]
                    receiver.arrived.notify_all()
                if tokens:
                    self.say(200, "text/plain", tokens[0][0].encode())
                else:
                    self.say(202, "text/plain", b"")

        super().__init__(Handler)
        self.start()

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.port}/notifications"

    def wait_for(self, wanted):
        """The first notification that `wanted` is true of."""
        with self.arrived:
            self.arrived.wait_for(lambda: any(map(wanted, self.notifications)), LIMIT)
            return next((one for one in self.notifications if wanted(one)), None)


class Front(Server):
    """TLS before the stand-in. It says so in `X-Forwarded-Proto`, as proxies do."""

    def __init__(self, port, certificate):
        class Handler(Quiet):
            def relay(self):
                inner = http.client.HTTPConnection(LOOPBACK, port, timeout=LIMIT)
                headers = dict(self.headers.items()) | {"X-Forwarded-Proto": "https", "Connection": "close"}
                try:
                    inner.request(self.command, self.path, self.body(), headers)
                    answer = inner.getresponse()
                    body = answer.read()
                finally:
                    inner.close()
                self.send_response_only(answer.status, answer.reason)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                        self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = relay

        super().__init__(Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.both_file)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.start()


class StandIn:
    """`o365-listener simulate`, behind a `Front` that all clients of this process trust."""

    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="o365-listener-clients-")
        binary = os.environ.get("O365_LISTENER", BINARY)
        command = [binary, "simulate", "--listen", f"{LOOPBACK}:0", "--json", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.tenant = json.loads(self.process.stdout.readline())
        self.plain_port = urllib.parse.urlsplit(self.tenant["url"]).port
        certificate = Certificate(self.folder.name, "front")
        self.front = Front(self.plain_port, certificate)
        self.url = f"https://{LOOPBACK}:{self.front.port}"
        # What `requests` and `httpx` trust.
        os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = str(certificate.public_file)
        self.app_certificate = Certificate(self.folder.name, "app")

    def control(self, method, path, body=None):
        """A call below `/_control`: bytes go as they are, anything else as JSON."""
        connection = http.client.HTTPConnection(LOOPBACK, self.plain_port, timeout=LIMIT)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        try:
            connection.request(method, f"/_control/{path}", body)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise AssertionError(f"{method} /_control/{path} was answered with {answer.status}: {text}")
        return json.loads(text) if text else None

    def close(self):
        self.front.close()
        self.process.terminate()
        self.process.wait(LIMIT)
        self.process.stdout.close()
        self.folder.cleanup()
