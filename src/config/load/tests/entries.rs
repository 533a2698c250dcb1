//! What is wrong with a tenant, a subscription, a secret or an address, and how it is told.

use super::*;

#[test]
fn a_public_url_that_office_365_cannot_call_is_told_why() {
    for (url, message) in [
        (
            "hooks.contoso.com",
            "line 1, public_url: 'hooks.contoso.com' cannot be used: it is not a web address; write https://HOST, or https://HOST/PATH",
        ),
        (
            "http://hooks.contoso.com",
            "line 1, public_url: 'http://hooks.contoso.com' cannot be used: Office 365 calls only https addresses; write https://HOST",
        ),
        (
            "https://hooks.contoso.com/?a",
            "line 1, public_url: 'https://hooks.contoso.com/?a' cannot be used: leave out what begins with '?' or '#'",
        ),
    ] {
        assert_eq!(read(&format!("public_url = {url:?}"), &[]).expect_err(url), message);
    }
}

#[test]
fn a_site_of_another_cloud_is_refused_unless_requests_go_elsewhere() {
    let following = |tenant: &str, resource: &str| {
        format!(
            "{TENANT}{tenant}\n[[subscription]]\nname = \"a\"\ntenant = \"contoso\"\nresource = \"{resource}\"\n"
        )
    };
    let list = "list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates";
    let gov = "list:https://contoso.sharepoint.us/sites/hr/Lists/Candidates";
    assert_eq!(
        refusal(&following("cloud = \"us-gov\"", list)),
        "line 11, subscription.resource: the site is in another of Microsoft's clouds than the tenant (us-gov), whose sites are at *.sharepoint.us: write the address of such a site, or set the tenant's cloud"
    );
    for (tenant, resource) in [
        ("", gov),
        ("cloud = \"china\"", "list:contoso.sharepoint.us,a,b/c"),
        ("cloud = \"us-gov-dod\"\nsharepoint_url = \"http://127.0.0.1:1\"", gov),
        ("", "drive:https://contoso.sharepoint.cn/sites/hr/Shared Documents"),
    ] {
        let said = refusal(&following(tenant, resource));
        assert!(said.contains("another of Microsoft's clouds"), "{tenant} {resource}: {said}");
    }
    for (tenant, resource) in [
        ("", list),
        ("cloud = \"us-gov\"", gov),
        ("cloud = \"us-gov\"", "list:https://intranet.contoso.com/sites/hr/Lists/Candidates"),
        ("cloud = \"us-gov\"\ngraph_url = \"http://127.0.0.1:1\"", list),
    ] {
        let text = format!("public_url = \"https://hooks.contoso.com\"\n{}", following(tenant, resource));
        read(&text, &[]).unwrap();
    }
}

#[test]
fn a_tenant_that_cannot_be_is_told_why() {
    let tenant = |from: &str, to: &str| refusal(&TENANT.replace(from, to));
    for (said, message) in [
        (
            tenant("\"contoso\"", "\"Contoso\""),
            "line 3, tenant.name: 'Contoso' is not a name: use 1 to 63 lower-case letters, digits and '-', beginning with a letter or digit",
        ),
        (
            tenant("contoso.com", "contoso/com"),
            "line 4, tenant.tenant_id: 'contoso/com' is not a directory: write the 'Directory (tenant) ID' of the app registration, or a domain of the organisation",
        ),
        (
            tenant("11111111-", ""),
            "line 5, tenant.client_id: '2222-3333-4444-555555555555' is not an application's id: write the 'Application (client) ID' of the app registration",
        ),
        (
            tenant("\"hunter2\"", "\"hunter2\"\ncloud = \"mars\""),
            "line 7, tenant.cloud: unknown value `mars`: use one of `global`, `us-gov`, `us-gov-dod`, `china`",
        ),
        (
            tenant("\"hunter2\"", "\"hunter2\"\ngraph_url = \"127.0.0.1:9400\""),
            "line 7, tenant.graph_url: '127.0.0.1:9400' cannot be used: it is not a web address; write https://HOST, or https://HOST/PATH",
        ),
        (
            tenant("\"hunter2\"", "\"hunter2\"\nuser_agent = \"ISV|Übersee|a/1\""),
            r#"line 7, tenant.user_agent: only printable ASCII may be sent: write "NONISV|COMPANY|APP/VERSION""#,
        ),
        (
            refusal(&format!("{TENANT}{TENANT}")),
            "line 8, tenant.name: 'contoso' is the name of another tenant: give this one its own",
        ),
    ] {
        assert_eq!(said, message);
    }
}

#[test]
fn a_way_that_cannot_be_had_is_told_why() {
    let followed = |resource: &str, via: &str| {
        let entry = format!(
            "[[subscription]]\nname = \"a\"\ntenant = \"contoso\"\nresource = \"{resource}\"\nvia = \"{via}\""
        );
        refusal(&format!("{TENANT}{entry}"))
    };
    for (said, message) in [
        (
            followed("onedrive:alice@contoso.com", "sharepoint"),
            "line 11, subscription.via: SharePoint's own webhooks are for list: addresses only: write list:, which takes the address of a document library too, or leave out via",
        ),
        (
            followed("list:s/l", "ews"),
            "line 11, subscription.via: 'ews' is not a way to follow a resource: use one of graph, sharepoint",
        ),
        (
            followed("list:s/l", "sharepoint"),
            "line 11, subscription.via: SharePoint's own service refuses an app that signs in with a client secret ('Unsupported app only token'): give the tenant a certificate, federated_token_file or managed_identity, or follow the list over graph",
        ),
    ] {
        assert_eq!(said, message);
    }
}

