//! Open data: what opens is what another implementation opens to the same, and never with another key.

use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use wxgate::auth::SessionKey;
use wxgate::wechat::decrypt::{Error, open, seal, signature, signature_fits};

/// A key, an `iv`, how the text is made, and the text: of this key, of another, or of nobody.
pub(crate) fn sealed(input: &[u8]) {
    let Some((key, rest)) = input.split_first_chunk::<16>() else {
        return;
    };
    let Some((iv, rest)) = rest.split_first_chunk::<16>() else {
        return;
    };
    let Some((how, text)) = rest.split_first() else {
        return;
    };
    let session = SessionKey::from_bytes(*key);
    let iv_text = STANDARD.encode(iv);
    let made = seal(&session, iv, text);
    let data = match how % 4 {
        0 => made.clone(),
        1 => STANDARD.encode(text),
        2 => String::from_utf8_lossy(text).into_owned(),
        // What this key made of whole blocks, padded by whoever wrote them.
        _ => {
            let whole = text.len() / 16 * 16;
            let blocks = STANDARD.decode(seal(&session, iv, &text[..whole])).unwrap();
            STANDARD.encode(&blocks[..whole])
        }
    };
    let opened = open(&session, &data, &iv_text);
    match (&opened, reference(*key, *iv, &data)) {
        (Ok(ours), Some(theirs)) => assert_eq!(ours.fields(), &theirs),
        (Err(_), None) => {}
        (ours, theirs) => panic!("{:?} beside {}", ours.as_ref().map(drop), theirs.is_some()),
    }
    if how % 4 == 0 {
        let sound = serde_json::from_slice::<Map<String, Value>>(text).is_ok();
        assert_eq!(opened.is_ok(), sound, "what this key made");
        assert!(sound || opened.map(drop) == Err(Error::WrongKey));
    }
    // A key that differs in one bit is another.
    let bit = usize::from(how >> 1);
    let mut other = *key;
    other[bit / 8 % 16] ^= 1 << (bit % 8);
    let other = SessionKey::from_bytes(other);
    assert_eq!(
        open(&other, &made, &iv_text).map(drop),
        Err(Error::WrongKey)
    );
    let raw = String::from_utf8_lossy(text);
    let mark = signature(&raw, &session);
    assert!(signature_fits(&raw, &mark, &session) && !signature_fits(&raw, &mark, &other));
    assert!(!signature_fits(&format!("{raw} "), &mark, &session));
    assert!(
        !signature_fits(&raw, &raw, &session),
        "what it signs is no signature"
    );
}

/// What AWS-LC opens, where ours is the `aes` crate.
fn reference(key: [u8; 16], iv: [u8; 16], data: &str) -> Option<Map<String, Value>> {
    let mut text = STANDARD.decode(data.replace(' ', "+")).ok()?;
    if text.is_empty() || text.len() % 16 != 0 {
        return None;
    }
    let key = UnboundCipherKey::new(&AES_128, &key).unwrap();
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).unwrap();
    let plain = key
        .decrypt(&mut text, DecryptionContext::Iv128(iv.into()))
        .ok()?;
    serde_json::from_slice(plain).ok()
}
