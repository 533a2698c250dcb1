use reqwest::Method;
use serde_json::json;

use super::{HR, MINIMAL, NONE, SiteBench, VERBOSE, refusal};

#[tokio::test]
async fn a_list_is_found_by_its_id_its_title_and_its_address() {
    let site = SiteBench::start().await;
    let by_title = site.read("web/lists/GetByTitle('Candidates')").await;
    let id = by_title["Id"].as_str().unwrap();
    for path in [
        format!("web/lists('{id}')"),
        format!("web/lists(guid'{id}')"),
        format!("web/lists/getById('{id}')"),
        format!("Web/Lists(guid'{}')", id.to_uppercase()),
        "web/GetList('/sites/hr/Lists/Candidates')".to_owned(),
        "web/GetList('%2Fsites%2Fhr%2FLists%2Fcandidates')".to_owned(),
        "web/GetList(@a1)?@a1='%2Fsites%2Fhr%2FLists%2FCandidates'".to_owned(),
    ] {
        assert_eq!(site.read(&path).await["Id"], id, "{path}");
    }
    let library = site.read("web/getlist('/sites/hr/Shared%20Documents')?$select=Title,BaseTemplate").await;
    assert_eq!(library, json!({"Title": "Documents", "BaseTemplate": 101}), "what is selected and no more");
    let graph = site.bench.read(&site.bench.candidates().await).await;
    assert_eq!(graph["id"], id, "the same list over Graph");
    let path = format!("web/lists('{id}')?$select=Id,RootFolder/ServerRelativeUrl&$expand=RootFolder");
    let expected = json!({"Id": id, "RootFolder": {"ServerRelativeUrl": "/sites/hr/Lists/Candidates"}});
    assert_eq!(site.read(&path).await, expected);
    let token = site.read(&format!("web/lists('{id}')/CurrentChangeToken")).await;
    assert_eq!(token, by_title["CurrentChangeToken"]);
}

#[tokio::test]
async fn a_site_is_found_by_its_path() {
    let site = SiteBench::start().await;
    let web = site.read("web").await;
    assert_eq!(
        (&web["Url"], &web["ServerRelativeUrl"]),
        (&json!("https://contoso.sharepoint.com/sites/hr"), &json!(HR))
    );
    let graph = site.bench.read("/sites/contoso.sharepoint.com:/sites/hr").await;
    let ids: Vec<&str> = graph["id"].as_str().unwrap().split(',').collect();
    assert_eq!(
        (ids[1], ids[2]),
        (site.read("site").await["Id"].as_str().unwrap(), web["Id"].as_str().unwrap())
    );
    let lists = site.read("web/lists?$select=Title").await;
    assert_eq!(lists["value"].as_array().unwrap().len(), 2);
    let accept = [("accept", NONE)];
    let root = site.send(Method::GET, "/_api/web?$select=ServerRelativeUrl", &accept, None).await;
    assert_eq!(root.body, json!({"ServerRelativeUrl": "/"}));
    assert_eq!(site.send(Method::GET, "/sites/nowhere/_api/web", &accept, None).await.status, 404);
    let digest = site.post("contextinfo", json!({})).await;
    assert_eq!(digest["FormDigestTimeoutSeconds"], 1800);
}

#[tokio::test]
async fn columns_say_which_are_the_lists_own() {
    let site = SiteBench::start().await;
    let list = site.list("Candidates").await;
    let fields = site
        .read(&format!("{list}/fields?$select=InternalName,Hidden,ReadOnlyField,EntityPropertyName"))
        .await;
    let fields = fields["value"].as_array().unwrap();
    let own: Vec<&str> = fields
        .iter()
        .filter(|field| field["Hidden"] == false && field["ReadOnlyField"] == false)
        .map(|field| field["InternalName"].as_str().unwrap())
        .collect();
    assert_eq!(own, ["Title", "Stage", "Score", "Notes"]);
    let hidden = fields.iter().find(|field| field["Hidden"] == true).unwrap();
    assert_eq!(hidden["EntityPropertyName"], "OData__ModerationComments");
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_each_form() {
    let site = SiteBench::start().await;
    for (path, status, code) in [
        ("web/lists/getbytitle('It''s gone')", 404, "-1, System.ArgumentException"),
        (
            "web/lists('e4b1a2c3-d5f6-4708-9a1b-2c3d4e5f6071')",
            404,
            "-2130575322, Microsoft.SharePoint.SPException",
        ),
        ("web/getlist('/sites/hr/Lists/Nothing')", 404, "-2147024894, System.IO.FileNotFoundException"),
        ("web/getlist('/sites/other/Lists/Candidates')", 400, "-2147024809, System.ArgumentException"),
        ("web/getlist('Lists/Candidates')", 400, "-2147024809, System.ArgumentException"),
        (
            "web/lists/getbytitle('Candidates')/items(999)",
            404,
            "-2130575338, Microsoft.SharePoint.SPException",
        ),
        ("web/lists/getbytitle('Candidates')?$select=Colour", 400, "-1, Microsoft.SharePoint.SPException"),
        ("web/wonders", 404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException"),
    ] {
        for (accept, key) in [
            (NONE, "odata.error"),
            (MINIMAL, "odata.error"),
            (VERBOSE, "error"),
            ("application/json", "error"),
        ] {
            let path = format!("{HR}/_api/{path}");
            let answer = site.send(Method::GET, &path, &[("accept", accept)], None).await;
            let (found, told, text) = refusal(&answer, key);
            assert_eq!((found, told), (status, code), "{path}: {text}");
        }
    }
    site.bench
        .control("/faults", json!({"status": 429, "retry_after": 9, "path_prefix": "/sites/hr/_api"}))
        .await;
    let throttled = site.call(Method::GET, "web", None).await;
    assert_eq!(throttled.headers["retry-after"], "9");
    assert_eq!(refusal(&throttled, "odata.error").0, 429);
}
