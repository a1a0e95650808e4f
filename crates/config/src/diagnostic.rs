//! How a problem is told: which line, underlined, what was expected, what to do; or all of that on one line for an editor or a log.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::source::{Place, Source};
use crate::value::Complaint;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The bytes of the file that are at fault. `None`: something that is not in the file.
    span: Option<Range<usize>>,
    /// What is wrong, complete without the source line.
    wrong: String,
    /// What was expected, or meant: stands under the underlined text.
    expected: String,
    /// Another place that has to do with it.
    related: Option<(Range<usize>, &'static str)>,
    /// What to do.
    help: Option<String>,
}

impl Problem {
    pub(crate) fn new(span: Range<usize>, wrong: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { span: Some(span), wrong: wrong.into(), expected: expected.into(), related: None, help: None }
    }

    /// A problem of the whole file: something is not there.
    pub(crate) fn of_file(wrong: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { span: None, wrong: wrong.into(), expected: expected.into(), related: None, help: None }
    }

    /// A value that is not one of its option.
    pub(crate) fn complaint(span: Range<usize>, key: &str, complaint: Complaint) -> Self {
        // "`nodes` is too large", but "`hold`: 2h is too long".
        let verb_first = complaint.wrong.starts_with(char::is_alphabetic);
        let colon = if verb_first { "" } else { ":" };
        let wrong = format!("`{key}`{colon} {}", complaint.wrong);
        Self { help: complaint.help, ..Self::new(span, wrong, complaint.expected) }
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    pub(crate) fn related(mut self, span: Range<usize>, label: &'static str) -> Self {
        self.related = Some((span, label));
        self
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone().unwrap_or_default()
    }

    /// What is wrong, in one sentence that does not need the source line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.wrong
    }

    /// What was expected there.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What to do, where that can be said. May have several lines.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// Everything that is wrong with a file, sorted by place. Never empty. Contains no password of the file.
#[derive(Clone)]
pub struct Problems {
    source: Source,
    problems: Vec<Problem>,
}

impl Problems {
    pub(crate) fn new(source: Source, mut problems: Vec<Problem>) -> Self {
        assert!(!problems.is_empty(), "an error without a problem");
        problems.sort_by_key(|problem| problem.span().start);
        Self { source, problems }
    }

    /// The problems, sorted by place.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// How many there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Where a problem is. One of the whole file is at its beginning.
    #[must_use]
    pub fn place(&self, problem: &Problem) -> Place {
        self.source.place(problem.span().start)
    }

    /// A problem as `file:line:column: message; expectation`, which editors understand.
    #[must_use]
    pub fn one_line(&self, problem: &Problem) -> String {
        let (file, place) = (&self.source.name, self.place(problem));
        let line = format!("{file}:{place}: {}; {}", problem.wrong, problem.expected);
        match &problem.related {
            Some((span, label)) => {
                format!("{line} (line {}: {label})", self.source.place(span.start).line)
            }
            None => line,
        }
    }

    /// All problems with their source lines for a person, and their number at the end. Beyond a hundred only the number is given.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for problem in self.problems.iter().take(MAX_RENDERED) {
            text.push_str(&self.render_one(&renderer, problem));
            text.push_str("\n\n");
        }
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        text.push_str(&format!("{}: {count} {noun}", self.source.name));
        if count > MAX_RENDERED {
            text.push_str(&format!(", of which the first {MAX_RENDERED} are shown"));
        }
        text.push('\n');
        text
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(problem.wrong.as_str()));
        if let Some(span) = &problem.span {
            let span = self.source.clamp(span.clone());
            let mut snippet = Snippet::source(self.source.text())
                .path(self.source.name.as_str())
                .annotation(AnnotationKind::Primary.span(span).label(problem.expected.as_str()));
            if let Some((other, label)) = &problem.related {
                let other = self.source.clamp(other.clone());
                snippet = snippet.annotation(AnnotationKind::Context.span(other).label(*label));
            }
            group = group.element(snippet);
        } else {
            group = group
                .element(Origin::path(self.source.name.as_str()).line(1).char_column(1))
                .element(Level::NOTE.message(problem.expected.as_str()));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

/// One line a problem.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}", self.one_line(problem))?;
        }
        Ok(())
    }
}

/// As `Display`: what `unwrap` prints should be readable.
impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for Problems {}

/// More than anybody corrects before trying again; and each costs a pass over the text.
const MAX_RENDERED: usize = 100;
