//! A thousand waiters on one connection: first come, first served, one wake for each release.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use wharf_protocol::{
    ClientMessage, DaemonMessage, Disposition, Frame, Hello, LeaseRequest, Release, Target,
    decode_daemon, encode_client,
};

use crate::support::{
    Daemon, LEASE_SOCKET, SOON, Upstream, in_namespaces, metrics, pooled, series, total, wait_for,
};

const WAITERS: usize = 1000;

const CONFIG: &str = r#"
[pool]
max_per_route = 1
max_waiters_per_route = 2000
max_waiters_per_client = 2000
lease_timeout = "5min"
[[route]]
match = "http://10.213.0.1:8080"
"#;

const REQUEST: &[u8] = b"GET /bytes/10 HTTP/1.1\r\nHost: upstream\r\n\r\n";

/// A session that speaks the protocol by hand, so that the order of requests is known.
struct Waiter {
    socket: UnixStream,
    unread: Vec<u8>,
}

impl Waiter {
    /// Asks for a lease; it is in the queue when this returns.
    fn ask() -> Self {
        let socket = UnixStream::connect(LEASE_SOCKET).expect("connected");
        socket.set_read_timeout(Some(SOON)).expect("a timeout");
        let mut waiter = Self { socket, unread: Vec::new() };
        let target = Target::Origin { scheme: "http", host: "10.213.0.1", port: 8080 };
        waiter.send(&[
            (0, ClientMessage::Hello(Hello::new("waiters"))),
            (1, ClientMessage::Lease(LeaseRequest::new(target))),
            (1, ClientMessage::Data(REQUEST)),
        ]);
        // One write, so the daemon read all of it before it answered the first part.
        assert_eq!(waiter.next(), "WELCOME");
        waiter
    }

    fn send(&mut self, messages: &[(u16, ClientMessage<'_>)]) {
        let mut bytes = Vec::new();
        for (lease, message) in messages {
            encode_client(&Frame { lease: *lease, message: *message }, &mut bytes).expect("fits");
        }
        self.socket.write_all(&bytes).expect("written");
    }

    /// The next message of the daemon, by name; DATA with its bytes.
    fn next(&mut self) -> String {
        loop {
            if let Some((frame, length)) = decode_daemon(&self.unread).expect("a frame") {
                let name = name(&frame.message);
                self.unread.drain(..length);
                return name;
            }
            let mut buffer = [0; 4096];
            let count = self.socket.read(&mut buffer).expect("an answer in time");
            assert!(count > 0, "the daemon closed the session");
            self.unread.extend_from_slice(&buffer[..count]);
        }
    }

    /// Nothing has come.
    fn hears_nothing(&mut self) -> bool {
        self.socket.set_nonblocking(true).expect("set");
        let result = self.socket.read(&mut [0; 1]);
        self.socket.set_nonblocking(false).expect("set");
        matches!(result, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Reads the answer and gives the lease back.
    fn use_and_release(&mut self) {
        let mut answer = String::new();
        while !answer.contains("\r\n\r\n") || answer.len() < answer_length(&answer) {
            let message = self.next();
            answer.push_str(message.strip_prefix("DATA ").expect("DATA"));
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let release = Release {
            disposition: Disposition::Reusable,
            rx_consumed: answer.len() as u64,
            tx_written: REQUEST.len() as u64,
            keep_alive: None,
        };
        self.send(&[(1, ClientMessage::Release(release))]);
    }
}

/// Head and body together, once the head is there.
fn answer_length(answer: &str) -> usize {
    let (head, _) = answer.split_once("\r\n\r\n").expect("a head");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    head.len() + 4 + length.unwrap_or(0_usize)
}

fn name(message: &DaemonMessage<'_>) -> String {
    match message {
        DaemonMessage::Welcome(_) => "WELCOME".to_owned(),
        DaemonMessage::Leased(_) => "LEASED".to_owned(),
        DaemonMessage::Refused(refused) => format!("REFUSED {}", refused.token),
        DaemonMessage::Data(bytes) => {
            // The pattern of the body is bytes, not text: each stands for itself here.
            format!("DATA {}", bytes.iter().map(|byte| char::from(byte & 0x7f)).collect::<String>())
        }
        DaemonMessage::Released(released) => format!("RELEASED {}", released.outcome),
        DaemonMessage::Eof
        | DaemonMessage::Reset(_)
        | DaemonMessage::GoAway(_)
        | DaemonMessage::Info(_)
        | DaemonMessage::Pong(_)
        | DaemonMessage::Skipped { .. } => format!("{message:?}"),
    }
}

#[test]
fn a_thousand_waiters_are_served_in_order() {
    in_namespaces("waiters::a_thousand_waiters_are_served_in_order", || {
        let _daemon = Daemon::start(CONFIG);
        let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
        let mut holder = Waiter::ask();
        assert_eq!(holder.next(), "LEASED");
        let mut waiters: Vec<Waiter> = (0..WAITERS).map(|_| Waiter::ask()).collect();
        let waiting = total(&metrics(), "wharf_pool_waiters", &[]);
        assert_eq!(waiting, WAITERS as f64);

        holder.use_and_release();
        for at in 0..WAITERS {
            let (served, later) = waiters.split_at_mut(at + 1);
            let waiter = served.last_mut().expect("not empty");
            assert_eq!(waiter.next(), "LEASED", "waiter {at}");
            if let Some(next) = later.first_mut() {
                assert!(next.hears_nothing(), "waiter {} was served before its time", at + 1);
            }
            waiter.use_and_release();
        }

        wait_for("the last lease is given back", || pooled("leased") == 0.0);
        let text = metrics();
        let woken = series(&text, "wharf_pool_waiters_woken_total", &[]);
        let releases = total(&text, "wharf_pool_releases_total", &[]);
        assert_eq!(woken, Some(releases));
        assert_eq!(releases, (WAITERS + 1) as f64);
        assert_eq!(total(&text, "wharf_pool_connections_opened_total", &[]), 1.0);
    });
}
