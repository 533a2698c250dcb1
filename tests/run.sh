#!/usr/bin/env bash
# All tests of the project, on a Debian machine with Rust. Run it from anywhere.
#
# What is missing is installed: Debian packages as root or by password-less sudo (without either, the line to
# type is printed), cargo's tools by `cargo install`. A step that fails does not keep the later ones from
# running; the summary at the end says how each went, and the exit status is 1 if one failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Nothing is built twice in CI, so what incremental builds keep for the next time would only cost time and disk.
[[ -z "${CI:-}" ]] || export CARGO_INCREMENTAL=0

readonly SKIPPED=77 # the exit status of a step that could not be done here
readonly ADVISORIES_TIMEOUT=60s
readonly FUZZ_SECONDS=25 # for each target
readonly CLIENTS=target/clients # where other people's clients are installed, and stay
readonly CLIENTS_INSTALL_TIMEOUT=900s # hundreds of megabytes
readonly CLIENTS_TIMEOUT=400s
readonly BROWSER=target/browser # where the tests in a browser have their packages and leave their pictures
readonly BROWSER_INSTALL_TIMEOUT=300s
readonly BROWSER_TIMEOUT=300s
readonly POLICY=/usr/sbin/policy-rc.d

summary=()
failed=0

# Steps --------------------------------------------------------------------------------------------------------

step() {
    local title=$1 began=$SECONDS status=0
    shift
    printf '\n==> %s\n' "$title"
    "$@" || status=$?
    case $status in
        0) summary+=("ok       $title ($((SECONDS - began)) s)") ;;
        "$SKIPPED") summary+=("SKIPPED  $title") ;;
        *)
            summary+=("FAILED   $title")
            failed=1
            ;;
    esac
}

documentation() {
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
}

# The database of advisories is the one thing that comes from outside the package registries.
advisories() {
    if ! timeout "$ADVISORIES_TIMEOUT" cargo deny fetch db; then
        echo "skipped: the database of advisories cannot be reached from here"
        return "$SKIPPED"
    fi
    cargo deny --locked check advisories
}

formatted() {
    cargo fmt --check && cargo fmt --check --manifest-path fuzz/Cargo.toml
}

# Each target for a while, from the corpus in the tree; what is found beyond that is thrown away here.
fuzzing() {
    local found target options
    if ! command -v cargo-fuzz >/dev/null || ! command -v g++ >/dev/null; then
        echo "skipped: cargo-fuzz and g++ are needed"
        return "$SKIPPED"
    fi
    # Without a sanitizer, which would take a nightly compiler: there is no unsafe code here to look at.
    cargo fuzz build --dev --sanitizer none || return 1
    for target in $(cargo fuzz list); do
        found=$(mktemp -d)
        options=(-max_total_time="$FUZZ_SECONDS" -max_len=4200 -timeout=10 -rss_limit_mb=512 -print_final_stats=1)
        [[ ! -e fuzz/$target.dict ]] || options+=(-dict="fuzz/$target.dict")
        cargo fuzz run --dev --sanitizer none "$target" "$found" "fuzz/corpus/$target" -- "${options[@]}" 2>&1 |
            grep --text --invert-match --extended-regexp '^#[0-9]+\s+(NEW|REDUCE)|^"|Recommended dictionary|WARNING: Failed to find' ||
            return 1
        rm -rf "$found"
    done
}

# Microsoft's own clients, and others that are well known, against a real `simulate`.
clients() {
    local python=$CLIENTS/bin/python
    install_clients || return
    install_javascript_clients || return
    cargo build --locked --quiet || return 1
    # No compiled Python is left among the tests.
    O365_LISTENER=${CARGO_TARGET_DIR:-target}/debug/o365-listener PYTHONPYCACHEPREFIX=$CLIENTS/compiled \
        timeout --kill-after=10s "$CLIENTS_TIMEOUT" "$python" -W ignore -m unittest discover --start-directory tests/clients
}

# Only without a registry to install from is this skipped; anything else that goes wrong is a failure.
install_clients() {
    local wanted=tests/clients/requirements.txt python=$CLIENTS/bin/python
    cmp --silent "$wanted" "$CLIENTS/installed.txt" && return
    rm -rf "$CLIENTS"
    python3 -m venv "$CLIENTS" || return 1
    if ! timeout "$CLIENTS_INSTALL_TIMEOUT" "$python" -m pip install --disable-pip-version-check --no-input --quiet \
        --no-compile --only-binary :all: --require-hashes --requirement "$wanted"; then
        timeout 60s "$python" -m pip download --disable-pip-version-check --no-input --quiet --no-deps \
            --dest "$CLIENTS/reached" msgraph-core && return 1
        echo "skipped: no registry of Python packages can be reached from here"
        return "$SKIPPED"
    fi
    cp "$wanted" "$CLIENTS/installed.txt"
}

