//! How sections, choices and texts are read from a value.

use crate::setting::fault::{Fault, Reader};
use crate::setting::schema::Setting;
use crate::setting::value::{Kind, Value, closest};

/// Reads `key` of `table` if it is there.
pub fn offered<T: Setting>(table: &Value, key: &str, reader: &mut Reader) -> Option<T> {
    T::read(table.find(key)?, reader)
}

/// Reads `key` of `table`, which must be there.
pub fn needed<T: Setting>(table: &Value, key: &str, reader: &mut Reader) -> Option<T> {
    let path = table.path_of(key);
    if table.find(key).is_none() && !reader.blames(&path) {
        let fault = Fault::new(&path, &table.place, format!("`{path}` is missing"));
        reader.push(fault.help(format!("add `{key} = {}`", T::EXAMPLE)));
    }
    offered(table, key, reader).or_else(T::stand_in)
}

impl Value {
    /// Checks that this is a table with none but these keys; `None` if it is no table.
    pub fn offers(&self, keys: &[&str], later: &[(&str, &str)], reader: &mut Reader) -> Option<()> {
        let Kind::Table(entries) = &self.kind else {
            let name = self.path.rsplit('.').next().unwrap_or_default();
            let help = if self.path.contains('[') {
                format!("write `{name} = {{ … }}`, with its keys between the braces")
            } else {
                format!("write `[{name}]` on a line of its own, and its keys below it")
            };
            let fault = self.fault(format!("`{}` is a table, not {}", self.path, self.found()));
            reader.push(fault.help(help));
            return None;
        };
        for (key, place, value) in entries {
            if !keys.contains(&key.as_str()) {
                reader.unknown(self, key, place, value, keys, later);
            }
        }
        Some(())
    }

    /// Reads one of `words`, or says which there are.
    pub fn choose(
        &self,
        what: &str,
        words: &[&'static str],
        later: &[(&str, &str)],
        reader: &mut Reader,
    ) -> Option<&'static str> {
        let Some(text) = self.text() else {
            reader.push(self.mismatch(what).help(one_of(words)));
            return None;
        };
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(word);
        }
        if let Some((word, why)) = later.iter().find(|(word, _)| *word == text) {
            reader.push(
                self.fault(format!(
                    "`{} = \"{word}\"` is not built yet: {why}",
                    self.path
                ))
                .help(one_of(words)),
            );
            return None;
        }
        let fault = self.mismatch(what);
        reader.push(match closest(text, words.iter().copied()) {
            Some(word) if words.len() == 1 => fault.help(format!("did you mean \"{word}\"?")),
            Some(word) => fault.help(format!("did you mean \"{word}\"? {}", one_of(words))),
            None => fault.help(one_of(words)),
        });
        None
    }

    /// Reads a text by `parse`, whose error says what to write instead.
    pub fn parse<T: Setting>(
        &self,
        reader: &mut Reader,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(text) = self.text() else {
            reader.push(
                self.mismatch(T::WHAT)
                    .help(format!("write it in quotes, such as {}", T::EXAMPLE)),
            );
            return None;
        };
        parse(text)
            .map_err(|help| reader.push(self.mismatch(T::WHAT).help(help)))
            .ok()
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => format!("write {last}"),
        Some((last, rest)) => format!("write {} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