#[test]
fn a_subscription_that_cannot_be_is_told_why() {
    let subscription = |lines: &str| refusal(&format!("{TENANT}[[subscription]]\n{lines}"));
    let good = "name = \"a\"\ntenant = \"contoso\"\nresource = \"onedrive:alice@contoso.com\"\n";
    for (said, message) in [
        (
            subscription(&good.replace("contoso\"\n", "fabrikam\"\n")),
            "line 9, subscription.tenant: there is no tenant 'fabrikam': use one of contoso, or add it as a [[tenant]]",
        ),
        (
            subscription(&good.replace("onedrive", "ondrive")),
            "line 10, subscription.resource: 'ondrive:alice@contoso.com' is not a resource address: it must begin with list:, onedrive:, drive: or mail:",
        ),
        (
            subscription(&good.replace("onedrive:alice@contoso.com", "mail:alice@contoso.com/a/b")),
            "line 10, subscription.resource: 'mail:alice@contoso.com/a/b' is not a resource address: write mail:USER for the whole mailbox or mail:USER/FOLDER, FOLDER being a well-known name or an id",
        ),
        (
            subscription(&format!("{good}start = \"yesterday\"")),
            "line 11, subscription.start: 'yesterday' is not a start: use one of now, baseline, beginning",
        ),
        (
            subscription(&format!("{good}lifetime = \"long\"")),
            r#"line 11, subscription.lifetime: 'long' is not a duration: write a number and its unit, such as "90s", "6h" or "30d""#,
        ),
        (
            subscription(&format!("{good}select = [\"subject\"]")),
            "line 11, subscription.select: only mail: addresses have properties to select: leave it out",
        ),
        (
            subscription(&format!("{good}include_resource_data = true")),
            "line 11, subscription.include_resource_data: Microsoft sends the content of mail: addresses only, not of lists and drives, whose changes are fetched: leave it out",
        ),
        (
            subscription(&format!("{good}[[subscription]]\n{good}")),
            "line 12, subscription.name: 'a' is the name of another subscription: give this one its own",
        ),
        (
            subscription(&format!("{good}[[subscription]]\n{}", good.replace("\"a\"", "\"b\""))),
            "line 14, subscription.resource: 'a' follows the same: remove one of the two",
        ),
        (
            refusal(&format!("[[subscription]]\n{good}")),
            "line 4, subscription.tenant: there is no tenant 'contoso': add it as a [[tenant]]",
        ),
    ] {
        assert_eq!(said, message);
    }
}

#[test]
fn a_secret_that_is_not_there_is_told_where_it_was_looked_for_and_never_shown() {
    for (written, message) in [
        (
            "{ env = \"NOT_SET\" }",
            "line 6, tenant.client_secret: the environment variable NOT_SET is not set: set it to the secret",
        ),
        (
            "{ file = \"/does/not/exist\" }",
            "line 6, tenant.client_secret: the file /does/not/exist cannot be read (No such file or directory (os error 2)): put the secret there",
        ),
        (
            "{ environment = \"A\" }",
            "line 6, tenant.client_secret.environment: unknown key `environment`: use `env` or `file`",
        ),
        (
            "{ env = \"A\", file = \"B\" }",
            r#"line 6, tenant.client_secret: a secret is one of { env = "NAME" }, { file = "PATH" } or a text in quotes"#,
        ),
        (
            "{}",
            r#"line 6, tenant.client_secret: a secret is one of { env = "NAME" }, { file = "PATH" } or a text in quotes"#,
        ),
        ("\"\"", "line 6, tenant.client_secret: the secret is empty: put the secret there"),
        (
            "271828",
            r#"line 6, tenant.client_secret: a number is no secret: write { env = "NAME" }, { file = "PATH" } or a text in quotes"#,
        ),
        (
            "[\"hunter2\"]",
            r#"line 6, tenant.client_secret: wrong kind of value: a list, expected { env = "NAME" }, { file = "PATH" } or a text in quotes"#,
        ),
    ] {
        assert_eq!(refusal(&TENANT.replace("\"hunter2\"", written)), message);
    }
}

#[test]
fn a_secret_is_read_from_its_file_without_the_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, " hunter2 \r\n").unwrap();
    let text = TENANT.replace("\"hunter2\"", &format!("{{ file = {:?} }}", file.to_str().unwrap()));
    let config = read(&format!("public_url = \"https://a\"\n{text}"), &[]).unwrap();
    assert_eq!(secret_of(&config.tenants[0]), " hunter2 ");
}

#[test]
fn an_error_names_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let said = |error: ConfigError| error.to_string().replace(folder.path().to_str().unwrap(), "DIR");
    assert_eq!(
        said(load(&file, []).unwrap_err()),
        "cannot read the configuration DIR/config.toml: No such file or directory (os error 2); name another with --config FILE or O365_LISTENER_CONFIG"
    );
    std::fs::write(&file, "public_url = \"https://a\"\n\n[fetch]\nconcurrency = 0\n").unwrap();
    assert_eq!(
        said(load(&file, []).unwrap_err()),
        "DIR/config.toml, line 4, fetch.concurrency: 0 is out of range: write a number from 1 to 256"
    );
}
