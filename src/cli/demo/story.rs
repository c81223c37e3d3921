//! The steps: what a mini-program does in a day, and what must come of it.

use crate::cli::demo::app::{App, Error, Exchange, Sent};
use crate::cli::demo::screen::Screen;
use crate::cli::demo::stage::{APPID, Stage};
use crate::mock::{Kind, Sealed, User};

/// Who plays the user.
const OPENID: &str = "oAlice-000000000000000000001";
const UNIONID: &str = "uAlice-000000000000000000001";
const PHONE: &str = "13912345678";

/// What the service must see of a signed-in user, and nothing else.
const IDENTITY: [(&str, &str); 4] = [
    ("x-wx-openid", OPENID),
    ("x-wx-appid", APPID),
    ("x-wx-unionid", UNIONID),
    ("x-wx-source", "wx_client"),
];

/// Plays all steps. Fails only if somebody does not answer at all.
pub(super) async fn play(stage: &Stage, screen: &mut Screen) -> Result<(), Error> {
    stage.mock.put_user(User {
        unionid: Some(UNIONID.to_owned()),
        phone: PHONE.to_owned(),
        ..User::new(OPENID)
    });
    let mut play = Play {
        app: App::new(&stage.url, stage.service.clone())?,
        token: String::new(),
        code: String::new(),
        stage,
        screen,
    };
    play.anonymous().await?;
    play.sign_in().await?;
    play.signed_in().await?;
    play.forged().await?;
    play.phone_wanted().await?;
    play.phone_by_code().await?;
    play.phone_encrypted().await?;
    play.key_replaced().await?;
    play.key_unknown().await?;
    play.used_code().await?;
    play.log_out().await
}

struct Play<'a> {
    stage: &'a Stage,
    screen: &'a mut Screen,
    app: App,
    /// The token of the last login.
    token: String,
    /// The code of the last login.
    code: String,
}

