//! The ways to sign in: one of them for each tenant.

use super::*;
use crate::config::IdentityService;

/// A tenant that signs in this way.
fn tenant(way: &str) -> String {
    TENANT.replace("client_secret = \"hunter2\"", way)
}

fn proof(way: &str, variables: &[(&str, &str)]) -> Proof {
    let text = format!("public_url = \"https://a\"\n{}", tenant(way));
    read(&text, variables).unwrap_or_else(|said| panic!("{way}: {said}")).tenants.remove(0).proof
}

#[test]
fn a_certificate_is_one_file_or_two_and_may_have_a_password() {
    let Proof::Certificate(files) = proof("certificate = { file = \"a.pem\", key = \"a.key\" }", &[]) else {
        panic!("another way");
    };
    assert_eq!((files.file.to_str(), files.key.unwrap().to_str()), (Some("a.pem"), Some("a.key")));
    let pfx = "certificate = { file = \"a.pfx\", password = { env = \"PFX\" } }";
    let proof = proof(pfx, &[("PFX", "hunter3")]);
    assert!(!format!("{proof:?}").contains("hunter3"), "the password is shown");
    let Proof::Certificate(files) = proof else { panic!("another way") };
    assert_eq!((files.key, files.password.unwrap().expose()), (None, "hunter3"));
}

#[test]
fn where_a_managed_identity_comes_from_is_what_azure_says() {
    let service = |way: &str, variables: &[(&str, &str)]| match proof(way, variables) {
        Proof::ManagedIdentity(identity) => (identity.client_id, identity.service),
        other => panic!("{other:?}"),
    };
    let own = "managed_identity = {}";
    let (client_id, machine) = service(own, &[]);
    assert_eq!(client_id, None);
    assert!(
        matches!(machine, IdentityService::VirtualMachine(url) if url.as_str() == "http://169.254.169.254/")
    );
    let elsewhere = format!("{own}\nidentity_url = \"http://127.0.0.1:9400\"");
    let (_, machine) = service(&elsewhere, &[]);
    assert!(
        matches!(machine, IdentityService::VirtualMachine(url) if url.as_str() == "http://127.0.0.1:9400/")
    );
    let azure = [("IDENTITY_ENDPOINT", "http://localhost:42356/msi/token"), ("IDENTITY_HEADER", "hunter3")];
    let user = "managed_identity = { client_id = \"99999999-2222-3333-4444-555555555555\" }";
    let (client_id, app) = service(user, &azure);
    assert_eq!(client_id.as_deref(), Some("99999999-2222-3333-4444-555555555555"));
    assert!(!format!("{app:?}").contains("hunter3"), "the header is shown");
    let IdentityService::AppService { endpoint, header } = app else { panic!("{app:?}") };
    assert_eq!((endpoint.path(), header.expose()), ("/msi/token", "hunter3"));
    let (_, arc) = service(own, &azure[..1]);
    let IdentityService::Arc { endpoint, tokens } = arc else { panic!("{arc:?}") };
    assert_eq!((endpoint.port(), tokens.to_str()), (Some(42356), Some("/var/opt/azcmagent/tokens")));
}

#[test]
fn another_identitys_id_is_the_apps_own_where_none_is_written() {
    let text = tenant("managed_identity = { client_id = \"99999999-2222-3333-4444-555555555555\" }")
        .replace("client_id = \"11111111-2222-3333-4444-555555555555\"\n", "");
    let config = read(&format!("public_url = \"https://a\"\n{text}"), &[]).unwrap();
    assert_eq!(config.tenants[0].client_id, "99999999-2222-3333-4444-555555555555");
}

#[test]
fn a_tenant_signs_in_in_exactly_one_way() {
    refuses(&[
        (
            &tenant(""),
            "line 2, tenant.client_secret: nothing says how to sign in: add exactly one of client_secret, certificate, federated_token_file, managed_identity, delegated",
        ),
        (
            &format!("{TENANT}managed_identity = {{}}"),
            "line 7, tenant.managed_identity: a tenant has one way to sign in, and client_secret is there too: keep one of the two",
        ),
        (
            &tenant("federated_token_file = \"a\"\nclient_secret_expires = \"2027-01-31\""),
            "line 7, tenant.client_secret_expires: it belongs to client_secret, which is not there: leave it out",
        ),
        (
            &format!("{TENANT}identity_url = \"http://127.0.0.1:9400\""),
            "line 7, tenant.identity_url: it belongs to managed_identity, which is not there: leave it out",
        ),
        (
            &TENANT.replace("client_id = \"11111111-2222-3333-4444-555555555555\"\n", ""),
            "line 2, tenant.client_id: missing key `client_id`: add client_id = …, the 'Application (client) ID' of the app registration, or of the identity where Azure manages it",
        ),
        (
            &tenant("federated_token_file = \"\""),
            "line 6, tenant.federated_token_file: there is no file without a name: write its path",
        ),
    ]);
}

