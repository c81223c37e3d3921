//! Which header names of a config cannot be: none may stand for two things, none may carry the protocol.

use http::{HeaderName, header};

use super::{Names, name};

/// What is wrong with a header name of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its key: `identity.openid`, `session.header`, `limits.header_names`.
    pub key: String,
    /// The item that is wrong, in a key that holds a list.
    pub item: Option<usize>,
    /// What is wrong, to be read after the name of the key: `cannot be "host": it names the host`.
    pub message: String,
    /// What to write instead.
    pub help: &'static str,
    /// The key of `[identity]` that has the same name.
    pub other: Option<String>,
}

impl Fault {
    fn new(key: &str, message: String, help: &'static str) -> Self {
        Self {
            key: key.to_owned(),
            item: None,
            message,
            help,
            other: None,
        }
    }

    fn cannot_be(key: &str, name: &HeaderName, why: &str, help: &'static str) -> Self {
        Self::new(key, format!("cannot be \"{name}\": {why}"), help)
    }

    fn same_as(key: &str, other: &str, help: &'static str) -> Self {
        Self {
            other: Some(other.to_owned()),
            ..Self::new(key, format!("is the same header as `{other}`"), help)
        }
    }
}

impl Names {
    /// What is wrong with these names, beside the header that carries credentials (`session.header`)
    /// and the odd names to let through (`limits.header_names`).
    pub fn faults(&self, credential: &HeaderName, odd_names: &[HeaderName]) -> Vec<Fault> {
        let mut faults = self.own_faults();
        faults.extend(self.credential_fault(credential));
        faults.extend(self.odd_faults(odd_names));
        faults
    }

    fn own_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut seen: Vec<(String, Box<str>)> = Vec::new();
        for (key, name) in self.all() {
            let Some(name) = name else { continue };
            let key = format!("identity.{key}");
            let folded = fold(name);
            let same = seen.iter().find(|(_, other)| *other == folded);
            if let Some(why) = name::other_meaning(&folded) {
                let help = "choose a name such as \"X-WX-OPENID\"";
                faults.push(Fault::cannot_be(&key, name, why, help));
            } else if *folded != *name.as_str() {
                faults.push(Fault::new(
                    &key,
                    format!("has other characters than letters, digits and `-`: \"{name}\""),
                    "services read such names in more than one way",
                ));
            } else if let Some((other, _)) = same {
                let help = "give each its own name, or leave one out with \"\"";
                faults.push(Fault::same_as(&key, other, help));
            }
            seen.push((key, folded));
        }
        faults
    }

    fn credential_fault(&self, name: &HeaderName) -> Option<Fault> {
        let key = "session.header";
        let folded = fold(name);
        if name == header::AUTHORIZATION {
            return None;
        }
        let mut all = self.all().into_iter();
        let same = all.find(|(_, other)| other.is_some_and(|other| fold(other) == folded));
        if let Some((other, _)) = same {
            let help = "clients may not write identity headers: choose another name";
            return Some(Fault::same_as(key, &format!("identity.{other}"), help));
        }
        let why = match name::other_meaning(&folded) {
            Some(why) => why,
            None if folded.starts_with("x-wx-") => {
                "Tencent's own gateway drops what begins with X-WX-"
            }
            None => return None,
        };
        let help = "write \"Authorization\", or a name of your own such as \"X-Session\"";
        Some(Fault::cannot_be(key, name, why, help))
    }

    /// [`Rules`](super::Rules) would drop them all the same.
    fn odd_faults(&self, odd_names: &[HeaderName]) -> Vec<Fault> {
        let reserved = self.reserved();
        let faults = odd_names.iter().enumerate().filter_map(|(item, name)| {
            let folded = fold(name);
            let why = format!("services read it as {}", folded.to_ascii_uppercase());
            let help = "a client could forge that header: take it out";
            reserved.forbids_odd(&folded).then(|| Fault {
                item: Some(item),
                ..Fault::cannot_be("limits.header_names", name, &why, help)
            })
        });
        faults.collect()
    }
}

fn fold(name: &HeaderName) -> Box<str> {
    name::fold(name.as_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &Names, credential: &str, odd: &[&'static str]) -> Vec<String> {
        let credential = credential.parse().unwrap();
        let odd: Vec<_> = odd.iter().copied().map(HeaderName::from_static).collect();
        let faults = names.faults(&credential, &odd).into_iter();
        faults
            .map(
                |Fault {
                     key, item, message, ..
                 }| match item {
                    Some(item) => format!("{key}[{item}] {message}"),
                    None => format!("{key} {message}"),
                },
            )
            .collect()
    }

    #[test]
    fn the_defaults_are_good() {
        assert!(told(&Names::default(), "authorization", &["my_header"]).is_empty());
        assert!(told(&Names::default(), "x-session", &[]).is_empty());
    }

    #[test]
    fn identity_names_that_mean_something_else_are_faults() {
        let names = Names {
            openid: Some(HeaderName::from_static("host")),
            appid: Some(HeaderName::from_static("x-forwarded-app")),
            unionid: Some(HeaderName::from_static("x_wx_source")),
            phone: Some(HeaderName::from_static("x-wxgate-refusal")),
            phone_country: None,
            ..Names::default()
        };
        let expected = [
            "identity.openid cannot be \"host\": it names the host",
            "identity.appid cannot be \"x-forwarded-app\": the gateway writes or removes it itself",
            "identity.unionid has other characters than letters, digits and `-`: \"x_wx_source\"",
            "identity.source is the same header as `identity.unionid`",
            "identity.phone cannot be \"x-wxgate-refusal\": the gateway writes or removes it itself",
        ];
        assert_eq!(told(&names, "authorization", &[]), expected);
    }

    #[test]
    fn a_credential_comes_in_a_header_of_its_own() {
        let told = |credential| told(&Names::default(), credential, &[]);
        let rows = [
            ("x-wx-openid", "is the same header as `identity.openid`"),
            ("x_wx_openid", "is the same header as `identity.openid`"),
            ("x-wx-token", "Tencent's own gateway drops"),
            ("cookie", "it carries credentials"),
            ("connection", "it concerns one connection only"),
        ];
        for (credential, expected) in rows {
            let told = told(credential);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(expected), "{told:?}");
        }
    }

    #[test]
    fn odd_names_that_services_read_as_ours_are_faults() {
        let odd = [
            "my_header",
            "x_wx_openid",
            "x_forwarded_for",
            "content_length",
        ];
        let told = told(&Names::default(), "authorization", &odd);
        let expected = [
            "limits.header_names[1] cannot be \"x_wx_openid\": services read it as X-WX-OPENID",
            "limits.header_names[2] cannot be \"x_forwarded_for\": services read it as X-FORWARDED-FOR",
            "limits.header_names[3] cannot be \"content_length\": services read it as CONTENT-LENGTH",
        ];
        assert_eq!(told, expected);
    }
}