# Pages and cards in a real browser: every *.test.mjs.
browser() {
    install_browser || return
    cargo build --locked --quiet || return 1
    # Packages are looked for beside the tests, and stay out of the tree: so the tests are run from a copy.
    cp tests/browser/*.mjs "$BROWSER"
    O365_LISTENER=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/o365-listener PICTURES=$BROWSER/pictures \
        timeout --kill-after=10s "$BROWSER_TIMEOUT" node --test "$BROWSER"/*.test.mjs
}

# Only without a registry to install from is this skipped.
install_browser() {
    local lock=tests/browser/package-lock.json
    if ! command -v chromium >/dev/null || ! command -v npm >/dev/null; then
        echo "skipped: chromium and npm are needed"
        return "$SKIPPED"
    fi
    cmp --silent "$lock" "$BROWSER/installed.json" && return
    rm -rf "$BROWSER"
    mkdir -p "$BROWSER"
    cp "$lock" tests/browser/package.json tests/browser/.npmrc "$BROWSER"
    if ! timeout "$BROWSER_INSTALL_TIMEOUT" npm --prefix "$BROWSER" ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
        timeout 60s npm view markdown-it version >/dev/null && return 1
        echo "skipped: no registry of npm packages can be reached from here"
        return "$SKIPPED"
    fi
    cp "$lock" "$BROWSER/installed.json"
}

# The same for packages of JavaScript.
install_javascript_clients() {
    local wanted=tests/clients/js folder=$CLIENTS/js
    cmp --silent "$wanted/package-lock.json" "$folder/installed.json" && return
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$wanted/package.json" "$wanted/package-lock.json" "$wanted/.npmrc" "$folder"
    if ! timeout "$CLIENTS_INSTALL_TIMEOUT" npm ci --prefix "$folder" --silent; then
        timeout 60s npm view --prefix "$folder" cloudevents version >/dev/null 2>&1 && return 1
        echo "skipped: no registry of JavaScript packages can be reached from here"
        return "$SKIPPED"
    fi
    cp "$wanted/package-lock.json" "$folder/installed.json"
}

# What the tests need ------------------------------------------------------------------------------------------

as_root() {
    if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

may_be_root() {
    ((EUID == 0)) || sudo -n true 2>/dev/null
}

# A C compiler, make and pkg-config for the bundled SQLite and aws-lc; promtool for the rules and the metrics; a C++
# compiler for libFuzzer; what other people's clients and the examples of consumers are written in; a browser.
missing_packages() {
    command -v gcc >/dev/null || echo gcc libc6-dev
    command -v g++ >/dev/null || echo g++
    command -v make >/dev/null || echo make
    command -v pkg-config >/dev/null || echo pkg-config
    command -v promtool >/dev/null || echo prometheus
    command -v curl >/dev/null || echo curl
    command -v jq >/dev/null || echo jq
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
    command -v chromium >/dev/null || echo chromium
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3 python3-venv
}

# Installing a package starts its service (Prometheus itself, here); policy-rc.d is how Debian is told not to.
hold_services_back() {
    [[ -e $POLICY ]] && return
    trap 'as_root rm -f "$POLICY"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
}

release_services() {
    [[ -n $(trap -p EXIT) ]] || return 0
    as_root rm -f "$POLICY"
    trap - EXIT
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$@"
}

install_packages() {
    local packages
    read -ra packages <<<"$(missing_packages | tr '\n' ' ')"
    ((${#packages[@]} > 0)) || return 0
    if ! command -v apt-get >/dev/null || ! may_be_root; then
        echo "Missing: ${packages[*]}. Install them, then run this again:" >&2
        echo "    sudo apt-get install --no-install-recommends ${packages[*]}" >&2
        exit 1
    fi
    printf '\n==> Installing %s\n' "${packages[*]}"
    hold_services_back
    # The lists of packages may be missing or out of date; reading them anew is only worth it then.
    apt_install "${packages[@]}" || {
        as_root apt-get update --quiet
        apt_install "${packages[@]}"
    }
    release_services
}

install_cargo_tools() {
    # Without the part that would replace itself.
    command -v cargo-nextest >/dev/null || {
        printf '\n==> Installing cargo-nextest\n'
        cargo install --locked --quiet cargo-nextest --no-default-features --features default-no-update
    }
    command -v cargo-deny >/dev/null || {
        printf '\n==> Installing cargo-deny (this takes some minutes)\n'
        cargo install --locked --quiet cargo-deny
    }
    command -v cargo-fuzz >/dev/null || {
        printf '\n==> Installing cargo-fuzz\n'
        cargo install --locked --quiet cargo-fuzz || echo "It could not be installed; that step is skipped."
    }
}

# ------------------------------------------------------------------------------------------------------------

PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
command -v cargo >/dev/null || {
    echo "Missing: Rust. Install the stable toolchain with rustfmt and clippy, then run this again." >&2
    exit 1
}
install_packages
install_cargo_tools

step "Format" formatted
step "Clippy" cargo clippy --locked --all-targets -- -D warnings
step "Documentation" documentation
step "Dependencies: bans, licences, sources" cargo deny --locked check --hide-inclusion-graph bans licenses sources
step "Dependencies: advisories" advisories
step "Tests" cargo nextest run --locked
step "Other people's clients against the stand-in" clients
step "Pages and cards in a browser" browser
step "Documentation's examples" cargo test --locked --doc --quiet
step "Fuzzing" fuzzing

printf '\n==> Summary\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
