//! The encrypted content of a notification and the tokens that come with it, from anybody: nothing opens but what was
//! encrypted for us and is as it was sent, and no token holds that was not signed.
//!
//! No mutation finds a ciphertext or a signature, so words in an input stand for them: `DATA_0`, `KEY_0` and `MAC_0`
//! for what Microsoft's test vector has, 1 to 6 for what `sealed` lists, `TOKEN_1` and `TOKEN_2` for good tokens. After
//! a first line `sign`, the second is the head and the rest the claims of a token that is signed here.
#![no_main]

mod reading;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, OnceLock};

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::DateTime;
use jsonwebtoken::DecodingKey;
use libfuzzer_sys::fuzz_target;
use o365_listener::fetch::content::{DecryptionKey, Element, Fault, check_token, glance_at_token, open};
use o365_listener::model::{CertificateId, Properties};
use o365_listener::office365::{Audience, Signer};
use serde_json::value::RawValue;
use uuid::Uuid;

use reading::{fields, text};

const CERTIFICATE: &str = "custom-id-for-testing";
const THUMBPRINT: &str = "4B95353E086AD37196606ACF834A14532F03E6DB";
const TENANT: &str = "c0ffee00-1111-4222-8333-444455556666";
const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
const HEAD: &str = r#"{"alg":"RS256","kid":"k1"}"#;
const NOW: i64 = 1_795_514_400;
const LEEWAY: i64 = 300;
/// Decrypting takes milliseconds, all else but signing microseconds: of the inputs that get as far, one in so many is tried.
const SAMPLE: u64 = 32;

/// What is encrypted, and what comes of it.
struct Sealed {
    data: Vec<u8>,
    data_key: Vec<u8>,
    mac: Vec<u8>,
    opens: Result<Properties, Fault>,
}

struct Bench {
    keys: [DecryptionKey; 1],
    /// Of the same name, for another private key: to it nothing here opens.
    others: [DecryptionKey; 1],
    sealed: Vec<Sealed>,
    entra: KeyPair,
    signer: Signer,
    audiences: [Audience; 1],
    /// Words and what they stand for.
    words: Vec<(String, String)>,
    signed: [String; 2],
    /// Parts that have been decrypted before in this process, and what was around them.
    decrypted: Mutex<HashSet<([usize; 3], [bool; 4])>>,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let certificate = pem(include_str!("../../tests/encrypted-content/certificate.pem"));
        let private = pem(include_str!("../../tests/encrypted-content/key.pem"));
        let key = |certificate: &[u8], pkcs8: &[u8]| {
            DecryptionKey::new(CertificateId(CERTIFICATE.to_owned()), certificate, pkcs8).unwrap()
        };
        let entra = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let another: Pkcs8V1Der<'_> = entra.as_der().unwrap();
        let sealed = sealed(&PrivateDecryptingKey::from_pkcs8(&private).unwrap().public_key());
        let signed = [1, 2].map(|version| signed(&entra, HEAD, &good_claims(version)));
        Bench {
            keys: [key(&certificate, &private)],
            // The certificate is the same one, so that the thumbprint does not end it.
            others: [key(&certificate, another.as_ref())],
            words: words(&sealed, &signed),
            sealed,
            signer: signer(&entra),
            entra,
            audiences: [Audience { client_id: CLIENT.to_owned(), tenant_id: TENANT.parse().unwrap() }],
            signed,
            decrypted: Mutex::default(),
        }
    })
}

fuzz_target!(|input: &[u8]| {
    let Ok(input) = str::from_utf8(input) else {
        // A notification that is no text is refused before; here it only has to do no harm.
        assert!(open(input, &[]).is_err());
        return;
    };
    match input.strip_prefix("sign\n").map(|token| token.split_once('\n').unwrap_or((token, ""))) {
        Some((head, claims)) => a_signed_token_holds_if_its_claims_do(head, claims),
        None => {
            let filled = filled(input);
            an_element_opens_if_it_is_as_it_was_sent(&filled);
            a_token_holds_if_it_is_as_it_was_signed(&filled);
        }
    }
});

