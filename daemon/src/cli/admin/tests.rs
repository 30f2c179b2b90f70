use std::io::BufRead as _;
use std::os::unix::net::UnixListener;

use super::*;

/// A daemon that answers one question with `answer`; gives back the question.
fn daemon(path: &Path, answer: &'static str) -> std::thread::JoinHandle<String> {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut question = String::new();
        std::io::BufReader::new(&socket).read_line(&mut question).unwrap();
        (&socket).write_all(answer.as_bytes()).unwrap();
        question
    })
}

/// What `ask` makes of `answer`.
fn answered(answer: &'static str) -> Result<Value, AdminError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let daemon = daemon(&path, answer);
    let result = ask(&path, "status");
    assert_eq!(daemon.join().unwrap(), "status\n");
    result
}

#[test]
fn an_answer_comes_back() {
    let answer = answered("{\"schema\":1,\"command\":\"status\",\"ready\":true}\n").unwrap();
    assert_eq!(answer.get("ready"), Some(&Value::Bool(true)));
}

#[test]
fn a_refusal_is_told_with_its_advice_and_kept_for_programs() {
    let error = answered(
        "{\"schema\":1,\"command\":\"status\",\"error\":{\"code\":\"shard_silent\",\
         \"message\":\"the shard does not answer\",\"hint\":\"restart wharfd\"}}\n",
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "the daemon refused: the shard does not answer; restart wharfd");
    assert_eq!(error.exit(), Exit::Failed);
    let json = error.json("status");
    assert_eq!(json.pointer("/error/code"), Some(&Value::from("shard_silent")));
    let AdminError::Refused { code, .. } = error else { panic!("{error}") };
    assert_eq!(code, "shard_silent");
}

#[test]
fn what_is_no_answer() {
    let error = answered("").unwrap_err();
    assert!(matches!(error, AdminError::Silent(_)), "{error}");
    let error = answered("{\"schema\":1").unwrap_err();
    assert!(matches!(error, AdminError::NotUnderstood(_)), "{error}");
    assert_eq!(error.exit(), Exit::Failed);
}

#[test]
fn nobody_there_is_an_exit_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let error = ask(&path, "status").unwrap_err();
    assert_eq!(error.exit(), Exit::Unreachable);
    let text = error.to_string();
    assert!(text.contains("is wharfd running, and is this its socket"), "{text}");
    // A socket whose daemon has died.
    drop(UnixListener::bind(&path).unwrap());
    let error = ask(&path, "status").unwrap_err();
    assert!(error.to_string().contains("nobody listens there"), "{error}");
    let json = error.json("status");
    assert_eq!(json.pointer("/error/code"), Some(&Value::from("unreachable")));
}
