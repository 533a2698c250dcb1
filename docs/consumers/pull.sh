#!/bin/sh
# Reads the log as the named consumer "example", prints a line for each event, and commits what it has printed.
# With --once it ends when there is nothing more to read. Needs curl and jq.
set -eu

url=${O365_LISTENER_SERVER:-http://127.0.0.1:8081}/v1/consumers/example
wait=30
[ "${1:-}" != --once ] || wait=0

# A key, where the listener wants one, goes to curl by its standard input and so stands in no list of processes.
call() {
    printf '%s' "${O365_LISTENER_API_KEY:+header = \"Authorization: Bearer $O365_LISTENER_API_KEY\"}" |
        curl --silent --show-error --fail-with-body --config - "$@"
}

while :; do
    page=$(call "$url/events?limit=100&wait=$wait") || {
        printf '%s\n' "$page" >&2 # says why not, and what to do
        exit 1
    }
    if [ "$(printf '%s' "$page" | jq '.events | length')" -eq 0 ] && [ "$wait" -eq 0 ]; then
        exit 0
    fi
    # Work first, and commit afterwards: what was interrupted is read again.
    printf '%s' "$page" | jq --raw-output '.events[] | [.sequence, .type, .subscription, .subject] | join(" ")'
    call --json "$(printf '%s' "$page" | jq --compact-output '{cursor: .next}')" "$url/commit" >/dev/null
done
