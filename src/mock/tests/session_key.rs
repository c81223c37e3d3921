//! Session keys: how they change, and what is encrypted and signed under them.

use serde_json::{Map, json};

use super::*;

#[tokio::test]
async fn a_login_replaces_the_session_key_unless_told_to_keep_it() {
    let mock = start().await;
    mock.put_user(User {
        session_key: Some("tiihtNczf5v6AKRyjwEUhQ==".to_owned()),
        ..User::new("oAlice")
    });
    let first = log_in(&mock, &mock.login_code("oAlice")).await.json();
    assert_eq!(first["session_key"], "tiihtNczf5v6AKRyjwEUhQ==");
    let second = log_in(&mock, &mock.login_code("oAlice")).await.json();
    assert_ne!(second["session_key"], first["session_key"]);
    mock.set_rotation(Rotation::Keep);
    let third = log_in(&mock, &mock.login_code("oAlice")).await.json();
    assert_eq!(third["session_key"], second["session_key"]);

    let rotated = mock.rotate_key("oAlice", None);
    assert_ne!(third["session_key"], json!(rotated));
    let fourth = log_in(&mock, &mock.login_code("oAlice")).await.json();
    assert_eq!(fourth["session_key"], json!(rotated));
}

#[tokio::test]
async fn checksession_knows_only_the_current_key() {
    let mock = start().await;
    let token = token(&mock).await;
    let login = log_in(&mock, &mock.login_code("oAlice")).await.json();
    let key = login["session_key"].as_str().unwrap();
    assert_eq!(
        check_session(&mock, &token, "oAlice", key).await.errcode(),
        0
    );
    assert_eq!(
        check_session(&mock, &token, "oNobody", key).await.errcode(),
        40003
    );
    let signature = crypto::hex(&crypto::hmac_sha256(key.as_bytes(), b""));
    let bad_method = format!(
        "/wxa/checksession?access_token={token}&openid=oAlice&signature={signature}&sig_method=md5"
    );
    assert_eq!(get(&mock, &bad_method).await.errcode(), 87008);

    let reset = get(&mock, &format!("/wxa/resetusersessionkey?access_token={token}&openid=oAlice&signature={signature}&sig_method=hmac_sha256")).await.json();
    assert_eq!(reset["openid"], "oAlice");
    assert_eq!(
        check_session(&mock, &token, "oAlice", key).await.errcode(),
        87009
    );
    let new = reset["session_key"].as_str().unwrap();
    assert_eq!(
        check_session(&mock, &token, "oAlice", new).await.errcode(),
        0
    );
}

#[tokio::test]
async fn open_data_opens_under_the_key_it_was_ordered_under() {
    let mock = start().await;
    let login = log_in(&mock, &mock.login_code("oAlice")).await.json();
    let old = SessionKey::from_text(login["session_key"].as_str().unwrap()).unwrap();
    let new = SessionKey::from_text(&mock.rotate_key("oAlice", None)).unwrap();

    let now = mock.open_data("oAlice", Kind::Phone).unwrap();
    let opened = decrypt::open(&new, &now.encrypted_data, &now.iv).unwrap();
    assert_eq!(opened.watermark().unwrap().appid, DEFAULT_APPID);
    assert_eq!(
        opened.fields()["purePhoneNumber"],
        mock.user("oAlice").phone
    );

    let ordered = Order {
        under: Under::Former(1),
        appid: Some("wxaaaaaaaaaaaaaaaa".to_owned()),
        timestamp: Some(5),
        ..Order::new("oAlice", Kind::Profile)
    };
    let former = mock.seal(&ordered).unwrap();
    assert!(decrypt::open(&new, &former.encrypted_data, &former.iv).is_err());
    let opened = decrypt::open(&old, &former.encrypted_data, &former.iv).unwrap();
    let watermark = opened.watermark().unwrap();
    assert_eq!(watermark.appid, "wxaaaaaaaaaaaaaaaa");
    assert_eq!(watermark.timestamp, 5);
    assert_eq!(opened.openid(), Some("oAlice"));

    for kind in [
        Kind::ProfileAlone,
        Kind::Steps,
        Kind::Group,
        Map::new().into(),
    ] {
        let sealed = mock.open_data("oAlice", kind).unwrap();
        assert!(decrypt::open(&new, &sealed.encrypted_data, &sealed.iv).is_ok());
    }
    let too_far = Order {
        under: Under::Former(9),
        ..ordered
    };
    assert_eq!(mock.seal(&too_far), Err(DataError::NoSuchKey));
}

#[tokio::test]
async fn raw_data_is_signed_as_wechat_signs_it() {
    let mock = start().await;
    // Tencent's published example.
    let raw_data = r#"{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}"#;
    let signed = mock
        .sign(
            "oAlice",
            Some(raw_data.to_owned()),
            &Under::Key("HyVFkGl5F5OQWJZZaNzBBg==".to_owned()),
        )
        .unwrap();
    assert_eq!(signed.signature, "75e81ceda165f4ffa64f4068af58c64b8f54b88c");
    let profile = mock.sign("oAlice", None, &Under::Current).unwrap();
    let key = SessionKey::from_text(&mock.session_key("oAlice").unwrap()).unwrap();
    assert!(decrypt::signature_fits(
        &profile.raw_data,
        &profile.signature,
        &key
    ));
}

#[tokio::test]
async fn wechat_remembers_its_own_ciphertexts_for_three_days() {
    let mock = start().await;
    let sealed = mock.open_data("oAlice", Kind::Phone).unwrap();
    let made = |days: u64| {
        let digest = crypto::hex(&crypto::sha256(sealed.encrypted_data.as_bytes()));
        let mock = &mock;
        async move {
            mock.advance(Duration::from_secs(days * 86_400));
            let path = format!(
                "/wxa/business/checkencryptedmsg?access_token={}",
                token(mock).await
            );
            post(mock, &path, json!({"encrypted_msg_hash": digest}))
                .await
                .json()
        }
    };
    assert_eq!(made(0).await["vaild"], true);
    assert_eq!(made(3).await["errcode"], 1);
}
