//! How a section, a choice and a word are declared: one line each, and all else follows.

/// Declares a section of `gateway.toml`: the struct, its defaults, and how it is read.
///
/// ```text
/// setting::section! {
///     /// `[session]`: what is remembered between requests.
///     pub struct Config {
///         /// Life of a session from its login.
///         ttl: Duration = Duration::from_secs(30 * 86_400),   // optional key, with its default
///         appid: AppId,                                       // key that must be there
///     }
///     later { "redis": "sessions in Redis" }                  // names of the design not built yet
/// }
/// ```
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$doc:meta])* $field:ident : $kind:ty $(= $default:expr)? ),* $(,)? }
        $(later { $($key:literal : $why:literal),* $(,)? })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub struct $name { $( $(#[$doc])* pub $field: $kind, )* }

        $crate::setting::defaults!($name { $( $field $(= $default)? ),* });

        impl $crate::setting::Setting for $name {
            const WHAT: &'static str = "a table";
            const EXAMPLE: &'static str = "{ … }";

            fn shape() -> $crate::setting::Shape {
                $crate::setting::Shape::Table {
                    keys: vec![$( (stringify!($field), <$kind as $crate::setting::Setting>::shape()) ),*],
                    later: &[$( $( ($key, $why) ),* )?],
                }
            }

            fn read(
                value: &$crate::setting::Value,
                reader: &mut $crate::setting::Reader,
            ) -> Option<Self> {
                value.offers(
                    &[$( stringify!($field) ),*],
                    &[$( $( ($key, $why) ),* )?],
                    reader,
                )?;
                $( let $field: Option<$kind> = $crate::setting::field!(value, reader, $field: $kind $(= $default)?); )*
                Some(Self { $( $field: $field? ),* })
            }

            fn print(&self) -> $crate::setting::Printed {
                $crate::setting::Printed::Table(vec![
                    $( (stringify!($field), $crate::setting::Setting::print(&self.$field)) ),*
                ])
            }
        }
    };
}

/// One key of a section: what the file says, else the default, else a fault.
///
/// After a fault the default stands in, so that the rest can be checked too.
macro_rules! field {
    ($value:ident, $reader:ident, $field:ident : $kind:ty = $default:expr) => {
        Some(
            match $crate::setting::offered($value, stringify!($field), $reader) {
                Some(read) => read,
                None => $default,
            },
        )
    };
    ($value:ident, $reader:ident, $field:ident : $kind:ty) => {
        $crate::setting::needed::<$kind>($value, stringify!($field), $reader)
    };
}

/// `Default` for a section in which every key has one.
macro_rules! defaults {
    ($name:ident { $($field:ident = $default:expr),* }) => {
        impl Default for $name {
            fn default() -> Self { Self { $($field: $default,)* } }
        }
    };
    ($name:ident { $($rest:tt)* }) => {};
}

/// Says how an enum's values are written: `choice! { Level, "a level" { "error" => Self::Error } }`.
macro_rules! choice {
    (
        $name:ident, $what:literal { $first:literal => $first_value:path $(, $word:literal => $value:path)* $(,)? }
        $(later { $($key:literal : $why:literal),* $(,)? })?
    ) => {
        impl $crate::setting::Setting for $name {
            const WHAT: &'static str = $what;
            const EXAMPLE: &'static str = concat!("\"", $first, "\"");

            fn shape() -> $crate::setting::Shape {
                $crate::setting::Shape::Word
            }

            fn read(
                value: &$crate::setting::Value,
                reader: &mut $crate::setting::Reader,
            ) -> Option<Self> {
                let word = value.choose(
                    $what,
                    &[$first $(, $word)*],
                    &[$( $( ($key, $why) ),* )?],
                    reader,
                )?;
                match word {
                    $first => Some($first_value),
                    $( $word => Some($value), )*
                    _ => None,
                }
            }

            fn print(&self) -> $crate::setting::Printed {
                $crate::setting::Printed::text(match self {
                    $first_value => $first,
                    $( $value => $word, )*
                })
            }
        }
    };
}

/// Makes a word of a type that has a form as text: how it is parsed and how it is written.
macro_rules! text {
    ($name:ty, $what:literal, $example:literal, $parse:expr, $write:expr $(, blank: $blank:literal)? $(, stand_in: $stand_in:expr)?) => {
        impl $crate::setting::Setting for $name {
            const WHAT: &'static str = $what;
            const EXAMPLE: &'static str = concat!("\"", $example, "\"");
            $( const MAY_BE_BLANK: bool = $blank; )?

            $( fn stand_in() -> Option<Self> {
                $stand_in
            } )?

            fn shape() -> $crate::setting::Shape {
                $crate::setting::Shape::Word
            }

            fn read(
                value: &$crate::setting::Value,
                reader: &mut $crate::setting::Reader,
            ) -> Option<Self> {
                let parse: fn(&str) -> Result<Self, String> = $parse;
                value.parse::<Self>(reader, parse)
            }

            fn print(&self) -> $crate::setting::Printed {
                let write: fn(&Self) -> String = $write;
                $crate::setting::Printed::text(&write(self))
            }
        }
    };
}

pub(crate) use {choice, defaults, field, section, text};
