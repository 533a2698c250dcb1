use o365_listener::model::Target;
use o365_listener::office365::Verdict;
use serde_json::json;

use super::Reach;

#[tokio::test]
async fn every_form_of_an_address_leads_to_the_same_ids() {
    let reach = Reach::start().await;
    let list = reach.resolve("list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates").await.unwrap();
    let Target::List { site, list: list_id, web: None } = &list else { panic!("{list:?}") };
    for address in [
        "list:https://contoso.sharepoint.com/sites/HR/lists/candidates/AllItems.aspx?viewid=1".to_owned(),
        format!("list:{site}/{list_id}"),
        format!("list:{site}/Candidates"),
    ] {
        assert_eq!(reach.resolve(&address).await.unwrap(), list, "{address}");
    }

    let library =
        reach.resolve("drive:https://contoso.sharepoint.com/sites/hr/Shared Documents").await.unwrap();
    let Target::Drive { drive } = &library else { panic!("{library:?}") };
    assert_eq!(reach.resolve(&format!("drive:{drive}")).await.unwrap(), library);
    let forms = "drive:https://contoso.sharepoint.com/sites/hr/Shared%20Documents/Forms/AllItems.aspx";
    assert_eq!(reach.resolve(forms).await.unwrap(), library);
    let as_list =
        reach.resolve("list:https://contoso.sharepoint.com/sites/hr/Shared Documents").await.unwrap();
    assert!(matches!(as_list, Target::List { .. }));

    let onedrive = reach.resolve("onedrive:alice@contoso.com").await.unwrap();
    assert!(matches!(&onedrive, Target::Drive { drive } if drive.starts_with("b!")));

    let inbox = reach.resolve("mail:alice@contoso.com/inbox").await.unwrap();
    let Target::MailFolder { user, folder } = &inbox else { panic!("{inbox:?}") };
    assert_eq!(reach.resolve(&format!("mail:{user}/{folder}")).await.unwrap(), inbox);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let reach = Reach::start().await;
    for (address, named) in [
        (
            "list:https://contoso.sharepoint.com/sites/hr/Lists/Nothing",
            "no list or library at https://contoso",
        ),
        (
            "list:https://contoso.sharepoint.com/sites/nowhere/Lists/Nothing",
            "no site at https://contoso.sharepoint.com/sites/nowhere,",
        ),
        (
            "list:https://fabrikam.sharepoint.com/sites/hr/Lists/Candidates",
            "SharePoint at fabrikam.sharepoint.com",
        ),
        ("list:contoso.sharepoint.com,a,b/c", "site with the id contoso.sharepoint.com,a,b"),
        ("drive:https://contoso.sharepoint.com/sites/hr/Lists/Candidates", "a list without files"),
        ("drive:b!unknown", "drive with the id b!unknown"),
        ("onedrive:nobody@contoso.com", "OneDrive of 'nobody@contoso.com'"),
        ("mail:nobody@contoso.com/inbox", "user 'nobody@contoso.com'"),
        ("mail:alice@contoso.com/no-such-folder", "mail folder 'no-such-folder'"),
    ] {
        let failure = reach.resolve(address).await.unwrap_err();
        assert_eq!(failure.verdict, Verdict::NotFound, "{address}: {failure:?}");
        assert!(failure.message.contains(named), "{address}: {failure}");
        assert!(!failure.code.is_empty(), "{address}");
    }
}

#[tokio::test]
async fn an_app_that_may_only_read_mail_follows_mail_by_the_users_name() {
    let reach = Reach::start().await;
    reach.bench.control("/roles", json!({"roles": ["Mail.Read"]})).await;
    let inbox = reach.resolve("mail:alice@contoso.com/inbox").await.unwrap();
    assert!(matches!(&inbox, Target::MailFolder { user, .. } if user == "alice@contoso.com"), "{inbox:?}");
    let page = reach.tenant().page(&inbox, &[], None).await.unwrap();
    assert!(!page.items.is_empty());
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let reach = Reach::start().await;
    reach.bench.control("/roles", json!({"roles": []})).await;
    for (address, permission) in [
        ("list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates", "Sites.Read.All"),
        ("drive:https://contoso.sharepoint.com/sites/hr/Shared Documents", "Files.Read.All"),
        ("onedrive:alice@contoso.com", "Files.Read.All"),
        ("mail:alice@contoso.com/inbox", "Mail.Read"),
    ] {
        let failure = reach.resolve(address).await.unwrap_err();
        assert_eq!(failure.verdict, Verdict::Forbidden, "{address}: {failure:?}");
        assert!(failure.message.contains(permission), "{address}: {failure}");
        assert!(failure.message.contains("Office 365 answered 403 "), "{address}: {failure}");
    }
}