impl Play<'_> {
    async fn anonymous(&mut self) -> Result<(), Error> {
        self.screen.step(
            "Nobody is signed in",
            "A refusal comes from the gateway and tells the app what to do next.",
        );
        let cart = self.send(Sent::get("/cart")).await?;
        let menu = self.send(Sent::get("/menu")).await?;
        self.screen.gap();
        self.screen.check(
            "/cart is refused before the service hears of it; the app should log in",
            cart.is_refusal(401, "session_missing", "login"),
        );
        self.screen.check(
            "/menu is open to anybody, and no identity goes with it",
            menu.status == 200 && menu.service_saw(&[]),
        );
        Ok(())
    }

    async fn sign_in(&mut self) -> Result<(), Error> {
        self.screen.step(
            "The user signs in",
            "wx.login() gives the app a code. The gateway trades it at WeChat for the user's openid \
             and session_key, and gives the app a token.",
        );
        let login = self.log_in().await?;
        let told = login.answer.to_string();
        let key = self.stage.mock.session_key(OPENID).unwrap_or_default();
        self.screen.gap();
        self.screen.check(
            "the app has a token; nothing is installed in the service for that",
            login.status == 200 && login.seen.is_empty() && self.token.starts_with("wxg_"),
        );
        self.screen.check(
            "neither openid nor session_key goes to the app",
            !told.contains(OPENID) && !told.contains(&key) && !key.is_empty(),
        );
        Ok(())
    }

    async fn signed_in(&mut self) -> Result<(), Error> {
        self.screen.step(
            "The service learns who calls",
            "Every request that is forwarded carries what WeChat has vouched for, in the headers \
             that WeChat's own Cloud Hosting uses.",
        );
        let cart = self.send(self.signed(Sent::get("/cart"))).await?;
        self.screen.gap();
        self.screen.check(
            "the service reads the user from X-WX-OPENID, without any code for WeChat",
            cart.status == 200 && cart.service_saw(&IDENTITY),
        );
        self.screen.check(
            "the token itself is not passed on",
            matches!(&*cart.seen, [seen] if seen.values("authorization").is_empty()),
        );
        Ok(())
    }

    async fn forged(&mut self) -> Result<(), Error> {
        self.screen.step(
            "Somebody forges an identity",
            "Anybody can send headers. Some servers read X_WX_OPENID or x.wx.openid as the same \
             name, so every spelling goes, on open routes too.",
        );
        let menu = self.send(forge(Sent::get("/menu"))).await?;
        let cart = self.send(self.signed(forge(Sent::get("/cart")))).await?;
        let odd = Sent::get("/menu").header("Connection", "X-WX-OPENID");
        let odd = self.send(odd).await?;
        self.screen.gap();
        self.screen.check(
            "on an open route no identity is left",
            menu.status == 200 && menu.service_saw(&[]),
        );
        self.screen.check(
            "with a token, the service sees who signed in and nobody else",
            cart.status == 200 && cart.service_saw(&IDENTITY),
        );
        self.screen.check(
            "asking that X-WX-OPENID be dropped on the way is refused",
            odd.is_refusal(400, "bad_request", "fix"),
        );
        Ok(())
    }

    async fn phone_wanted(&mut self) -> Result<(), Error> {
        self.screen.step(
            "A route wants the phone number",
            "/orders has require = \"phone\". The refusal says so, and the app shows the phone \
             button.",
        );
        let orders = self.send(self.signed(Sent::get("/orders"))).await?;
        self.screen.gap();
        self.screen.check(
            "the user is known, the number is not: the app should ask for it",
            orders.is_refusal(403, "phone_required", "phone"),
        );
        Ok(())
    }

    async fn phone_by_code(&mut self) -> Result<(), Error> {
        self.screen.step(
            "The phone number, by code",
            "The button gives the app a code, which WeChat turns into a number once and charges \
             for. An app that lost the answer may ask again.",
        );
        let code = self.stage.mock.phone_code(OPENID);
        let ask = Sent::post("/wxgate/phone").json(&[("code", &code)]);
        let first = self.send(self.signed(ask.clone())).await?;
        let again = self.send(self.signed(ask)).await?;
        let orders = self.send(self.signed(Sent::get("/orders"))).await?;
        let calls = self.stage.mock.calls("getuserphonenumber");
        self.screen.gap();
        self.screen.check(
            "the app has the number",
            first.status == 200 && first.text_of("purePhoneNumber") == PHONE,
        );
        self.screen.check(
            "asked again, the gateway answers the same, and WeChat was asked and paid once",
            again.status == 200 && again.answer == first.answer && calls == 1,
        );
        self.screen.check(
            "/orders is open now, and the service sees the number",
            orders.status == 200 && orders.service_saw(&with_phone(PHONE, "86")),
        );
        Ok(())
    }

    async fn phone_encrypted(&mut self) -> Result<(), Error> {
        self.screen.step(
            "The phone number, encrypted",
            "The button also gives encryptedData and iv, under the session_key that only the gateway \
             has. It costs no call to WeChat. The user has a Hong Kong number by now.",
        );
        self.stage.mock.put_user(User {
            phone: "51230000".to_owned(),
            country: "852".to_owned(),
            ..self.stage.mock.user(OPENID)
        });
        let phone = self.send(self.tap()).await?;
        let orders = self.send(self.signed(Sent::get("/orders"))).await?;
        self.screen.gap();
        self.screen.check(
            "the gateway decrypted it",
            phone.status == 200 && phone.text_of("phoneNumber") == "+85251230000",
        );
        self.screen.check(
            "the service sees the new number and its country",
            orders.status == 200 && orders.service_saw(&with_phone("51230000", "852")),
        );
        Ok(())
    }

    async fn key_replaced(&mut self) -> Result<(), Error> {
        self.screen.step(
            "\"The first tap fails, the second works\"",
            "The best-known trap: wx.login between tap and request replaces the key under which the \
             data was encrypted. The gateway keeps a user's last three keys.",
        );
        let tapped = self.tap();
        let before = self.stage.mock.session_key(OPENID);
        let login = self.log_in().await?;
        let phone = self.send(tapped).await?;
        self.screen.gap();
        self.screen.check(
            "the login replaced the key, and still knows the phone number",
            login.status == 200
                && login.answer.get("phone") == Some(&true.into())
                && self.stage.mock.session_key(OPENID) != before,
        );
        self.screen.check(
            "the first tap works",
            phone.status == 200 && phone.text_of("purePhoneNumber") == "51230000",
        );
        Ok(())
    }

    async fn key_unknown(&mut self) -> Result<(), Error> {
        self.screen.step(
            "A key that the gateway never had",
            "WeChat replaced the key and no login told the gateway. Stale and damaged are told \
             apart, for only one of them is mended by a new login.",
        );
        self.stage.mock.rotate_key(OPENID, None);
        let stale = self.send(self.tap()).await?;
        let damaged = [("encryptedData", "c2hvcnQ="), ("iv", "c2hvcnQ=")];
        let damaged = Sent::post("/wxgate/phone").json(&damaged);
        let damaged = self.send(self.signed(damaged)).await?;
        self.log_in().await?;
        let phone = self.send(self.tap()).await?;
        self.screen.gap();
        self.screen.check(
            "the app should log in, then let the user tap again",
            stale.is_refusal(409, "session_key_stale", "login_then_tap"),
        );
        self.screen.check(
            "damaged data is a mistake to fix, not a reason to log in",
            damaged.is_refusal(400, "damaged_data", "fix"),
        );
        self.screen
            .check("after a login the next tap works", phone.status == 200);
        Ok(())
    }

    async fn used_code(&mut self) -> Result<(), Error> {
        self.screen.step(
            "A login code works once",
            "What WeChat answers with an errcode is a stable word here.",
        );
        let code = self.code.clone();
        let again = Sent::post("/wxgate/login").json(&[("code", &code)]);
        let again = self.send(again).await?;
        self.screen.gap();
        self.screen.check(
            "WeChat's 40163 means: call wx.login again",
            again.is_refusal(401, "code_used", "login"),
        );
        Ok(())
    }

    async fn log_out(&mut self) -> Result<(), Error> {
        self.screen.step(
            "The user logs out",
            "The token ends at once, on every connection.",
        );
        let out = self.send(self.signed(Sent::post("/wxgate/logout"))).await?;
        let cart = self.send(self.signed(Sent::get("/cart"))).await?;
        self.screen.gap();
        self.screen
            .check("the session has ended", out.status == 204);
        self.screen.check(
            "the token opens nothing any more",
            cart.is_refusal(401, "session_expired", "login"),
        );
        Ok(())
    }

    /// Sends and shows.
    async fn send(&self, sent: Sent) -> Result<Exchange, Error> {
        let exchange = self.app.send(sent).await?;
        self.screen.exchange(&exchange);
        Ok(exchange)
    }

    /// Logs in with a new code, as whoever is signed in, and remembers the token.
    async fn log_in(&mut self) -> Result<Exchange, Error> {
        self.code = self.stage.mock.login_code(OPENID);
        let sent = Sent::post("/wxgate/login").json(&[("code", &self.code)]);
        let sent = if self.token.is_empty() {
            sent
        } else {
            self.signed(sent)
        };
        let login = self.send(sent).await?;
        self.token = login.text_of("token");
        Ok(login)
    }

    fn signed(&self, sent: Sent) -> Sent {
        sent.token(&self.token)
    }

    /// The phone button: the number, encrypted under the key that WeChat has for the user now.
    fn tap(&self) -> Sent {
        let sealed = self.stage.mock.open_data(OPENID, Kind::Phone);
        // A key of the mock's own always fits; an empty text would fail its check.
        let Sealed { encrypted_data, iv } = sealed.unwrap_or_default();
        let fields = [("encryptedData", encrypted_data.as_str()), ("iv", &iv)];
        self.signed(Sent::post("/wxgate/phone").json(&fields))
    }
}

/// Headers with which somebody claims to be somebody else.
fn forge(sent: Sent) -> Sent {
    sent.header("X-WX-OPENID", "admin")
        .header("X_WX_OPENID", "admin")
        .header("x.wx.openid", "admin")
        .header("X-WX-SOURCE", "wx_devtools")
        .header("X-WX-PHONE", "13000000000")
}

fn with_phone<'a>(phone: &'a str, country: &'a str) -> Vec<(&'static str, &'a str)> {
    let mut identity = IDENTITY.to_vec();
    identity.push(("x-wx-phone", phone));
    identity.push(("x-wx-phone-country", country));
    identity
}