fn filled(input: &str) -> String {
    let mut filled = input.to_owned();
    for (word, stands_for) in &bench().words {
        if filled.contains(word) {
            filled = filled.replace(word, stands_for);
        }
    }
    filled
}

// Elements -----------------------------------------------------------------------------------------------------

/// An element, read in another way.
struct Read {
    raw: [Option<Box<RawValue>>; 4],
    encrypted: [Option<Box<RawValue>>; 5],
    change_type: Option<String>,
    item: Option<String>,
    certificate: String,
    thumbprint: Option<String>,
    /// Data, key and MAC. None: no base64.
    parts: Option<[Vec<u8>; 3]>,
}

const ELEMENT: [&str; 4] = ["tenantId", "changeType", "resourceData", "encryptedContent"];
const ENCRYPTED: [&str; 5] =
    ["data", "dataKey", "dataSignature", "encryptionCertificateId", "encryptionCertificateThumbprint"];

fn an_element_opens_if_it_is_as_it_was_sent(element: &str) {
    let read = read(element);
    let parsed = Element::read(element.as_bytes());
    assert_eq!(parsed.is_ok(), read.is_some());
    let Some(read) = read else {
        assert_eq!(parsed.err(), Some(Fault::Malformed));
        return;
    };
    // Neither order nor white space nor what else is there makes a difference.
    let again = Element::read(rearranged(&read).as_bytes());
    assert_eq!(format!("{:?}", parsed.unwrap()), format!("{:?}", again.unwrap()));

    let nobody = open(element.as_bytes(), &[]);
    assert_eq!(nobody, Err(Fault::UnknownCertificate));
    let early = early_fault(&read);
    let parts = match (early, &read.parts) {
        (None, Some(parts)) => parts,
        (early, _) => {
            let fault = Err(early.unwrap_or(Fault::Malformed));
            assert_eq!(open(element.as_bytes(), &bench().keys), fault);
            return;
        }
    };
    // What a key of another length says is what a wrong one says, and the wrong MAC, and the wrong padding.
    assert_eq!(open(element.as_bytes(), &bench().others), Err(Fault::Undecryptable));
    if !worth_the_time(element, &read, parts) {
        return;
    }
    let opened = open(element.as_bytes(), &bench().keys);
    let expected = match whole(parts) {
        Some(sealed) => sealed.opens.clone(),
        None => Err(Fault::Undecryptable),
    };
    assert_eq!(
        opened.as_ref().map(|opened| &opened.content).map_err(|fault| *fault),
        expected.as_ref().map_err(|fault| *fault)
    );
    if let Ok(opened) = opened {
        assert_eq!(opened.certificate.0, CERTIFICATE);
        assert_eq!((opened.change_type, opened.item), (read.change_type, read.item));
    }
}

/// What is wrong before any secret is used.
fn early_fault(read: &Read) -> Option<Fault> {
    if read.certificate != CERTIFICATE {
        return Some(Fault::UnknownCertificate);
    }
    let other =
        read.thumbprint.as_ref().is_some_and(|thumbprint| !thumbprint.eq_ignore_ascii_case(THUMBPRINT));
    other.then_some(Fault::Thumbprint)
}

fn read(element: &str) -> Option<Read> {
    let raw = fields(element.as_bytes(), ELEMENT)?;
    let [tenant, change, resource, encrypted] = &raw;
    if let Some(tenant) = tenant {
        serde_json::from_str::<Option<Uuid>>(tenant.get()).ok()?;
    }
    let change_type = text(change.as_deref())?;
    let item = match resource.as_deref().map(RawValue::get) {
        None | Some("null") => None,
        Some(resource) => {
            let [id] = fields(resource.as_bytes(), ["id"])?;
            text(id.as_deref())?
        }
    };
    let encrypted = fields(encrypted.as_ref()?.get().as_bytes(), ENCRYPTED)?;
    let [data, key, mac, certificate, thumbprint] = encrypted.each_ref().map(|value| text(value.as_deref()));
    let (data, key, mac) = (data??, key??, mac??);
    let parts = from_base64(&data).zip(from_base64(&key)).zip(from_base64(&mac));
    let parts = parts.map(|((data, key), mac)| [data, key, mac]);
    let (certificate, thumbprint) = (certificate??, thumbprint?);
    Some(Read { raw, encrypted, change_type, item, certificate, thumbprint, parts })
}

