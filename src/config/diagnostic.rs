//! Mistakes → text for people: file, line, column, caret, and what to write instead.
//!
//! A secret is never shown: what might be one is starred out of the line under which the caret
//! stands, and the line keeps its columns.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::config::mask;
use crate::setting::{Fault, Place};

/// All that is wrong with a config, in the order of the file.
#[derive(Debug, Clone)]
pub struct Report {
    name: String,
    text: String,
    faults: Vec<Fault>,
}

impl Report {
    /// What is wrong with the file `name`, which holds `text`.
    pub(super) fn new(name: String, text: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| match &fault.place {
            Place::File(span) => (0, span.start, String::new()),
            Place::Variable(name) => (1, 0, name.clone()),
            Place::Flag(name) => (2, 0, name.clone()),
            Place::Nowhere => (3, 0, fault.path.clone()),
        });
        Self {
            name,
            text: mask::masked(text),
            faults,
        }
    }

    /// The report in colours, for a terminal.
    pub fn coloured(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut text = String::new();
        for fault in &self.faults {
            text.push_str(&renderer.render(&[self.group(fault)]));
            text.push_str("\n\n");
        }
        let count = match self.faults.len() {
            1 => "1 mistake".to_owned(),
            several => format!("{several} mistakes"),
        };
        text + &format!("{}: {count}\n", self.name)
    }

    fn group<'a>(&'a self, fault: &'a Fault) -> Group<'a> {
        let title = Level::ERROR.primary_title(fault.message.as_str());
        let mut group = Group::with_title(title);
        match &fault.place {
            Place::File(span) => {
                let mut snippet = Snippet::source(self.text.as_str())
                    .path(self.name.as_str())
                    .annotation(AnnotationKind::Primary.span(self.first_line(span)));
                if let Some((Place::File(span), label)) = &fault.also {
                    let other = AnnotationKind::Context.span(self.first_line(span));
                    snippet = snippet.annotation(other.label(label.as_str()));
                }
                group = group.element(snippet);
            }
            Place::Variable(name) => {
                group = group.element(Origin::path(format!("variable {name}")));
            }
            Place::Flag(name) => group = group.element(Origin::path(format!("flag {name}"))),
            Place::Nowhere => group = group.element(Origin::path(self.name.as_str())),
        }
        if let Some(help) = &fault.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        group
    }

    /// `span` up to the end of its first line: a caret needs no more. What is missing at the end of the file is
    /// missing behind its last line.
    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let start = if span.start < self.text.len() {
            span.start
        } else {
            self.text.trim_end_matches(['\r', '\n']).len()
        };
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.find('\n').unwrap_or(rest.len());
        start..span.end.clamp(start, start + line)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Report {}

/// Where `place` is, for people: `gateway.toml:3`, `variable WXGATE_…`.
pub(super) fn remark(place: &Place, name: &str, text: &str) -> Option<String> {
    match place {
        Place::Nowhere => None,
        Place::File(span) => {
            let line = text
                .get(..span.start)?
                .bytes()
                .filter(|b| *b == b'\n')
                .count()
                + 1;
            Some(format!("{name}:{line}"))
        }
        Place::Variable(name) => Some(format!("variable {name}")),
        Place::Flag(name) => Some(format!("flag {name}")),
    }
}
