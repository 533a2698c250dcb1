mod mail;

use std::sync::Arc;
use std::time::Duration;

use o365_listener::app;
use o365_listener::clock::Clock;
use o365_listener::config::{self, Proof};
use o365_listener::model::Via;
use o365_listener::office365::{Failure, Vault, Verdict};
use o365_listener::seal::{Place, Sealer};
use o365_listener::secret::Secret;
use o365_listener::store::{self, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::sign_ins;
use crate::house::House;
use crate::office365::Reach;
use crate::simulator::harness::Bench;

const DRIVE: &str = "onedrive:alice@contoso.com";
const MAIL: &str = "mail:alice@contoso.com/inbox";
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A delegated tenant whose sign-in is kept in a store on disk.
struct Person {
    reach: Reach,
    store: Arc<dyn Store>,
    _folder: TempDir,
}

impl Person {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let reach = super::reach(Proof::Delegated).await;
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let store = store::open(&url, reach.bench.clock.now()).await.unwrap();
        reach.office365.keep_sign_ins(&vault(&store));
        Self { reach, store, _folder: folder }
    }

    async fn signed_in() -> Self {
        let person = Self::start().await;
        person.sign_in(json!({})).await.unwrap();
        person
    }

    /// Begins to sign in, does `typed` with the code, and lets time pass until it is over.
    async fn sign_in(&self, mut typed: Value) -> Result<(), Failure> {
        let code = self.reach.tenant().device_code().await?;
        if typed.is_object() {
            typed["user_code"] = code.user_code().into();
            self.reach.bench.control("/device", typed).await;
        }
        self.passing(self.reach.tenant().await_person(&code)).await
    }

    async fn passing<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = Box::pin(work);
        loop {
            match self.reach.bench.clock.timeout(Duration::from_millis(10), &mut work).await {
                Ok(done) => return done,
                Err(_) => self.reach.bench.clock.advance(Duration::from_secs(5)),
            }
        }
    }

    async fn kept(&self) -> Option<Vec<u8>> {
        self.store.sign_in(&"contoso".parse().unwrap()).await.unwrap()
    }
}

fn vault(store: &Arc<dyn Store>) -> Vault {
    let sealer = Sealer::new(&[Secret::new(KEY)]).unwrap().unwrap();
    Vault { store: store.clone(), sealer: Arc::new(sealer) }
}

#[tokio::test]
async fn one_sign_in_is_good_for_the_sites_as_well() {
    let person = Person::signed_in().await;
    let tenant = person.reach.tenant();
    let list = "list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates".parse().unwrap();
    let resolved = tenant.resolve(&list, Via::SharePoint).await.unwrap();
    assert_eq!(resolved.target.via(), Via::SharePoint);
    let signed_in = tenant.sign_in_to_sites("contoso.sharepoint.com").await.unwrap();
    assert_eq!(signed_in.audience.as_deref(), Some("https://contoso.sharepoint.com"));
    person.reach.resolve(DRIVE).await.unwrap();
}

#[tokio::test]
async fn a_person_signs_in_with_a_code_and_reaches_what_is_his_own() {
    let person = Person::start().await;
    let tenant = person.reach.tenant();
    let failure = tenant.sign_in().await.unwrap_err();
    assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Unauthorized, "notSignedIn"));
    assert!(failure.message.contains("`o365-listener login --tenant contoso`"), "{failure}");

    let code = tenant.device_code().await.unwrap();
    assert_eq!((code.user_code().len(), code.lifetime()), (9, Duration::from_secs(900)));
    let typing = async {
        // Only after it was asked about in vain.
        while sign_ins(&person.reach, "login", "400") < 3 {
            person.reach.bench.clock.advance(Duration::from_secs(5));
            tokio::task::yield_now().await;
        }
        person.reach.bench.control("/device", json!({"user_code": code.user_code()})).await;
    };
    let (waited, ()) = tokio::join!(person.passing(tenant.await_person(&code)), typing);
    waited.unwrap();

    let signed_in = tenant.sign_in().await.unwrap();
    assert!(signed_in.roles.contains(&"Mail.Read".to_owned()), "{signed_in:?}");
    let drive = person.reach.resolve(DRIVE).await.unwrap();
    tenant.page(&drive, &[], None).await.unwrap();
    let mail = person.reach.resolve("mail:alice@contoso.com/inbox").await.unwrap();
    tenant.page(&mail, &[], None).await.unwrap();
    for resource in
        ["onedrive:bob@contoso.com", "list:https://contoso.sharepoint.com/sites/hr/Lists/Candidates"]
    {
        let failure = person.reach.resolve(resource).await.unwrap_err();
        assert_eq!(failure.verdict, Verdict::Forbidden, "{resource}: {failure}");
    }
    let sealed = person.kept().await.unwrap();
    let opened = vault(&person.store).sealer.open(Place::sign_in("contoso"), &sealed).unwrap();
    assert!(opened.starts_with(b"1."), "the stand-in's tokens begin so");
    assert!(!sealed.windows(10).any(|window| opened.starts_with(window)), "kept as it is");
}

