//! What of an identity an upstream gets: each field is a header.

use crate::setting;

/// A field of the identity that an upstream may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Who they are in their app.
    OpenId,
    /// The app.
    AppId,
    /// Who they are in all apps of the company.
    UnionId,
    /// That there is a session.
    Source,
    /// The phone number.
    Phone,
    /// Its country code.
    PhoneCountry,
    /// All of these that the upstream gets, signed.
    Assertion,
}

setting::choice! {
    Field, "a field of the identity" {
        "openid" => Self::OpenId, "appid" => Self::AppId, "unionid" => Self::UnionId, "source" => Self::Source,
        "phone" => Self::Phone, "phone_country" => Self::PhoneCountry, "assertion" => Self::Assertion,
    }
}

impl Field {
    /// All of them, in the order of `[identity]`.
    pub const ALL: [Self; 7] = [
        Self::OpenId,
        Self::AppId,
        Self::UnionId,
        Self::Source,
        Self::Phone,
        Self::PhoneCountry,
        Self::Assertion,
    ];

    /// Its key in `[identity]`.
    pub fn key(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::AppId => "appid",
            Self::UnionId => "unionid",
            Self::Source => "source",
            Self::Phone => "phone",
            Self::PhoneCountry => "phone_country",
            Self::Assertion => "assertion",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Some of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fields(u8);

impl Fields {
    /// These fields.
    pub fn of(fields: &[Field]) -> Self {
        Self(fields.iter().fold(0, |bits, field| bits | field.bit()))
    }

    /// Whether `field` is one of them.
    pub fn has(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }

    /// The field's `value`, if it is one of them.
    pub fn pick<T>(self, field: Field, value: Option<T>) -> Option<T> {
        value.filter(|_| self.has(field))
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self::of(&Field::ALL)
    }
}
