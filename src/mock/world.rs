//! All that this WeChat knows: apps, people, codes, tokens, and what it encrypted.
//!
//! No clock in here: `now` is an argument.

use std::collections::{BTreeMap, HashMap};

use crate::auth::{AppId, UnixSeconds, crypto};
use crate::mock::access_token::Tokens;
use crate::mock::code::{Code, Codes, Purpose, Rejected};
use crate::mock::dice::Dice;
use crate::mock::open_data::{self, Error, Order, Sealed, Signed, Under};
use crate::mock::user::{Person, User};
use crate::mock::{DEFAULT_APPID, DEFAULT_OPENID, Options, Rotation};

/// Hexadecimal digits of an access token, the most that WeChat announces.
const TOKEN_LENGTH: usize = 512;

/// Seconds that `checkencryptedmsg` remembers a ciphertext.
const CIPHERTEXT_LIFE: u64 = 3 * 86_400;

pub(super) struct World {
    pub(super) options: Options,
    pub(super) people: BTreeMap<String, Person>,
    pub(super) tokens: Tokens,
    /// The user of codes that nobody minted.
    pub(super) default_user: String,
    codes: Codes,
    ciphertexts: HashMap<String, UnixSeconds>,
    dice: Dice,
}

impl World {
    pub(super) fn new(options: Options, seed: [u8; 32]) -> Self {
        let default = User {
            unionid: Some("uMockUser-0000000000000000001".to_owned()),
            phone: "13800138000".to_owned(),
            ..User::new(DEFAULT_OPENID)
        };
        let mut world = Self {
            options,
            people: BTreeMap::new(),
            tokens: Tokens::default(),
            default_user: DEFAULT_OPENID.to_owned(),
            codes: Codes::default(),
            ciphertexts: HashMap::new(),
            dice: Dice::new(seed),
        };
        world.put(default);
        world
    }

    /// Adds `user`, or changes the one of that openid.
    pub(super) fn put(&mut self, user: User) {
        match self.people.get_mut(&user.openid) {
            Some(person) => person.become_user(user),
            None => {
                self.people.insert(user.openid.clone(), Person::new(user));
            }
        }
    }

    /// The user of `openid`, made up if need be.
    pub(super) fn person(&mut self, openid: &str) -> &mut Person {
        self.people
            .entry(openid.to_owned())
            .or_insert_with(|| Person::new(User::new(openid)))
    }

    /// Whether this app with this secret exists, or WeChat's errcode.
    pub(super) fn check_app(&self, appid: &str, secret: &str) -> Result<(), i64> {
        if self.options.apps.is_empty() {
            AppId::new(appid).map_err(|_| 40013)?;
            return if secret.len() == 32 {
                Ok(())
            } else {
                Err(40125)
            };
        }
        let known = self.options.apps.iter();
        let app = known
            .into_iter()
            .find(|app| app.appid.as_str() == appid)
            .ok_or(40013)?;
        if !crypto::same(app.secret.expose().as_bytes(), secret.as_bytes()) {
            return Err(40125);
        }
        Ok(())
    }

    /// The app of the user's last login, or the first that is known.
    pub(super) fn app_of(&self, openid: &str) -> String {
        let person = self.people.get(openid);
        person
            .and_then(|person| person.appid.clone())
            .unwrap_or_else(|| self.first_app())
    }

    /// The first app that is known.
    pub(super) fn first_app(&self) -> String {
        let first = self.options.apps.first();
        first.map_or_else(
            || DEFAULT_APPID.to_owned(),
            |app| app.appid.as_str().to_owned(),
        )
    }

    /// Keeps `code` under `text`, or a random one, and gives that. Its owner is made up if need be.
    pub(super) fn mint(&mut self, code: Code, text: Option<String>) -> String {
        self.person(&code.openid);
        let text = text.unwrap_or_else(|| match code.purpose {
            Purpose::Login => format!("0{}", self.dice.hex(31)),
            Purpose::Phone => self.dice.hex(64),
        });
        self.codes.mint(text.clone(), code);
        text
    }

