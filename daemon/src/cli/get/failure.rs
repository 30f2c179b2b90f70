//! Why `wharf get` failed, for people and for programs.

use std::fmt;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use wharf_client::{Error, ErrorKind, Retry};

use super::transfer::TransferError;
use crate::cli::Exit;
use crate::cli::http::ResponseError;

/// A failed request.
#[derive(Debug)]
pub(super) enum Failure {
    /// The lease failed, before or after it was granted.
    Lease(Error),
    /// The upstream's answer cannot be used, or what goes in or out here cannot be read or written.
    Transfer(TransferError),
    /// A file of this command.
    Local {
        /// Which.
        path: String,
        /// Why not.
        error: String,
    },
}

impl Failure {
    /// A file that cannot be opened.
    pub(super) fn local(path: &impl fmt::Display, error: &io::Error) -> Self {
        Self::Local { path: path.to_string(), error: error.to_string() }
    }

    /// How the tool ends.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Lease(error) if error.kind() == ErrorKind::Unreachable => Exit::Unreachable,
            Self::Lease(_) | Self::Transfer(_) | Self::Local { .. } => Exit::Failed,
        }
    }

    /// The failure's name: the lease protocol's tokens, those of RFC 9209 for HTTP, and `local_io`
    /// for what is wrong on this side.
    fn token(&self) -> &'static str {
        match self {
            Self::Lease(error) => error.token(),
            Self::Transfer(TransferError::Response(ResponseError::Truncated)) => {
                "http_response_incomplete"
            }
            Self::Transfer(TransferError::Response(_)) => "http_protocol_error",
            Self::Transfer(_) | Self::Local { .. } => "local_io",
        }
    }

    /// The failure as a program reads it.
    pub(super) fn json(&self) -> Value {
        let mut error = json!({ "token": self.token(), "message": self.to_string() });
        if let Self::Lease(lease) = self {
            let (advice, after) = retry(lease.retry());
            error["retry"] = Value::from(advice);
            error["retry_after_ms"] = after.map_or(Value::Null, |after| {
                Value::from(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
            });
            error["verdict"] = Value::from(lease.verdict().token());
            error["bytes_sent"] = Value::from(lease.bytes_sent());
            error["bytes_acked"] = Value::from(lease.bytes_acked());
            error["cause"] = Value::from(lease.cause());
            error["hint"] = Value::from(lease.hint());
        }
        json!({ "error": error })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease(error) => {
                write!(f, "{error}; {}; retry: ", error.hint())?;
                match error.retry() {
                    Retry::Never => f.write_str("no, it would fail again"),
                    Retry::Now => f.write_str("at once, nothing was processed"),
                    Retry::After(after) => {
                        write!(
                            f,
                            "after {}, nothing was processed",
                            humantime::format_duration(after)
                        )
                    }
                    Retry::IfIdempotent => {
                        f.write_str("only what may happen twice: the upstream may have acted on it")
                    }
                }
            }
            Self::Transfer(error) => error.fmt(f),
            Self::Local { path, error } => write!(f, "{path}: {error}"),
        }
    }
}

/// The advice as a word, and its time.
fn retry(advice: Retry) -> (&'static str, Option<Duration>) {
    match advice {
        Retry::Never => ("never", None),
        Retry::Now => ("now", None),
        Retry::After(after) => ("after", Some(after)),
        Retry::IfIdempotent => ("if_idempotent", None),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Lease(error)
    }
}

impl From<TransferError> for Failure {
    /// A lease's own error says more than the I/O error that it came in.
    fn from(error: TransferError) -> Self {
        match &error {
            TransferError::Connection(inner) => match Error::of(inner) {
                Some(lease) => Self::Lease(lease.clone()),
                None => Self::Transfer(error),
            },
            TransferError::Response(_)
            | TransferError::Source(_)
            | TransferError::SourceLength
            | TransferError::Sink(_) => Self::Transfer(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_http_and_files_do_wrong_has_a_name() {
        let table: [(Failure, &str); 5] = [
            (TransferError::from(ResponseError::Truncated).into(), "http_response_incomplete"),
            (TransferError::from(ResponseError::Upgraded).into(), "http_protocol_error"),
            (TransferError::SourceLength.into(), "local_io"),
            (TransferError::Sink(io::ErrorKind::StorageFull.into()).into(), "local_io"),
            (Failure::local(&"x", &io::ErrorKind::NotFound.into()), "local_io"),
        ];
        for (failure, token) in table {
            assert_eq!(failure.exit(), Exit::Failed, "{failure}");
            assert_eq!(failure.json().pointer("/error/token"), Some(&Value::from(token)));
        }
    }

    #[test]
    fn a_daemon_that_is_not_there_has_an_exit_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease.sock");
        let error = wharf_client::blocking::Client::connect(&path).unwrap_err();
        let failure = Failure::from(error);
        assert_eq!(failure.exit(), Exit::Unreachable);
        let json = failure.json();
        assert_eq!(json.pointer("/error/token"), Some(&Value::from("daemon_unreachable")));
        assert_eq!(json.pointer("/error/verdict"), Some(&Value::from("never_sent")));
    }

    #[test]
    fn a_lease_s_own_error_comes_out_of_the_io_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = wharf_client::blocking::Client::connect(folder.path()).unwrap_err();
        let inner = io::Error::from(error);
        let failure = Failure::from(TransferError::Connection(inner));
        assert!(matches!(failure, Failure::Lease(_)), "{failure}");
    }
}
