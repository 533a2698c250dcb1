use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
    Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_is_understood() {
    for line in [
        "o365-listener demo",
        "o365-listener demo --for 30s --data kept --seed 7",
        "o365-listener serve --config other.toml",
        "o365-listener --config other.toml --log-format json check",
        "o365-listener simulate --listen 127.0.0.1:0 --seed 3 --json",
        "o365-listener simulate --print-config",
        "o365-listener subscriptions list --server http://127.0.0.1:9 --json",
        "o365-listener subscriptions --json show files",
        "o365-listener subscriptions add files --tenant contoso --resource onedrive:alice@contoso.com --via graph --start baseline --lifetime 2d",
        "o365-listener subscriptions remove files",
        "o365-listener subscriptions renew files",
        "o365-listener subscriptions fetch files",
        "o365-listener events list --after 42 --limit 1000 --subscription hr-* --type o365.listItem.*",
        "o365-listener events tail --after 00000000000000000042",
        "o365-listener events tail --after latest",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line));
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_done() {
    for line in [
        "o365-listener",
        "o365-listener sinks list",
        "o365-listener demo --for soon",
        "o365-listener simulate --listen 9400",
        "o365-listener subscriptions",
        "o365-listener subscriptions show Files",
        "o365-listener subscriptions add files --tenant contoso",
        "o365-listener subscriptions add files --tenant contoso --resource alice",
        "o365-listener subscriptions add files --tenant contoso --resource onedrive:a --via ews",
        "o365-listener events list --limit 0",
        "o365-listener events list --after yesterday",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}