/// The same element, its fields in the opposite order, with white space and something unknown.
fn rearranged(read: &Read) -> String {
    let [tenant, change, resource, _] = &read.raw;
    let encrypted = object(ENCRYPTED.iter().zip(&read.encrypted).rev());
    let encrypted = RawValue::from_string(encrypted).unwrap();
    let raw = [tenant.clone(), change.clone(), resource.clone(), Some(encrypted)];
    object(ELEMENT.iter().zip(&raw).rev())
}

fn object<'a>(fields: impl Iterator<Item = (&'a &'a str, &'a Option<Box<RawValue>>)>) -> String {
    let there =
        fields.filter_map(|(name, value)| Some(format!("\n \"{name}\" :\t{} ,", value.as_ref()?.get())));
    format!("{{{}\r\n\"unknown\" : [{{}}]}}", there.collect::<String>())
}

/// What these parts are, if they belong together.
fn whole(parts: &[Vec<u8>; 3]) -> Option<&'static Sealed> {
    let [data, key, mac] = parts;
    bench().sealed.iter().find(|sealed| sealed.data == *data && sealed.data_key == *key && sealed.mac == *mac)
}

/// The first time of known parts, always (so all that stands in the corpus); else now and then.
fn worth_the_time(element: &str, read: &Read, parts: &[Vec<u8>; 3]) -> bool {
    let [data, key, mac] = parts;
    let sealed = &bench().sealed;
    let modulus = sealed[0].data_key.len();
    let around = [
        read.thumbprint.is_some(),
        read.thumbprint.as_deref() == Some(THUMBPRINT),
        read.change_type.is_some(),
        read.item.is_some(),
    ];
    let known = [
        sealed.iter().position(|sealed| sealed.data == *data),
        sealed.iter().position(|sealed| sealed.data_key == *key),
        sealed.iter().position(|sealed| sealed.mac == *mac),
    ];
    let first = match known {
        [Some(data), Some(key), Some(mac)] => {
            bench().decrypted.lock().unwrap().insert(([data, key, mac], around))
        }
        _ => false,
    };
    first || key.len() != modulus || sampled(element)
}

fn sampled(element: &str) -> bool {
    let mut hasher = DefaultHasher::new();
    element.hash(&mut hasher);
    hasher.finish().is_multiple_of(SAMPLE)
}

/// Padded, without any freedom, written once more by hand: the target must not share a mistake with what it looks at.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(text);
    if !text.len().is_multiple_of(4) || digits.len() % 4 == 1 {
        return None;
    }
    let (mut bytes, mut left, mut bits) = (Vec::new(), 0u32, 0);
    for digit in digits.bytes() {
        let value = alphabet.iter().position(|known| *known == digit)?;
        left = (left << 6) | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(left >> bits).ok()?);
            left &= (1 << bits) - 1;
        }
    }
    (left == 0).then_some(bytes)
}

// Tokens -------------------------------------------------------------------------------------------------------

fn a_token_holds_if_it_is_as_it_was_signed(token: &str) {
    let Some(checked) = checked(token) else { return };
    let genuine = bench().signed.iter().any(|signed| signed == token);
    let expected = if genuine { Ok(TENANT.parse().unwrap()) } else { Err(Fault::Signature) };
    assert_eq!(checked, expected);
}

fn a_signed_token_holds_if_its_claims_do(head: &str, claims: &str) {
    let unsigned = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let plain = head == HEAD;
    // Whatever its claims are, not without a signature.
    let forged = checked(&format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode([1; 256])));
    assert!(matches!(forged, None | Some(Err(Fault::Signature))));
    if forged.is_none() {
        return;
    }
    let holds = checked(&signed(&bench().entra, head, claims)).is_some_and(|checked| checked.is_ok());
    assert!(!holds || hold(claims), "what does not hold was taken");
    assert!(!holds || !has(head, "crit") && says(head, "alg", "RS256"), "the head was overlooked");
    // The library looks at the subject too, and may refuse one.
    assert!(holds || !plain || has(claims, "sub") || !hold(claims), "what holds was refused");
}

