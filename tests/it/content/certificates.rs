//! The certificate that content is encrypted with: another one, a refused one, a restart.

use serde_json::json;

use super::{KEY, looked_at, rich, told, write};
use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_is_taken_with_the_next_renewal_while_the_former_still_opens() {
    let mut house = rich().await;
    let (former, id) = (certificate(&house).await, house.remote().await[0]["id"].clone());
    assert!(former.starts_with("made-"), "{former}");
    house.close().await;
    let (folder, key) = (
        house.folder().to_owned(),
        rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap(),
    );
    let given = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("content.pem"), given.pem()).unwrap();
    std::fs::write(folder.join("content.key"), key.serialize_pem()).unwrap();
    house.set("O365_LISTENER__ENCRYPTION__CERTIFICATE", folder.join("content.pem").to_str().unwrap());
    house.set("O365_LISTENER__ENCRYPTION__KEY", folder.join("content.key").to_str().unwrap());
    house.open().await;
    verified(&house).await;
    assert_eq!(certificate(&house).await, former, "it is changed before its time");
    // Encrypted with the former one, and on its way while the certificate is changed.
    house.control("notifications", json!({"reorder": 1.0})).await;
    write(&house, "inbox", "former").await;
    let (status, renewed) = house.call("POST", "/v1/subscriptions/inbox/renew", None).await;
    assert_eq!((status, &renewed["remote_id"]), (200, &id), "it was made anew where a PATCH is enough");
    let latter = certificate(&house).await;
    assert!(latter.starts_with("given-"), "{latter}");
    write(&house, "inbox", "latter").await;
    told(&house, 2).await;
    // The round after the renewal may have been first to tell them; they are opened all the same once they arrive.
    house
        .eventually("both are opened", async || {
            looked_at(&house, "told").await + looked_at(&house, "hint").await == 2
        })
        .await;
    assert_eq!(looked_at(&house, "quarantined").await, 0);
}

/// Waits until a start has looked at what Office 365 holds.
async fn verified(house: &House) {
    house
        .eventually("it is verified", async || {
            house.metric("o365_renewals_total{result=\"verified\"}").await >= 1.0
        })
        .await;
}

async fn certificate(house: &House) -> String {
    house.remote().await[0]["encryptionCertificateId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_taken_by_patch_is_taken_by_making_the_subscription_anew() {
    let mut house = rich().await;
    let id = house.remote().await[0]["id"].clone();
    // As if the certificate had been another one.
    house.close().await;
    house.forget_certificates();
    house.open().await;
    verified(&house).await;
    house
        .control(
            "faults",
            json!({"status": 400, "path_prefix": "/v1.0/subscriptions", "code": "InvalidRequest"}),
        )
        .await;
    let (status, renewed) = house.call("POST", "/v1/subscriptions/inbox/renew", None).await;
    assert_eq!(status, 200, "{renewed}");
    assert_ne!(renewed["remote_id"], id);
    write(&house, "inbox", "Offer").await;
    told(&house, 1).await;
    // The round that making it anew caused may have been quicker.
    let opened = looked_at(&house, "told").await + looked_at(&house, "hint").await;
    assert_eq!((opened, looked_at(&house, "quarantined").await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_is_not_about_the_certificate_leaves_what_works() {
    let mut house = rich().await;
    let (id, former) = (house.remote().await[0]["id"].clone(), certificate(&house).await);
    house.close().await;
    house.forget_certificates();
    house.open().await;
    verified(&house).await;
    let fault =
        json!({"status": 400, "path_prefix": "/v1.0/subscriptions", "code": "InvalidRequest", "count": 2});
    house.control("faults", fault).await;
    house.forget_requests().await;
    let (status, answer) = house.call("POST", "/v1/subscriptions/inbox/renew", None).await;
    assert_ne!(status, 200, "{answer}");
    assert_eq!(
        house.count_requests("PATCH", "/v1.0/subscriptions").await,
        2,
        "the second without a certificate"
    );
    assert_eq!(house.count_requests("DELETE", "/v1.0/subscriptions").await, 0);
    assert_eq!((&house.remote().await[0]["id"], certificate(&house).await), (&id, former));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_contents_survive_a_restart_and_a_change_of_the_key() {
    let mut house = rich().await;
    let certificate = house.remote().await[0]["encryptionCertificateId"].clone();
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    house.close().await;
    house.set(KEY.0, other);
    let refused = house.try_open().await.unwrap_err();
    let said = format!("{refused:#}");
    assert!(said.contains("list the former key behind the present one"), "{said}");
    house.unset(KEY.0);
    let said = format!("{:#}", house.try_open().await.unwrap_err());
    assert!(said.contains("openssl rand -base64 32"), "{said}");

    house.rewrite(|text| {
        text.replace("[store]\n", &format!("[store]\nencryption_key = [\"{other}\", \"{}\"]\n", KEY.1))
    });
    house.open().await;
    write(&house, "inbox", "Offer").await;
    told(&house, 1).await;
    assert_eq!(looked_at(&house, "told").await, 1);
    // The private key was sealed with the new key, so that the former can go.
    house.close().await;
    house.set(KEY.0, other);
    house.open().await;
    write(&house, "inbox", "Order").await;
    told(&house, 2).await;
    assert_eq!(looked_at(&house, "told").await, 1);
    assert_eq!(house.remote().await[0]["encryptionCertificateId"], certificate);
}
