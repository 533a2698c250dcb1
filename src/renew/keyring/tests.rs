use super::*;
use crate::secret::Secret;
use crate::store;

async fn open_store(folder: &tempfile::TempDir, clock: &Clock) -> Arc<dyn Store> {
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    store::open(&url, clock.now()).await.unwrap()
}

fn sealer(keys: &[&'static str]) -> Option<Arc<Sealer>> {
    let keys: Vec<Secret> = keys.iter().map(|key| Secret::new(*key)).collect();
    Sealer::new(&keys).unwrap().map(Arc::new)
}

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const LATER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

async fn keyring(folder: &tempfile::TempDir, clock: &Clock) -> Keyring {
    let store = open_store(folder, clock).await;
    Keyring::open(store, clock.clone(), sealer(&[KEY]), None).await.unwrap()
}

async fn current(keyring: &Keyring) -> CertificateId {
    keyring.recipient().await.unwrap().certificate_id
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_once() {
    let given = Encryption { certificate: "no-such-file".into(), key: "no-such-key".into() };
    let error = anyhow::Error::new(Keyring::look_at(&given).unwrap_err());
    assert_eq!(format!("{error:#}").matches("no-such-file").count(), 1, "{error:#}");
}

#[tokio::test]
async fn checking_tells_what_opening_would_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual("2026-11-24T10:00:00Z".parse().unwrap());
    let keyring = keyring(&folder, &clock).await;
    current(&keyring).await;
    let store = keyring.store.clone();
    let before = store.certificates().await.unwrap();
    let file = |name: &str| folder.path().join(name);
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let given = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    std::fs::write(file("content.pem"), given.pem()).unwrap();
    std::fs::write(file("content.key"), key.serialize_pem()).unwrap();
    let given = Encryption { certificate: file("content.pem"), key: file("content.key") };

    let check = |sealer, given| Keyring::check(store.clone(), clock.clone(), sealer, given);
    assert_eq!(check(sealer(&[KEY]), None).await.unwrap(), Some(before[0].expires_at));
    let ends = check(sealer(&[LATER, KEY]), Some(&given)).await.unwrap();
    assert!(ends.is_some_and(|ends| ends != before[0].expires_at));
    let other = check(sealer(&[LATER]), None).await.unwrap_err();
    assert!(matches!(other, KeyringError::OtherKey(_)), "{other}");
    let none = check(None, Some(&given)).await.unwrap_err();
    assert!(matches!(none, KeyringError::NoKey(_)), "{none}");
    assert_eq!(store.certificates().await.unwrap(), before);
}

#[tokio::test]
async fn a_certificate_is_made_anew_at_half_of_its_life_and_the_former_stays_for_a_week() {
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual("2026-11-24T10:00:00Z".parse().unwrap());
    let keyring = keyring(&folder, &clock).await;
    assert!(keyring.store.certificates().await.unwrap().is_empty(), "made before it is needed");
    let first = current(&keyring).await;
    clock.advance(days(180));
    assert_eq!(current(&keyring).await, first);
    clock.advance(days(5));
    let second = current(&keyring).await;
    assert_ne!(second, first);
    keyring.retire().await.unwrap();
    // It was last used when it was made, half of a year ago, and nothing holds it.
    let kept: Vec<_> = keyring.store.certificates().await.unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(kept, std::slice::from_ref(&second));

    keyring.store.close().await;
    drop(keyring);
    let keyring = self::keyring(&folder, &clock).await;
    assert_eq!(current(&keyring).await, second, "a restart makes another");
}