#[tokio::test]
async fn each_use_of_a_refresh_token_puts_the_new_one_in_its_place() {
    let person = Person::signed_in().await;
    let control = |body| person.reach.bench.control("/refresh-tokens", body);
    control(json!({"single_use": true})).await;
    let mut kept = vec![person.kept().await.unwrap()];
    for _ in 0..3 {
        person.reach.resolve(DRIVE).await.unwrap();
        kept.push(person.kept().await.unwrap());
        person.reach.bench.clock.advance(Duration::from_secs(3600));
    }
    kept.dedup();
    assert_eq!(kept.len(), 4, "a new one each time");
    // As after a restart: another client, the same store.
    let (reach, store) = (&person.reach, &person.store);
    let again = reach.again(|tenant| tenant.proof = Proof::Delegated);
    again.keep_sign_ins(&vault(store));
    again.tenant(&"contoso".parse().unwrap()).unwrap().sign_in().await.unwrap();
}

#[tokio::test]
async fn a_sign_in_that_ended_asks_for_a_person() {
    let person = Person::signed_in().await;
    person.reach.bench.control("/refresh-tokens", json!({"revoke": true})).await;
    let failure = person.reach.tenant().sign_in().await.unwrap_err();
    assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Unauthorized, "AADSTS50173"));
    assert!(failure.message.contains("`o365-listener login --tenant contoso`"), "{failure}");
    person.sign_in(json!({})).await.unwrap();
    person.reach.tenant().sign_in().await.unwrap();
    person.reach.bench.clock.advance(Duration::from_secs(91 * 86_400));
    let failure = person.reach.tenant().sign_in().await.unwrap_err();
    assert_eq!(failure.code, "AADSTS700082", "{failure}");
    assert!(person.kept().await.is_some(), "what is refused is not thrown away: the refusal may be in error");
}

#[tokio::test]
async fn a_sign_in_that_does_not_come_about_says_why_and_keeps_nothing() {
    let person = Person::start().await;
    let failure = person.sign_in(json!({"decline": true})).await.unwrap_err();
    assert_eq!(failure.message, "The sign-in was declined");
    let failure = person.sign_in(Value::Null).await.unwrap_err();
    assert_eq!(failure.message, "Nobody has typed in the code before it ended: begin again");
    assert_eq!(person.kept().await, None);
    // An outage while asking is waited out.
    let outage = json!({"status": 503, "count": 2, "path_prefix": format!("/{}", person.reach.bench.tenant().tenant_id)});
    let code = person.reach.tenant().device_code().await.unwrap();
    person.reach.bench.control("/faults", outage).await;
    person.reach.bench.control("/device", json!({"user_code": code.user_code()})).await;
    person.passing(person.reach.tenant().await_person(&code)).await.unwrap();
    person.reach.resolve(DRIVE).await.unwrap();
}

#[tokio::test]
async fn a_challenge_is_answered_for_a_person_too() {
    let person = Person::signed_in().await;
    person.reach.resolve(DRIVE).await.unwrap();
    let wanted = json!({"claims": {"access_token": {"acrs": {"essential": true, "value": "c1"}}}});
    person.reach.bench.control("/claims", wanted).await;
    person.reach.resolve(DRIVE).await.unwrap();
    assert_eq!(sign_ins(&person.reach, "graph", "401"), 1);
}