    /// The code `text`, not used up yet; with `any_code`, one is made for a text that nobody minted.
    pub(super) fn code(
        &mut self,
        text: &str,
        purpose: Purpose,
        appid: &str,
        now: UnixSeconds,
    ) -> Result<Code, Rejected> {
        match self.codes.look(text, purpose, appid, now) {
            Err(Rejected::Unknown) if self.options.any_code => {}
            known => return known.cloned(),
        }
        let code = Code {
            purpose,
            openid: self.default_user.clone(),
            appid: None,
            session_key: None,
            born: now,
        };
        self.codes.mint(text.to_owned(), code.clone());
        Ok(code)
    }

    /// Uses a code up.
    pub(super) fn spend(&mut self, text: &str) {
        self.codes.spend(text);
    }

    /// Logs the owner of `code` in at `appid` and gives the session key's text.
    pub(super) fn log_in(&mut self, code: &Code, appid: &str) -> String {
        let rotates = self.options.rotation == Rotation::OnLogin;
        let fresh = self.fresh_key();
        let person = self.person(&code.openid);
        person.appid = Some(appid.to_owned());
        let keys = &mut person.keys;
        if let Some(chosen) = &code.session_key {
            keys.replace(chosen.clone());
        } else if keys.back(0).is_none() || (rotates && keys.was_handed_out()) {
            keys.replace(fresh);
        }
        keys.hand_out();
        keys.back(0).unwrap_or_default().to_owned()
    }

    /// Replaces the user's session key by `key`, or a new one; the next login answers it.
    pub(super) fn rotate_key(&mut self, openid: &str, key: Option<String>) -> String {
        let key = key.unwrap_or_else(|| self.fresh_key());
        self.person(openid).keys.replace(key.clone());
        key
    }

    /// The text of the user's key; the current one is made if there is none yet.
    pub(super) fn key(&mut self, openid: &str, under: &Under) -> Result<String, Error> {
        if self.person(openid).keys.back(0).is_none() {
            self.rotate_key(openid, None);
        }
        let keys = &self.person(openid).keys;
        match under {
            Under::Current => keys.back(0).map(str::to_owned).ok_or(Error::NoSuchKey),
            Under::Former(back) => keys.back(*back).map(str::to_owned).ok_or(Error::NoSuchKey),
            Under::Key(text) => Ok(text.clone()),
        }
    }

    /// Encrypts as ordered, and remembers the ciphertext for `checkencryptedmsg`.
    pub(super) fn seal(&mut self, order: &Order, now: UnixSeconds) -> Result<Sealed, Error> {
        let key = self.key(&order.openid, &order.under)?;
        let appid = order.appid.clone();
        let appid = appid.unwrap_or_else(|| self.app_of(&order.openid));
        let watermark = order
            .watermark
            .then_some((appid.as_str(), order.timestamp.unwrap_or(now)));
        let user = &self.person(&order.openid).user;
        let plaintext = open_data::plaintext(&order.kind, user, watermark, now);
        let sealed = open_data::seal(&key, self.dice.bytes(), &plaintext)?;
        let digest = crypto::sha256(sealed.encrypted_data.as_bytes());
        self.ciphertexts
            .retain(|_, made| *made + CIPHERTEXT_LIFE > now);
        self.ciphertexts.insert(crypto::hex(&digest), now);
        Ok(sealed)
    }

    /// Signs `raw_data`, or the user's profile.
    pub(super) fn sign(
        &mut self,
        openid: &str,
        raw_data: Option<String>,
        under: &Under,
    ) -> Result<Signed, Error> {
        let key = self.key(openid, under)?;
        let profile = &self.person(openid).user.profile;
        let raw_data = match raw_data {
            Some(text) => text,
            None => serde_json::to_string(profile).unwrap_or_default(),
        };
        Ok(open_data::sign(&key, raw_data))
    }

    /// When the ciphertext of this digest was made, if in the last three days.
    pub(super) fn made(&self, digest: &str, now: UnixSeconds) -> Option<UnixSeconds> {
        let made = self.ciphertexts.get(digest).copied()?;
        (made + CIPHERTEXT_LIFE > now).then_some(made)
    }

    /// The text of a new access token.
    pub(super) fn fresh_token(&mut self) -> String {
        self.dice.hex(TOKEN_LENGTH)
    }

    /// 16 bytes for a request id.
    pub(super) fn nonce(&mut self) -> [u8; 16] {
        self.dice.bytes()
    }

    fn fresh_key(&mut self) -> String {
        crypto::base64(&self.dice.bytes())
    }
}
