use std::time::Duration;

use o365_listener::app;
use o365_listener::config::{self, CertificateFiles, Proof};
use o365_listener::office365::Verdict;
use o365_listener::secret::Secret;
use serde_json::json;

use super::{Pair, day, fixture, reach, register, sign_ins};
use crate::house::House;

#[tokio::test]
async fn a_certificate_signs_in_with_key_beside_it_or_in_the_same_file() {
    let (folder, pair) = (tempfile::tempdir().unwrap(), Pair::until(2028));
    let files = pair.write(folder.path(), "app");
    let one = folder.path().join("both.pem");
    std::fs::write(&one, format!("{}{}", pair.key, pair.certificate)).unwrap();
    for files in [files, CertificateFiles { file: one, key: None, password: None }] {
        let reach = reach(Proof::Certificate(files)).await;
        register(&reach.bench, &pair.certificate).await;
        let signed_in = reach.tenant().sign_in().await.unwrap();
        assert!(signed_in.roles.contains(&"Sites.Read.All".to_owned()));
        reach.resolve("onedrive:alice@contoso.com").await.unwrap();
        let credential = reach.tenant().credential().unwrap();
        assert_eq!((credential.kind, credential.expires_at), ("certificate", day(2028)));
        assert_eq!(sign_ins(&reach, "login", "401"), 0, "the first attempt is the right one");
    }
}

#[tokio::test]
async fn a_pfx_is_opened_whether_sealed_in_the_new_way_or_the_old() {
    for name in ["modern.pfx", "former.pfx"] {
        let file = |password: &str| CertificateFiles {
            file: fixture(name),
            key: None,
            password: Some(Secret::new(password)),
        };
        let reach = reach(Proof::Certificate(file("hunter2"))).await;
        register(&reach.bench, &std::fs::read_to_string(fixture("pfx.pem")).unwrap()).await;
        reach.tenant().sign_in().await.unwrap();
        let wrong = super::reach(Proof::Certificate(file("hunter3"))).await;
        let failure = wrong.tenant().sign_in().await.unwrap_err();
        assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Unauthorized, "certificate"));
        assert!(failure.message.contains(name) && failure.message.contains("password"), "{failure}");
        assert!(!failure.message.contains("hunter3"), "the password is shown");
    }
}

#[tokio::test]
async fn a_login_host_that_takes_only_the_former_algorithm_is_given_it_from_then_on() {
    let (folder, pair) = (tempfile::tempdir().unwrap(), Pair::until(2028));
    let reach = reach(Proof::Certificate(pair.write(folder.path(), "app"))).await;
    let former = json!({"certificate": pair.certificate, "algorithms": ["RS256"]});
    reach.bench.control("/certificates", former).await;
    reach.tenant().sign_in().await.unwrap();
    assert_eq!((sign_ins(&reach, "login", "401"), sign_ins(&reach, "login", "200")), (1, 1));
    reach.tenant().sign_in().await.unwrap();
    assert_eq!((sign_ins(&reach, "login", "401"), sign_ins(&reach, "login", "200")), (1, 2));
}

#[tokio::test]
async fn a_certificate_that_is_not_registered_is_told_with_what_to_do() {
    let (folder, pair) = (tempfile::tempdir().unwrap(), Pair::until(2028));
    let reach = reach(Proof::Certificate(pair.write(folder.path(), "app"))).await;
    register(&reach.bench, &Pair::until(2028).certificate).await;
    for _ in 0..3 {
        let failure = reach.resolve("onedrive:alice@contoso.com").await.unwrap_err();
        assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Unauthorized, "AADSTS700027"));
        assert!(failure.message.contains("upload it (without its key) to the app registration"), "{failure}");
        assert!(failure.message.contains("The key was not found"), "{failure}");
    }
    assert_eq!(sign_ins(&reach, "login", "401"), 2, "once for each algorithm, and not again at once");
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_broken_one_changes_nothing() {
    let (folder, old, new) = (tempfile::tempdir().unwrap(), Pair::until(2027), Pair::until(2029));
    let files = old.write(folder.path(), "app");
    let reach = reach(Proof::Certificate(files.clone())).await;
    register(&reach.bench, &old.certificate).await;
    reach.tenant().sign_in().await.unwrap();
    let ends = || reach.tenant().credential().unwrap().expires_at;

    std::fs::write(&files.file, "half a certif").unwrap();
    assert_eq!(ends(), day(2027));
    reach.tenant().sign_in().await.unwrap();
    // The one file is changed, and the other one not yet.
    std::fs::write(&files.file, &new.certificate).unwrap();
    assert_eq!(ends(), day(2027));
    reach.tenant().sign_in().await.unwrap();
    std::fs::remove_file(files.key.as_ref().unwrap()).unwrap();
    reach.tenant().sign_in().await.unwrap();

    new.write(folder.path(), "app");
    assert_eq!(ends(), day(2029));
    let failure = reach.tenant().sign_in().await.unwrap_err();
    assert_eq!(failure.code, "AADSTS700027", "it signs with the new one, which is not registered yet");
    register(&reach.bench, &new.certificate).await;
    reach.tenant().sign_in().await.unwrap();
}