#[tokio::test]
async fn a_key_that_does_not_open_the_sign_in_is_told() {
    let person = Person::signed_in().await;
    let other = Sealer::new(&[Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]).unwrap().unwrap();
    let again = person.reach.again(|tenant| tenant.proof = Proof::Delegated);
    again.keep_sign_ins(&Vault { store: person.store.clone(), sealer: Arc::new(other) });
    let failure = again.tenant(&"contoso".parse().unwrap()).unwrap().sign_in().await.unwrap_err();
    assert_eq!((failure.verdict.clone(), failure.code.as_str()), (Verdict::Unauthorized, "notSignedIn"));
    assert!(failure.message.contains("none of the keys in [store] encryption_key opens it"), "{failure}");
}

#[tokio::test]
async fn a_listener_follows_the_onedrive_and_the_mail_of_whoever_signed_in() {
    let mut house = House::start("").await;
    house.close().await;
    let secret = format!("client_secret = \"{}\"", house.tenant.tenant().client_secret);
    house.rewrite(|text| {
        let text = text.replace(&secret, "delegated = true");
        let text = text.replace("[store]\n", &format!("[store]\nencryption_key = \"{KEY}\"\n"));
        let follow = |(name, resource)| {
            format!("[[subscription]]\nname = \"{name}\"\ntenant = \"contoso\"\nresource = \"{resource}\"\n")
        };
        let followed: String = [("files", DRIVE), ("mail", MAIL)].map(follow).concat();
        format!("{text}{followed}")
    });
    let config = config::load(&house.folder().join("config.toml"), []).unwrap();
    let contoso = "contoso".parse().unwrap();
    let (told, code) = tokio::sync::oneshot::channel();
    let show = |signing_in: app::SigningIn<'_>| {
        assert!(signing_in.page.ends_with("/_control/device"), "{signing_in:?}");
        told.send(signing_in.code.to_owned()).unwrap();
        Ok(())
    };
    let typing = async {
        house.control("device", json!({"user_code": code.await.unwrap()})).await;
        // Whenever it is asked about again, which is every five seconds.
        loop {
            house.advance(Duration::from_secs(5));
            Clock::system().sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        signed_in = app::login(&config, &contoso, &house.clock, show) => signed_in.unwrap(),
        () = typing => {}
    }

    house.open().await;
    for (name, resource) in [("files", DRIVE), ("mail", MAIL)] {
        house.active(name).await;
        house.change(resource).await;
        let told = async || house.events().await.iter().any(|event| event["subscription"] == name);
        house.eventually(&format!("the change of {name} is told"), told).await;
    }
    let refused = app::login(&config, &contoso, &house.clock, |_| Ok(())).await.unwrap_err();
    assert!(refused.to_string().contains("a running listener has the store"), "{refused}");
    let nobody =
        app::login(&config, &"fabrikam".parse().unwrap(), &house.clock, |_| Ok(())).await.unwrap_err();
    assert!(nobody.to_string().contains("use one of contoso"), "{nobody}");
    house.close().await;
}

#[tokio::test]
async fn only_the_simulated_person_with_the_code_signs_in() {
    let bench = Bench::start().await;
    let url = format!("{}/_control/device", bench.simulator.url());
    for body in [json!({"user_code": "NONE"}), json!({"user_code": "NONE", "user": "nobody@contoso.com"})] {
        let answer = crate::simulator::harness::answered(bench.http.post(&url).json(&body)).await;
        assert_eq!(answer.status, 404, "{}", answer.body);
    }
    let client_id = bench.tenant().client_id.to_string();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", client_id.as_str()),
        ("device_code", "made-up"),
    ];
    let answer = bench.form(&form).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("bad_verification_code")));
    let form = [("grant_type", "refresh_token"), ("client_id", &client_id), ("refresh_token", "made-up")];
    let answer = bench.form(&form).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_grant")));
}
