//! Encrypted phone data as WeChat gives it, opened under the user's session key and read.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wxgate::auth::SessionKey;
use wxgate::auth::crypto::base64;
use wxgate::wechat::decrypt;

const PLAIN: &str = r#"{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86","watermark":{"appid":"wx0123456789abcdef","timestamp":1800000000}}"#;

fn decrypt_phone(criterion: &mut Criterion) {
    let key = SessionKey::from_bytes([7; 16]);
    let iv = [9; 16];
    let sealed = decrypt::seal(&key, &iv, PLAIN.as_bytes());
    let iv = base64(&iv);
    criterion.bench_function("decrypt_phone", |bencher| {
        bencher.iter(|| {
            let data = decrypt::open(black_box(&key), black_box(&sealed), &iv)
                .expect("it was sealed under this key");
            data.phone().expect("it holds a number")
        });
    });
}

criterion_group!(benches, decrypt_phone);
criterion_main!(benches);