/// None: no key would be looked for. What is taken is verified once more, without the library.
fn checked(token: &str) -> Option<Result<Uuid, Fault>> {
    let Bench { signer, audiences, entra, .. } = bench();
    let at = DateTime::from_timestamp(NOW, 0).unwrap();
    let claimed = match glance_at_token(token) {
        Ok(claimed) => claimed,
        Err(fault) => {
            assert!(matches!(fault, Fault::MalformedToken | Fault::Algorithm));
            return None;
        }
    };
    let checked = check_token(token, &claimed, signer, audiences, at);
    let verified = token.rsplit_once('.').is_some_and(|(signed, signature)| {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, entra.public_key());
        let signature = URL_SAFE_NO_PAD.decode(signature);
        signature.is_ok_and(|signature| key.verify(signed.as_bytes(), &signature).is_ok())
    });
    assert!(verified || checked == Err(Fault::Signature), "{checked:?} without a signature");
    Some(checked)
}

/// Whether claims are those of Microsoft's sender, for us, now.
fn hold(claims: &str) -> bool {
    let names = ["aud", "iss", "tid", "ver", "exp", "nbf", "appid", "azp"];
    let object = claims.trim_ascii_start().starts_with('{');
    let Some([aud, iss, tid, ver, exp, nbf, appid, azp]) =
        fields(claims.as_bytes(), names).filter(|_| object)
    else {
        return false;
    };
    let string = |value: Option<Box<RawValue>>| text(value.as_deref());
    let number = |value: Option<Box<RawValue>>| serde_json::from_str::<i64>(value?.get()).ok();
    let (Some(Some(aud)), Some(Some(iss)), Some(Some(tid)), Some(Some(ver))) =
        (string(aud), string(iss), string(tid), string(ver))
    else {
        return false;
    };
    let (Some(exp), Some(nbf), Some(appid), Some(azp)) =
        (number(exp), number(nbf), string(appid), string(azp))
    else {
        return false;
    };
    let caller = match ver.as_str() {
        "1.0" => appid,
        "2.0" => azp,
        _ => return false,
    };
    let issuers =
        [format!("https://sts.windows.net/{tid}/"), format!("https://login.microsoftonline.com/{tid}/v2.0")];
    // Any way to write the id.
    Uuid::try_parse(&tid).is_ok_and(|tid| tid.to_string() == TENANT)
        && issuers.contains(&iss)
        && aud.eq_ignore_ascii_case(CLIENT)
        && caller.is_some_and(|caller| caller.eq_ignore_ascii_case(PUBLISHER))
        && (0..=NOW + LEEWAY).contains(&nbf)
        && (NOW - LEEWAY + 1..=253_402_300_799).contains(&exp)
}

fn has(json: &str, name: &'static str) -> bool {
    fields(json.as_bytes(), [name]).is_none_or(|[value]| value.is_some_and(|value| value.get() != "null"))
}

fn says(json: &str, name: &'static str, what: &str) -> bool {
    fields(json.as_bytes(), [name])
        .is_some_and(|[value]| text(value.as_deref()).flatten().as_deref() == Some(what))
}

// What inputs cannot have --------------------------------------------------------------------------------------

fn sealed(to: &PublicEncryptingKey) -> Vec<Sealed> {
    let [data, data_key, mac] = microsofts();
    let keyed = |key: &[u8], data: Vec<u8>, opens: Result<&str, Fault>| Sealed {
        data_key: for_key(to, key),
        mac: hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &data).as_ref().to_vec(),
        data,
        opens: opens.map(|content| serde_json::from_str(content).unwrap()),
    };
    let good = |key: &[u8], content: &str| keyed(key, encrypted(key, content), Ok(content));
    let microsofts = Sealed { data, data_key, mac, opens: Ok(microsofts_content()) };
    vec![
        microsofts,
        good(&[1; 16], r#"{"id":"m1","subject":"A"}"#),
        good(&[2; 24], "{}"),
        keyed(&[3; 32], encrypted(&[3; 32], "[]"), Err(Fault::Unreadable)),
        // From here on a MAC that is right, and: padding that is none, a key of no length of AES, half a block.
        keyed(&[4; 32], vec![4; 32], Err(Fault::Undecryptable)),
        keyed(&[5; 20], vec![5; 32], Err(Fault::Undecryptable)),
        keyed(&[6; 32], vec![6; 15], Err(Fault::Undecryptable)),
    ]
}

