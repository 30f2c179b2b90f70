//! A stand-in for the daemon: one lease after the other, carried to an upstream over the kernel's
//! TCP, or ended as the test says. It writes down how each lease ended.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use wharf_protocol::{
    ClientMessage, DaemonMessage, ErrorToken, Frame, Leased, Limits, Outcome, Refused, Release,
    Released, Reset, Source, Verdict, Welcome, decode_client, encode_daemon,
};

/// What the daemon does with a lease.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plan {
    /// Carries it to this upstream.
    Carry(SocketAddr),
    /// Refuses it.
    Refuse(ErrorToken),
    /// Grants it, gives these bytes, then resets.
    Reset(&'static [u8]),
    /// Grants it, gives these bytes and the end of the stream.
    Say(&'static [u8]),
}

/// How a client ended a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It gave the connection back.
    Released(Release),
    /// It went away.
    Left,
}

/// A running stand-in.
pub(crate) struct LeaseDaemon {
    pub(crate) socket: PathBuf,
    ended: Receiver<Ended>,
    _folder: tempfile::TempDir,
}

impl LeaseDaemon {
    /// Starts one; sessions are served one at a time, each as `plan` says.
    pub(crate) fn start(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("lease.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            for session in listener.incoming() {
                Session::new(session.unwrap()).serve(plan, &sender);
            }
        });
        Self { socket, ended, _folder: folder }
    }

    /// How the next lease ended.
    pub(crate) fn ended(&self) -> Ended {
        self.ended.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

/// One client.
struct Session {
    socket: UnixStream,
    received: Vec<u8>,
}

/// What the session has to do with a frame of the client.
enum Heard {
    Lease(u16),
    Data(Vec<u8>),
    Release(u16, Release),
    Nothing,
}

impl Session {
    fn new(socket: UnixStream) -> Self {
        Self { socket, received: Vec::new() }
    }

    /// Serves one lease, and the session to its end.
    fn serve(mut self, plan: Plan, ended: &Sender<Ended>) {
        let mut upstream = None;
        while let Some(heard) = self.hear() {
            match heard {
                Heard::Lease(lease) => upstream = self.begin(lease, plan),
                Heard::Data(bytes) => {
                    if let Some(upstream) = &mut upstream {
                        // It may have closed: then what it said before is on its way.
                        let _ = TcpStream::write_all(upstream, &bytes);
                    }
                }
                Heard::Release(lease, release) => {
                    let released = Released { outcome: Outcome::Kept, cause: None };
                    self.say(lease, DaemonMessage::Released(released));
                    ended.send(Ended::Released(release)).unwrap();
                    return;
                }
                Heard::Nothing => {}
            }
        }
        ended.send(Ended::Left).unwrap();
    }

    /// Answers a lease as the plan says; an upstream's bytes then flow to the client.
    fn begin(&mut self, lease: u16, plan: Plan) -> Option<TcpStream> {
        let peer = match plan {
            Plan::Carry(address) => address,
            Plan::Refuse(_) | Plan::Reset(_) | Plan::Say(_) => "10.213.0.1:8080".parse().unwrap(),
        };
        if let Plan::Refuse(token) = plan {
            let refused =
                Refused { token, cause: "as told", retry_after: None, estimated_wait: None };
            self.say(lease, DaemonMessage::Refused(refused));
            return None;
        }
        self.say(lease, DaemonMessage::Leased(leased(peer)));
        match plan {
            Plan::Carry(address) => {
                let upstream = TcpStream::connect(address).unwrap();
                let from = upstream.try_clone().unwrap();
                let to = Self::new(self.socket.try_clone().unwrap());
                std::thread::spawn(move || to.carry(lease, from));
                return Some(upstream);
            }
            Plan::Reset(bytes) => {
                self.say(lease, DaemonMessage::Data(bytes));
                let (token, verdict) = (ErrorToken::ConnectionTerminated, Verdict::Acked);
                let cause = "the peer reset the connection";
                let reset = Reset { token, verdict, bytes_sent: 80, bytes_acked: 40, cause };
                self.say(lease, DaemonMessage::Reset(reset));
            }
            Plan::Say(bytes) => {
                self.say(lease, DaemonMessage::Data(bytes));
                self.say(lease, DaemonMessage::Eof);
            }
            Plan::Refuse(_) => {}
        }
        None
    }

    /// Carries an upstream's bytes to the client until either is at its end.
    fn carry(mut self, lease: u16, mut upstream: TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match upstream.read(&mut buffer) {
                Ok(0) | Err(_) => return self.say(lease, DaemonMessage::Eof),
                Ok(count) => self.say(lease, DaemonMessage::Data(&buffer[..count])),
            }
        }
    }

    /// Writes a frame. A client that has gone does not hear it.
    fn say(&mut self, lease: u16, message: DaemonMessage<'_>) {
        let mut bytes = Vec::new();
        encode_daemon(&Frame { lease, message }, &mut bytes);
        let _ = self.socket.write_all(&bytes);
    }

    /// The client's next frame; `None` at its end.
    fn hear(&mut self) -> Option<Heard> {
        loop {
            if let Some((frame, length)) = decode_client(&self.received).unwrap() {
                let heard = match frame.message {
                    ClientMessage::Hello(_) => {
                        let limits = Limits::default();
                        let welcome = Welcome { minor: 0, features: 0, instance: 1, limits };
                        self.say(0, DaemonMessage::Welcome(welcome));
                        return self.forget(length, Heard::Nothing);
                    }
                    ClientMessage::Lease(_) => Heard::Lease(frame.lease),
                    ClientMessage::Data(bytes) => Heard::Data(bytes.to_vec()),
                    ClientMessage::Release(release) => Heard::Release(frame.lease, release),
                    ClientMessage::Fin
                    | ClientMessage::Cancel
                    | ClientMessage::Info
                    | ClientMessage::Ping(_)
                    | ClientMessage::Skipped { .. } => Heard::Nothing,
                };
                return self.forget(length, heard);
            }
            let mut buffer = vec![0; 64 * 1024];
            match self.socket.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Drops a frame that was read.
    fn forget(&mut self, length: usize, heard: Heard) -> Option<Heard> {
        self.received.drain(..length);
        Some(heard)
    }
}

/// What is told of a connection to `peer`.
fn leased(peer: SocketAddr) -> Leased {
    Leased {
        handle: 7,
        source: Source::New,
        age: Duration::ZERO,
        idle: Duration::ZERO,
        uses: 1,
        srtt: Duration::from_micros(250),
        cwnd: 14_600,
        wait: Duration::from_micros(800),
        connect: Some(Duration::from_micros(700)),
        peer,
    }
}
