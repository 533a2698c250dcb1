#!/usr/bin/env python3
"""Reads the log as the named consumer "example", prints a line for each event, and commits what it has printed.

With --once it ends when there is nothing more to read. Needs nothing but Python.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ.get("O365_LISTENER_SERVER", "http://127.0.0.1:8081") + "/v1/consumers/example"
KEY = os.environ.get("O365_LISTENER_API_KEY")


def call(path, body=None):
    headers = {"Content-Type": "application/json"}
    if KEY:
        headers["Authorization"] = f"Bearer {KEY}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=75) as answer:
        return json.load(answer)


def handle(event):
    """Your work goes here. It may see an event twice: `id` is the same then."""
    print(event["sequence"], event["type"], event["subscription"], event["subject"], flush=True)


def read(once):
    while True:
        try:
            page = call(f"/events?limit=100&wait={0 if once else 30}")
        except urllib.error.HTTPError as error:
            if error.code != 410:
                raise
            # It was away for longer than events are kept: say so, and go on with the oldest that there is.
            problem = json.load(error)
            print(problem["detail"], file=sys.stderr)
            call("/commit", {"cursor": problem["oldest"]})
            continue
        for event in page["events"]:
            handle(event)
        if page["events"]:
            # Work first, and commit afterwards: what was interrupted is read again.
            call("/commit", {"cursor": page["next"]})
        elif once:
            return


def main():
    once = "--once" in sys.argv[1:]
    while True:
        try:
            return read(once)
        except urllib.error.URLError as error:
            if once:
                sys.exit(f"{URL}: {error}")
            print(f"{URL}: {error}; trying again", file=sys.stderr)
            time.sleep(5)


if __name__ == "__main__":
    main()
