//! Rust text → words, literals and marks, without comments; tests told apart from the rest.
//!
//! It reads just enough of the language to find paths and calls, and never fails: what it does not know
//! comes out as marks.

/// One piece of source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword.
    Word(String),
    /// A string, without its quotes.
    Text(String),
    /// A number.
    Number(String),
    /// Anything else, a character at a time.
    Mark(char),
}

/// A piece and the line on which it begins, from 1.
#[derive(Debug, Clone)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub line: usize,
}

impl Token {
    /// The identifier, if it is one.
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is this mark.
    pub fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// All tokens of `text`.
pub fn of(text: &str) -> Vec<Token> {
    let mut reader = Reader {
        rest: text,
        line: 1,
    };
    let mut tokens = Vec::new();
    while let Some(first) = reader.rest.chars().next() {
        let line = reader.line;
        if let Some(kind) = reader.next(first) {
            tokens.push(Token { kind, line });
        }
    }
    tokens
}

/// The tokens of what is built for use, and those of items behind `#[cfg(test)]`.
pub fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<Token>) {
    let (mut code, mut tests) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if spells(&tokens[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            let end = end_of_item(tokens, at + 7);
            tests.extend_from_slice(&tokens[at..end]);
            at = end;
        } else {
            code.push(tokens[at].clone());
            at += 1;
        }
    }
    (code, tests)
}

/// Whether `tokens` begin with these words and marks.
pub fn spells(tokens: &[Token], pieces: &[&str]) -> bool {
    tokens.len() >= pieces.len()
        && pieces
            .iter()
            .zip(tokens)
            .all(|(piece, token)| match &token.kind {
                Kind::Word(word) => word == piece,
                Kind::Mark(mark) => piece.len() == 1 && piece.starts_with(*mark),
                _ => false,
            })
}

/// The place after the bracket that closes the one at `open`.
pub fn after_closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        match tokens[at].kind {
            Kind::Mark(';') => return at + 1,
            Kind::Mark('{') => return after_closing(tokens, at),
            Kind::Mark('(' | '[') => at = after_closing(tokens, at),
            _ => at += 1,
        }
    }
    at
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn take(&mut self, bytes: usize) -> String {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken.to_owned()
    }

    fn next(&mut self, first: char) -> Option<Kind> {
        if first.is_whitespace() {
            self.take(first.len_utf8());
            return None;
        }
        if self.rest.starts_with("//") {
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            return None;
        }
        if self.rest.starts_with("/*") {
            self.block_comment();
            return None;
        }
        if let Some(text) = self.string() {
            return Some(Kind::Text(text));
        }
        if first == '\'' {
            return self.quote();
        }
        if first.is_alphabetic() || first == '_' {
            return Some(Kind::Word(self.run()));
        }
        if first.is_ascii_digit() {
            return Some(Kind::Number(self.run()));
        }
        self.take(first.len_utf8());
        Some(Kind::Mark(first))
    }

    fn run(&mut self) -> String {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        self.take(self.rest.find(|c| !word(c)).unwrap_or(self.rest.len()))
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while !self.rest.is_empty() {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
                if depth == 0 {
                    return;
                }
            } else {
                let first = self.rest.chars().next().map_or(1, char::len_utf8);
                self.take(first);
            }
        }
    }

    /// A string of any spelling: plain, byte, C, raw.
    fn string(&mut self) -> Option<String> {
        let prefix = ["br", "cr", "b", "c", "r", ""]
            .into_iter()
            .find(|prefix| self.rest.starts_with(prefix))?;
        let hashes = if prefix.ends_with('r') {
            self.rest[prefix.len()..]
                .bytes()
                .take_while(|byte| *byte == b'#')
                .count()
        } else {
            0
        };
        let body = prefix.len() + hashes;
        if !self.rest[body..].starts_with('"') {
            return None;
        }
        self.take(body + 1);
        if prefix.ends_with('r') {
            let end = format!("\"{}", "#".repeat(hashes));
            let length = self.rest.find(&end).unwrap_or(self.rest.len());
            let text = self.take(length);
            self.take(end.len());
            return Some(text);
        }
        let bytes = self.rest.as_bytes();
        let mut length = 0;
        while length < bytes.len() && bytes[length] != b'"' {
            length += if bytes[length] == b'\\' { 2 } else { 1 };
        }
        let text = self.take(length);
        self.take(1);
        Some(text)
    }

    /// A character, which is no word of the code, or a lifetime, which is none either.
    fn quote(&mut self) -> Option<Kind> {
        let mut rest = self.rest[1..].chars();
        let (first, second) = (rest.next(), rest.next());
        if first == Some('\\') {
            let end = self.rest[3..]
                .find('\'')
                .map_or(self.rest.len(), |at| at + 4);
            self.take(end);
        } else if second == Some('\'') {
            self.take(2 + first.map_or(0, char::len_utf8));
        } else {
            self.take(1);
            self.run();
        }
        None
    }
}

#[test]
fn comments_strings_and_characters_hide_no_code_and_are_none() {
    let text = "/* a /* b */ */ let c = '\\'' ; // d\n let e: &'f str = r#\"crate::g \" h\"#; \"i\\\"j\" k '\"' l";
    let words: Vec<String> = of(text)
        .into_iter()
        .filter_map(|token| token.word().map(str::to_owned))
        .collect();
    assert_eq!(words, ["let", "c", "let", "e", "str", "k", "l"]);
    assert_eq!(of(text).last().map(|token| token.line), Some(2));
}

#[test]
fn items_behind_cfg_test_are_told_apart() {
    let (code, tests) = without_tests(&of(
        "fn a() {} #[cfg(test)] mod tests { fn b() { c([1; 2]); } } fn d() {} #[cfg(test)] use e::f;",
    ));
    let words = |tokens: &[Token]| {
        tokens
            .iter()
            .filter_map(Token::word)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&code), ["fn", "a", "fn", "d"]);
    assert_eq!(
        words(&tests)[3..],
        ["tests", "fn", "b", "c", "cfg", "test", "use", "e", "f"]
    );
}
