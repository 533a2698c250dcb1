//! The command itself, against a listener that nobody needs to start.

use std::process::Command;

use tempfile::TempDir;

use super::authority::Authority;

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