#[test]
fn a_way_that_cannot_be_is_told_why() {
    refuses(&[
        (
            &tenant("certificate = \"a.pem\""),
            "line 6, tenant.certificate: wrong kind of value: a text, expected { file = \"PATH\" }, with key = \"PATH\" or a password where there is one",
        ),
        (
            &tenant("certificate = { key = \"a.key\" }"),
            "line 6, tenant.certificate: missing key `file`: add file = …",
        ),
        (
            &tenant("certificate = { file = \"a\", passphrase = \"hunter3\" }"),
            "line 6, tenant.certificate.passphrase: unknown key `passphrase`: use one of `file`, `key`, `password`",
        ),
        (
            &tenant("certificate = { file = \"a\", password = { env = \"NOWHERE\" } }"),
            "line 6, tenant.certificate: password: the environment variable NOWHERE is not set: set it to the secret",
        ),
        (
            &tenant("certificate = { file = \"a\", key = \"b\", password = \"hunter3\" }"),
            "line 6, tenant.certificate: a password opens a PFX, which has its key inside: leave out key, or leave out password and store the key without one",
        ),
        (
            &tenant("managed_identity = true"),
            "line 6, tenant.managed_identity: wrong kind of value: true or false, expected {} for the machine's own identity, or { client_id = \"…\" } for another",
        ),
        (
            &tenant("managed_identity = { client_id = \"me\" }"),
            "line 6, tenant.managed_identity.client_id: 'me' is not an application's id: write the 'Application (client) ID' of the app registration",
        ),
    ]);
    let user = tenant("managed_identity = { client_id = \"99999999-2222-3333-4444-555555555555\" }");
    let with = |variables: &[(&str, &str)]| {
        read(&format!("public_url = \"https://a\"\n{user}"), variables).unwrap_err()
    };
    assert_eq!(
        with(&[("IDENTITY_ENDPOINT", "http://localhost:40342")]),
        "line 6, tenant.managed_identity: Azure Arc has only the machine's own identity: write managed_identity = {}"
    );
    assert_eq!(
        with(&[("IDENTITY_ENDPOINT", "localhost"), ("IDENTITY_HEADER", "x")]),
        "line 6, tenant.managed_identity: the environment variable IDENTITY_ENDPOINT, which Azure sets, is not a web address"
    );
}

#[test]
fn a_person_signs_in_only_for_what_is_his_own_and_where_it_can_be_kept() {
    let delegated = tenant("delegated = true");
    let key = "[store]\nencryption_key = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n";
    let said = refusal(&delegated);
    assert!(said.starts_with("line 6, tenant.delegated: what is secret is stored sealed"), "{said}");
    assert!(said.contains("openssl rand -base64 32"), "{said}");
    let following = |resource: &str| {
        format!(
            "{delegated}[[subscription]]\nname = \"a\"\ntenant = \"contoso\"\nresource = \"{resource}\"\n{key}"
        )
    };
    for resource in ["onedrive:alice@contoso.com", "mail:alice@contoso.com", "mail:alice@contoso.com/inbox"] {
        let config = read(&format!("public_url = \"https://a\"\n{}", following(resource)), &[]).unwrap();
        assert!(matches!(config.tenants[0].proof, Proof::Delegated));
    }
    for resource in ["list:a,b,c/d", "drive:b!4711"] {
        let said = refusal(&following(resource));
        assert!(said.starts_with("line 10, subscription.resource: the tenant is delegated"), "{said}");
    }
    let managed = following("list:a,b,c/d").replace("[store]", "via = \"sharepoint\"\n[store]");
    assert!(
        read(&format!("public_url = \"https://a\"\n{managed}"), &[]).is_ok(),
        "lists that the person manages"
    );
    assert_eq!(
        refusal(&tenant("delegated = false")),
        "line 6, tenant.delegated: where nobody signs in as a person, leave it out"
    );
}
