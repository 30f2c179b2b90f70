//! The daemon's log: text for people at a terminal, one JSON object a line otherwise.
//!
//! Lines go to stderr, where a terminal or the journal takes them. The filter is the directive
//! syntax of `tracing-subscriber` (`info`, `warn,wharfd::control=debug`) and can be changed while
//! the daemon runs. What is logged, and at which level, is decided where it happens; nothing on
//! the packet path logs.

use std::io;

use tracing::Subscriber;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: time, level, place, message, fields; in colours at a terminal.
    Text,
    /// For programs: one object a line.
    Json,
}

impl Format {
    /// What to use when the configuration leaves it open.
    pub fn suited(is_terminal: bool) -> Self {
        if is_terminal { Self::Text } else { Self::Json }
    }
}

/// Why the log could not be started or its filter changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Mend the filter: `level`, or `target=level` joined by commas.
    #[error("the log filter {filter:?} is not understood")]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// A log runs already in this process; it is left as it is.
    #[error("the log runs already")]
    Running(#[from] TryInitError),
    /// The log has ended with its process's other parts.
    #[error("the log has ended")]
    Ended(#[from] reload::Error),
}

/// The running log; through it the filter is changed.
#[derive(Clone, Debug)]
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Log {
    /// Changes the filter; one that is not understood changes nothing.
    pub fn set_filter(&self, filter: &str) -> Result<(), LogError> {
        self.filter.reload(parse(filter)?)?;
        Ok(())
    }
}

/// Starts the log of this process, once. `is_terminal` says whether stderr is one, for colours.
pub fn start(filter: &str, format: Format, is_terminal: bool) -> Result<Log, LogError> {
    let (subscriber, log) = subscriber(filter, format, is_terminal, io::stderr)?;
    subscriber.try_init()?;
    Ok(log)
}

/// Checks a filter, so that a configuration can be refused before it is used.
pub fn check_filter(filter: &str) -> Result<(), LogError> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    let parsed = EnvFilter::builder().parse(filter);
    parsed.map_err(|source| LogError::Filter { filter: filter.to_owned(), source })
}

fn subscriber<W>(
    filter: &str,
    format: Format,
    has_colours: bool,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync, Log), LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        Format::Text => lines.with_ansi(has_colours).boxed(),
        Format::Json => lines.with_ansi(false).json().flatten_event(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    Ok((subscriber, Log { filter: handle }))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(filter: &str, format: Format, act: impl FnOnce(&Log)) -> String {
        let written = Written::default();
        let writer = written.clone();
        let (subscriber, log) = subscriber(filter, format, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || act(&log));
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_are_objects_with_their_fields() {
        let text = log("info", Format::Json, |_| tracing::info!(route = "a", "lease granted"));
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["message"], "lease granted");
        assert_eq!(line["route"], "a");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn text_lines_have_no_colours_away_from_a_terminal() {
        let text = log("info", Format::Text, |_| tracing::warn!(route = "a", "slow"));
        assert!(text.contains("WARN") && text.contains("slow route=\"a\""), "{text:?}");
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn the_filter_holds_and_can_be_changed() {
        let text = log("warn", Format::Text, |log| {
            tracing::info!("unheard");
            log.set_filter("info").unwrap();
            tracing::info!("heard");
            log.set_filter("no=such=level").unwrap_err();
            tracing::info!("still heard");
        });
        assert!(!text.contains("unheard"));
        assert!(text.contains(" heard") && text.contains("still heard"));
    }

    #[test]
    fn a_bad_filter_is_quoted() {
        let error = check_filter("wharfd=loud").unwrap_err();
        assert_eq!(error.to_string(), "the log filter \"wharfd=loud\" is not understood");
        assert!(check_filter("warn,wharfd=debug").is_ok());
    }

    #[test]
    fn the_format_suits_its_reader() {
        assert_eq!(Format::suited(true), Format::Text);
        assert_eq!(Format::suited(false), Format::Json);
    }
}
