use std::os::unix::net::UnixStream;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn the_mode_is_the_one_asked_for_and_the_path_goes_with_the_socket() {
    let folder = folder();
    let path = folder.path().join("made/here.sock");
    let socket = ListeningSocket::bind_unix(&path, 0o640).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(socket.name(), format!("unix:{}", path.display()));
    drop(socket);
    assert!(!path.exists());
}

#[test]
fn a_connection_is_accepted_once_it_is_there() {
    let folder = folder();
    let path = folder.path().join("a.sock");
    let socket = ListeningSocket::bind_unix(&path, 0o600).unwrap();
    assert!(socket.accept().unwrap().is_none());
    let _client = UnixStream::connect(&path).unwrap();
    assert!(socket.accept().unwrap().is_some());
}

#[test]
fn a_living_daemon_is_named_by_its_pid_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("a.sock");
    let _living = ListeningSocket::bind_unix(&path, 0o600).unwrap();
    let error = ListeningSocket::bind_unix(&path, 0o600).unwrap_err();
    let expected =
        format!("{} is served by the living process {}", path.display(), std::process::id());
    assert_eq!(error.to_string(), expected);
    assert!(UnixStream::connect(&path).is_ok());
}

#[test]
fn a_stale_socket_is_replaced() {
    let folder = folder();
    let path = folder.path().join("a.sock");
    // The standard library's listener leaves its path behind, as a killed daemon does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _socket = ListeningSocket::bind_unix(&path, 0o600).unwrap();
    assert!(UnixStream::connect(&path).is_ok());
}

#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let folder = folder();
    let path = folder.path().join("precious");
    fs::write(&path, "text").unwrap();
    let error = ListeningSocket::bind_unix(&path, 0o600).unwrap_err();
    assert!(matches!(error, BindError::NotASocket(_)));
    assert_eq!(fs::read_to_string(&path).unwrap(), "text");
}

#[test]
fn a_path_too_long_is_said_to_be_so() {
    let path = Path::new("/tmp").join("x".repeat(PATH_MAX));
    let error = ListeningSocket::bind_unix(&path, 0o600).unwrap_err();
    assert!(matches!(error, BindError::TooLong(_)));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let error = ListeningSocket::bind_unix(Path::new("/proc/none/a.sock"), 0o600).unwrap_err();
    assert_eq!(error.to_string(), "cannot make the folder /proc/none");
}

#[test]
fn a_path_that_another_has_replaced_is_not_removed() {
    let folder = folder();
    let path = folder.path().join("a.sock");
    let socket = ListeningSocket::bind_unix(&path, 0o600).unwrap();
    fs::rename(&path, folder.path().join("kept")).unwrap();
    fs::write(&path, "another's").unwrap();
    drop(socket);
    assert!(path.exists());
}

#[test]
fn only_loopback_is_listened_at() {
    let error = ListeningSocket::bind_loopback("0.0.0.0:0".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "0.0.0.0:0 is not a loopback address");
    let socket = ListeningSocket::bind_loopback("127.0.0.1:0".parse().unwrap()).unwrap();
    assert!(socket.name().starts_with("127.0.0.1:"));
    let taken = socket.name().parse().unwrap();
    let error = ListeningSocket::bind_loopback(taken).unwrap_err();
    assert!(matches!(error, BindError::AddressInUse(_)));
}

#[test]
fn an_inherited_socket_keeps_its_name_and_stops_blocking() {
    let folder = folder();
    let path = folder.path().join("a.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let socket = ListeningSocket::inherited(listener.into()).unwrap();
    assert_eq!(socket.name(), format!("unix:{}", path.display()));
    assert!(socket.accept().unwrap().is_none());
    drop(socket);
    assert!(path.exists(), "what systemd made stays with systemd");
}