#[tokio::test]
async fn files_that_hold_no_pair_are_named_and_found_as_soon_as_they_do() {
    let (folder, pair) = (tempfile::tempdir().unwrap(), Pair::until(2028));
    let files = pair.write(folder.path(), "app");
    let reach = reach(Proof::Certificate(files.clone())).await;
    register(&reach.bench, &pair.certificate).await;
    let (file, key) = (files.file.display().to_string(), files.key.clone().unwrap());
    let said = async || {
        let failure = reach.tenant().sign_in().await.unwrap_err();
        assert_eq!((failure.verdict, failure.code.as_str()), (Verdict::Unauthorized, "certificate"));
        assert!(!failure.message.contains("BEGIN"), "{}", failure.message);
        failure.message
    };
    std::fs::write(&files.file, "").unwrap();
    assert!(said().await.contains(&format!("{file}: there is no certificate in it")));
    std::fs::remove_file(&files.file).unwrap();
    assert!(said().await.contains(&format!("{file} cannot be read")));
    std::fs::write(&files.file, &pair.certificate).unwrap();
    std::fs::write(&key, "x").unwrap();
    assert!(said().await.contains(&format!("{}: there is no usable private key in it", key.display())));
    std::fs::write(&key, &Pair::until(2028).key).unwrap();
    assert!(said().await.contains("the private key is not that of the certificate"));
    let curve = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&key, curve.serialize_pem()).unwrap();
    assert!(said().await.contains("no RSA key"));
    assert_eq!(reach.tenant().credential(), None);
    std::fs::write(&key, &pair.key).unwrap();
    reach.tenant().sign_in().await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_refused() {
    let (folder, pair) = (tempfile::tempdir().unwrap(), Pair::until(2027));
    let reach = reach(Proof::Certificate(pair.write(folder.path(), "app"))).await;
    register(&reach.bench, &pair.certificate).await;
    reach.tenant().sign_in().await.unwrap();
    reach.bench.clock.advance(Duration::from_secs(60 * 86_400));
    let failure = reach.tenant().sign_in().await.unwrap_err();
    assert!(failure.message.contains("The key used is expired"), "{failure}");
}

#[tokio::test]
async fn the_end_of_a_certificate_is_in_status_metrics_and_check() {
    let (mut house, old, new) = (House::start("").await, Pair::until(2027), Pair::until(2090));
    house.close().await;
    let files = old.write(house.folder(), "app");
    let secret = format!("client_secret = \"{}\"", house.tenant.tenant().client_secret);
    let (file, key) = (files.file.display(), files.key.as_ref().unwrap().display());
    house.rewrite(|text| {
        text.replace(&secret, &format!("certificate = {{ file = \"{file}\", key = \"{key}\" }}"))
    });
    let config = config::load(&house.folder().join("config.toml"), []).unwrap();
    let clock = house.clock.clone();
    let checked = async |subject: &str| {
        let findings = app::check(&config, &clock).await;
        findings.into_iter().find(|finding| finding.subject == subject)
    };
    let refused = checked("tenant contoso: sign-in").await.unwrap().problem.unwrap();
    assert!(refused.contains("upload it") && refused.ends_with("[AADSTS700027]"), "{refused}");
    house.control("certificates", json!({"certificate": old.certificate})).await;
    assert_eq!(checked("tenant contoso: sign-in").await.unwrap().problem, None);
    let finding = checked("tenant contoso: certificate").await.unwrap();
    assert!(finding.note.unwrap().contains("2027-01-01"));

    house.open().await;
    let credentials = house.get("/v1/status").await["credentials"].clone();
    assert_eq!(credentials[0]["tenant"], "contoso");
    assert_eq!(
        (&credentials[0]["kind"], &credentials[0]["expires_at"]),
        (&json!("certificate"), &json!("2027-01-01T00:00:00Z"))
    );
    let left = (day(2027) - house.now()).as_seconds_f64();
    let told = house.metric("o365_credential_expires_seconds").await;
    assert!((told - left).abs() < 5.0, "{told} of {left}");
    house.advance(Duration::from_secs(60 * 86_400));
    let over = checked("tenant contoso: certificate").await.unwrap().problem.unwrap();
    assert!(over.starts_with("ended on 2027-01-01: upload a new one"), "{over}");
    new.write(house.folder(), "app");
    let credentials = house.get("/v1/status").await["credentials"].clone();
    assert_eq!(credentials[0]["expires_at"], "2090-01-01T00:00:00Z", "without a restart");
    house.close().await;
}
