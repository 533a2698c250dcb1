//! The command itself, against a listener that nobody needs to start.

use std::process::Command;

use tempfile::TempDir;

use super::authority::Authority;
use super::host::{http, serve};

const HOST: &str = "localhost";

/// A configuration whose listener shows this chain.
fn configuration(folder: &TempDir, chain: &str, key: &str) -> std::path::PathBuf {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("tls.pem"), chain).unwrap();
    std::fs::write(file("tls.key"), key).unwrap();
    let text = format!(
        "public_url = \"https://{HOST}:{port}\"\n[listen]\nnotifications = \"127.0.0.1:{port}\"\nadmin = \"127.0.0.1:0\"\n\
         [listen.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n[store]\nurl = \"sqlite:{}\"\n",
        file("tls.pem").display(),
        file("tls.key").display(),
        file("store.db").display(),
    );
    std::fs::write(file("config.toml"), text).unwrap();
    file("config.toml")
}

/// Whether the command succeeded on a machine that trusts this authority, and what it printed.
fn run(folder: &TempDir, config: &std::path::Path, authority: &Authority) -> (bool, String) {
    let trusted = folder.path().join("roots.pem");
    std::fs::write(&trusted, authority.root.pem()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_o365-listener"))
        .args(["check", "--config"])
        .arg(config)
        .env("SSL_CERT_FILE", trusted)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_command_shakes_hands_with_itself_by_tls_and_tells_what_it_saw() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::until(2080));
    let leaf = authority.issue(HOST, 2040);
    let chain = format!("{}{}", leaf.certificate.pem(), authority.middle.pem());
    let config = configuration(&folder, &chain, &leaf.key.serialize_pem());
    let (good, printed) = run(&folder, &config, &authority);
    assert!(good, "{printed}");
    for path in ["notifications", "lifecycle"] {
        let line = printed.lines().find(|line| line.contains(&format!("/{path}: "))).expect(&printed);
        assert!(line.starts_with("ok ") && line.contains("answers the handshake, in "), "{line}");
    }
    assert!(printed.contains("certificate of localhost: ends on 2040-01-01, shown by TLS 1.3"), "{printed}");
}

#[test]
fn the_command_names_the_certificate_that_the_chain_lacks() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::until(2080));
    let leaf = authority.issue(HOST, 2040);
    let config = configuration(&folder, &leaf.certificate.pem(), &leaf.key.serialize_pem());
    let (good, printed) = run(&folder, &config, &authority);
    assert!(!good, "{printed}");
    let line = printed.lines().find(|line| line.contains("public URL")).expect(&printed);
    assert!(line.starts_with("wrong ") && line.contains("CN=Test Middle is missing"), "{line}");
    assert_eq!(printed.matches("public URL").count(), 1, "said once: {printed}");
}

#[test]
fn the_command_changes_nothing_where_there_is_no_store_yet_and_tells_one_fault_once() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::until(2080));
    let leaf = authority.issue(HOST, 2040);
    let chain = format!("{}{}", leaf.certificate.pem(), authority.middle.pem());
    let config = configuration(&folder, &chain, &leaf.key.serialize_pem());
    let here = || {
        let mut names: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    run(&folder, &config, &authority);
    let before = here();
    let (good, printed) = run(&folder, &config, &authority);
    assert!(good && printed.contains("store.db: is not there yet: `serve` makes it"), "{printed}");
    assert_eq!(here(), before);
    assert!(!before.iter().any(|name| name.to_string_lossy().contains("store")), "{before:?}");

    std::fs::create_dir(folder.path().join("store.db")).unwrap();
    let (good, printed) = run(&folder, &config, &authority);
    assert!(!good, "{printed}");
    assert_eq!(printed.lines().filter(|line| line.starts_with("wrong ")).count(), 1, "{printed}");
    assert!(printed.contains("/notifications: answers the handshake"), "{printed}");

    std::fs::remove_dir(folder.path().join("store.db")).unwrap();
    std::fs::write(folder.path().join("tls.key"), "no key").unwrap();
    let (good, printed) = run(&folder, &config, &authority);
    assert!(!good, "{printed}");
    assert_eq!(printed.lines().filter(|line| line.starts_with("wrong ")).count(), 1, "{printed}");
    assert!(printed.contains("not tried: nothing answers there before [listen.tls] is mended"), "{printed}");
}

#[test]
fn the_command_reads_the_certificate_for_content_before_there_is_a_store() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::until(2080));
    let leaf = authority.issue(HOST, 2040);
    let chain = format!("{}{}", leaf.certificate.pem(), authority.middle.pem());
    let config = configuration(&folder, &chain, &leaf.key.serialize_pem());
    let files = ["content.pem", "content.key"].map(|name| folder.path().join(name));
    let sections = format!(
        "encryption_key = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"\n[encryption]\ncertificate = {:?}\nkey = {:?}\n",
        files[0], files[1]
    );
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + &sections).unwrap();
    let (good, printed) = run(&folder, &config, &authority);
    let line = printed.lines().find(|line| line.contains("encrypted content")).expect(&printed);
    assert!(!good && line.starts_with("wrong ") && line.contains("content.pem"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_this_machine_does_not_trust_is_told_apart_from_nobody_there() {
    let authority = Authority::until(2080);
    let leaf = authority.issue(HOST, 2040);
    let empty = r#"{"subscriptions":[]}"#;
    let address = serve(Some(leaf.shown(&[&authority.middle])), move |_| http(200, "", empty)).await;
    let folder = tempfile::tempdir().unwrap();
    let listed = async |trusted: &Authority| {
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, trusted.root.pem()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_o365-listener"));
        command.args(["subscriptions", "list", "--server"]).arg(format!("https://{HOST}:{}", address.port()));
        command.env("SSL_CERT_FILE", roots);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (good, said) = listed(&authority).await;
    assert!(good, "{said}");
    let (good, said) = listed(&Authority::until(2080)).await;
    assert!(!good && said.contains("SSL_CERT_FILE=FILE names the certificate"), "{said}");
}
