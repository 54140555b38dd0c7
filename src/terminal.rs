//! What the terminal can show, and lines of progress that fit it.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::cell::Cell;
use std::env;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};
use terminal_size::Width;

/// Time between two drawings of a line.
const INTERVAL: Duration = Duration::from_millis(100);
/// Widest and narrowest bar, in characters; where there is less room, there is none.
const BAR: (usize, usize) = (24, 8);
/// Width of a terminal that does not say how wide it is.
const USUAL_WIDTH: usize = 80;

/// Whether standard error is a terminal that can redraw a line. Without it (a pipe, a file, `TERM=dumb`) progress is
/// shown in plain lines.
pub fn redraws() -> bool {
    let is_dumb = if cfg!(windows) {
        env::var_os("TERM").is_some_and(|term| term == "dumb")
    } else {
        env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
    };
    io::stderr().is_terminal() && !is_dumb
}

/// Characters in a line of the terminal; `None` if standard error is none.
pub fn width() -> Option<usize> {
    let reported = || terminal_size::terminal_size_of(io::stderr()).map(|(Width(width), _)| usize::from(width));
    io::stderr().is_terminal().then(|| reported().filter(|&width| width > 0).unwrap_or(USUAL_WIDTH))
}

/// Whether the locale's encoding is UTF-8, by the first of the variables that is set.
fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| env::var(name).ok());
    cfg!(windows) || names_utf8(set.into_iter().find(|value| !value.is_empty()).as_deref())
}

fn names_utf8(locale: Option<&str>) -> bool {
    let locale = locale.unwrap_or("C").to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// `head` and as many of `details` as fit into `width` characters, the first ones first.
pub fn fitted(head: &str, details: &[String], width: usize) -> String {
    let mut line: String = head.chars().take(width).collect();
    let mut length = line.chars().count();
    for detail in details.iter().filter(|detail| !detail.is_empty()) {
        length += 2 + detail.chars().count();
        if length > width {
            break;
        }
        line += ", ";
        line += detail;
    }
    line
}

/// [`fitted`] after a bar of which the fraction `done` is full, if there is room for one.
fn with_bar(done: f64, head: &str, details: &[String], width: usize, utf8: bool) -> String {
    let (widest, narrowest) = BAR;
    let line = fitted(head, details, width);
    // Details give way to a narrow bar, but not the head.
    let line = match fitted(head, details, width.saturating_sub(narrowest + 1)) {
        shorter if head.chars().count() + narrowest < width => shorter,
        _ => line,
    };
    let room = width.saturating_sub(line.chars().count() + 1).min(widest);
    if room < narrowest {
        return line;
    }
    let full = ((done.clamp(0.0, 1.0) * room as f64) as usize).min(room);
    let (filled, empty) = if utf8 { ("\u{2588}", "\u{2591}") } else { ("#", "-") };
    format!("{}{} {line}", filled.repeat(full), empty.repeat(room - full))
}

/// A line of progress that is redrawn in place and never wider than the terminal; invisible where that is impossible.
#[derive(Debug)]
pub struct ProgressLine {
    bar: ProgressBar,
    total: u64,
    utf8: bool,
    drawn: Cell<Option<Instant>>,
}

impl ProgressLine {
    /// A line for something of `total` steps.
    pub fn new(total: u64) -> Self {
        let bar = if redraws() { ProgressBar::new(total) } else { ProgressBar::hidden() };
        Self::of(bar, total)
    }

    /// A line above `below`, in a table of several.
    pub fn in_table(table: &MultiProgress, below: &ProgressBar, total: u64) -> Self {
        let bar = if redraws() { table.insert_before(below, ProgressBar::new(total)) } else { ProgressBar::hidden() };
        Self::of(bar, total)
    }

    fn of(bar: ProgressBar, total: u64) -> Self {
        Self { bar: bar.with_style(whole_line()), total, utf8: is_utf8(), drawn: Cell::new(None) }
    }

    /// Redraws the line with `done` steps done, if the last drawing is some time ago. `words` gets the estimated time left
    /// and returns what stands first, and details, which are left out from the end on if there is no room.
    pub fn set(&self, done: u64, words: impl FnOnce(Duration) -> (String, Vec<String>)) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(done);
        if self.drawn.get().is_some_and(|drawn| drawn.elapsed() < INTERVAL) {
            return;
        }
        self.drawn.set(Some(Instant::now()));
        let (head, details) = words(self.bar.eta());
        let fraction = done as f64 / self.total.max(1) as f64;
        self.bar.set_message(with_bar(fraction, &head, &details, width().unwrap_or(USUAL_WIDTH), self.utf8));
    }

    /// Percent of the steps.
    pub fn percent(&self, done: u64) -> u64 {
        (100.0 * done as f64 / self.total.max(1) as f64) as u64
    }

    /// Prints a line above.
    pub fn say(&self, text: &str) {
        self.bar.println(text);
    }

    /// Takes the line off the terminal.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// The line, for the table it is in.
    pub fn bar(&self) -> &ProgressBar {
        &self.bar
    }
}

/// The style of a line whose message is the whole of it. What is wider than the terminal at the time of drawing is cut off.
pub fn whole_line() -> ProgressStyle {
    // The fallback can wrap, but the template is right, as a test makes sure.
    ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    #[test]
    fn a_line_is_never_wider_than_the_terminal_and_loses_its_last_details_first() {
        let details =
            details(&["3:20 min left", "1234567 steps/s", "mean return -1234567.8", "epsilon 0.10", "99 updates/s"]);
        let head = "100% of 50000000000 steps";
        for width in 0..200 {
            for utf8 in [false, true] {
                let line = with_bar(0.5, head, &details, width, utf8);
                assert!(line.chars().count() <= width, "{width}: {line:?}");
                assert_eq!(line.is_ascii(), !utf8 || !line.contains('\u{2588}'), "{line:?}");
                assert!(width < head.len() || line.contains(head), "{width}: {line:?}");
            }
        }
        let line = with_bar(0.5, head, &details, 80, false);
        assert!(line.starts_with("####") && line.ends_with("steps/s"), "{line}");
        let line = with_bar(1.0, head, &details, 150, false);
        assert!(line.starts_with(&"#".repeat(24)) && line.ends_with("99 updates/s"), "{line}");
    }

    #[test]
    fn the_locale_decides_about_letters() {
        for (locale, utf8) in [
            (Some("en_US.UTF-8"), true),
            (Some("C.utf8"), true),
            (Some("C"), false),
            (Some("de_DE.ISO-8859-1"), false),
            (None, false),
        ] {
            assert_eq!(names_utf8(locale), utf8, "{locale:?}");
        }
    }

    #[test]
    fn a_line_is_one_message() {
        assert!(ProgressStyle::with_template("{wide_msg}").is_ok());
    }
}