fn microsofts() -> [Vec<u8>; 3] {
    let element = include_str!("../../tests/encrypted-content/element.json");
    read(element).unwrap().parts.unwrap()
}

/// As `DecryptionKey` reads it; that it is right, the unit tests show.
fn microsofts_content() -> Properties {
    let private = pem(include_str!("../../tests/encrypted-content/key.pem"));
    let key = DecryptionKey::new(CertificateId(CERTIFICATE.to_owned()), &[], &private).unwrap();
    let mut element: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/encrypted-content/element.json")).unwrap();
    element["encryptedContent"]["encryptionCertificateThumbprint"] = serde_json::Value::Null;
    let opened = open(element.to_string().as_bytes(), &[key]).unwrap();
    assert_eq!(opened.content["etag"], "1625126194597");
    opened.content
}

fn for_key(to: &PublicEncryptingKey, key: &[u8]) -> Vec<u8> {
    let to = OaepPublicEncryptingKey::new(to.clone()).unwrap();
    let mut sealed = vec![0; to.ciphertext_size()];
    to.encrypt(&OAEP_SHA1_MGF1SHA1, key, &mut sealed, None).unwrap();
    sealed
}

fn encrypted(key: &[u8], content: &str) -> Vec<u8> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        _ => &AES_256,
    };
    let iv = FixedLength::<16>::from(key.first_chunk::<16>().unwrap());
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(algorithm, key).unwrap()).unwrap();
    let mut data = content.as_bytes().to_vec();
    cipher.less_safe_encrypt(&mut data, EncryptionContext::Iv128(iv)).unwrap();
    data
}

fn words(sealed: &[Sealed], signed: &[String]) -> Vec<(String, String)> {
    let parts = sealed.iter().enumerate().flat_map(|(at, sealed)| {
        let Sealed { data, data_key, mac, .. } = sealed;
        [("DATA", data), ("KEY", data_key), ("MAC", mac)]
            .map(|(word, bytes)| (format!("{word}_{at}"), STANDARD.encode(bytes)))
    });
    let tokens = (1..).zip(signed).map(|(version, token)| (format!("TOKEN_{version}"), token.clone()));
    parts.chain(tokens).collect()
}

fn signer(entra: &KeyPair) -> Signer {
    let public = entra.public_key();
    let key = DecodingKey::from_rsa_raw_components(
        public.modulus().big_endian_without_leading_zero(),
        public.exponent().big_endian_without_leading_zero(),
    );
    let issuers =
        ["https://sts.windows.net/{tenantid}/", "https://login.microsoftonline.com/{tenantid}/v2.0"];
    Signer::new(key, issuers.map(str::to_owned).to_vec())
}

fn good_claims(version: u8) -> String {
    let (who, issuer) = match version {
        1 => ("appid", format!("https://sts.windows.net/{TENANT}/")),
        _ => ("azp", format!("https://login.microsoftonline.com/{TENANT}/v2.0")),
    };
    format!(
        r#"{{"aud":"{CLIENT}","iss":"{issuer}","nbf":{},"exp":{},"{who}":"{PUBLISHER}","tid":"{TENANT}","ver":"{version}.0"}}"#,
        NOW - 60,
        NOW + 3600,
    )
}

fn signed(entra: &KeyPair, head: &str, claims: &str) -> String {
    let unsigned = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; entra.public_modulus_len()];
    entra.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), unsigned.as_bytes(), &mut signature).unwrap();
    format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn pem(text: &str) -> Vec<u8> {
    let lines: String = text.lines().map(str::trim).filter(|line| !line.starts_with('-')).collect();
    from_base64(&lines).unwrap()
}
