//! The upstreams: a stack of their own, servers that answer requests and misbehave as told, and a
//! log of what they have read, which the daemon's verdicts are held against.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use wharf_transport::stack::{Config, ConnectionId, ListenerId, Secrets, Stack};
use wharf_transport::tcp::{self, Event, Read};
use wharf_transport::time::{Duration, Instant};

use super::request::{HEADER, Request};
use super::scenario::Upstreams;
use crate::dice::Dice;
use crate::stream::{Reading, Stream};
use crate::violation::{Kind, Violation, demand};

/// Where they are; the last answers to names.
pub(super) const ADDRESSES: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3)),
];

/// The byte that nobody asked for.
pub(super) const CHATTER: u8 = 0xee;

const PORT: u16 = 80;

/// One connection, as its server sees it.
#[derive(Debug)]
struct Served {
    id: ConnectionId,
    header: Vec<u8>,
    current: Option<(Request, Reading)>,
    /// When the answer begins.
    answers_at: Option<Instant>,
    /// What is being said: a stream, from where, to where.
    saying: Option<(Stream, u64, u64)>,
    /// Requests that were begun.
    begun: u32,
    /// Whose connection it is: user and tag.
    domain: Option<(u32, u16)>,
    /// No further request may come.
    is_spent: bool,
    peer_finished: bool,
    quiet_since: Instant,
    chatters_at: Option<Instant>,
    is_over: bool,
}

/// All servers.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) stack: Stack,
    config: Config,
    manners: Upstreams,
    listeners: Vec<ListenerId>,
    served: Vec<Served>,
    dice: Dice,
    /// Bytes that a server has read of each request.
    read: HashMap<u64, u64>,
    pub(super) accepted: u64,
}

impl Servers {
    pub(super) fn new(manners: Upstreams, mut dice: Dice) -> Self {
        let tcp = tcp::Config {
            time_wait: Duration::from_secs(600),
            ecn: true,
            ..tcp::Config::default()
        };
        let config = Config {
            addresses: ADDRESSES.to_vec(),
            mtu: 1_500,
            port_range: 10_000..=65_535,
            connections_max: 4_096,
            time_wait_max: 4_096,
            tcp,
        };
        let stack = Stack::new(config.clone(), secrets(&mut dice));
        let mut servers = Self {
            stack,
            config,
            manners,
            listeners: Vec::new(),
            served: Vec::new(),
            dice,
            read: HashMap::new(),
            accepted: 0,
        };
        servers.listen();
        servers
    }

    fn listen(&mut self) {
        let open = ADDRESSES.iter().enumerate();
        // The first address of the route with several is the second of all.
        let open = open.filter(|(at, _)| *at != 1 || !self.manners.first_is_closed);
        let open: Vec<IpAddr> = open.map(|(_, address)| *address).collect();
        for address in open {
            let local = SocketAddr::new(address, PORT);
            self.listeners.push(self.stack.listen(local, 128).expect("a free port"));
        }
    }

    /// Every connection is forgotten without a word.
    pub(super) fn restart(&mut self) {
        self.stack = Stack::new(self.config.clone(), secrets(&mut self.dice));
        self.served.clear();
        self.listeners.clear();
        self.listen();
    }

    /// How much a server has read of request `id`.
    pub(super) fn has_read(&self, id: u64) -> u64 {
        self.read.get(&id).copied().unwrap_or(0)
    }

    /// When a server does something by itself.
    pub(super) fn next(&self) -> Option<Instant> {
        let idle = self.manners.fin_idle;
        let served = self.served.iter().filter(|served| !served.is_over);
        served
            .flat_map(|served| {
                let leaves =
                    idle.filter(|_| served.is_quiet()).map(|idle| served.quiet_since + idle);
                [served.answers_at, served.chatters_at, leaves]
            })
            .flatten()
            .min()
    }

    /// Whether any connection is still served.
    pub(super) fn serves_any(&self) -> bool {
        self.served.iter().any(|served| !served.is_over)
    }

    /// Resets what is left, at the end of a run.
    pub(super) fn give_up(&mut self, now: Instant) {
        for served in self.served.iter_mut().filter(|served| !served.is_over) {
            served.is_over = true;
            // It may have ended in this very turn.
            let _gone = self.stack.abort(now, served.id);
        }
    }

    /// Accepts, reads, answers. `truly` is the true time, `now` what the hosts' clock shows.
    pub(super) fn turn(&mut self, truly: Instant, now: Instant) -> Result<(), Violation> {
        for at in 0..self.listeners.len() {
            while let Some(id) = self.stack.accept(self.listeners[at]) {
                self.accepted += 1;
                self.served.push(Served::new(id, truly));
            }
        }
        while let Some((id, event)) = self.stack.poll_event() {
            if let Event::Closed(_) = event
                && let Some(served) = self.served.iter_mut().find(|served| served.id == id)
            {
                served.is_over = true;
            }
        }
        for at in 0..self.served.len() {
            self.read(at, truly, now)?;
            self.answer(at, truly, now);
            self.misbehave(at, truly, now);
        }
        self.served.retain(|served| !served.is_over);
        Ok(())
    }

    fn read(&mut self, at: usize, truly: Instant, now: Instant) -> Result<(), Violation> {
        let mut buffer = vec![0; 16 << 10];
        let served = &mut self.served[at];
        while !served.is_over {
            match self.stack.read(now, served.id, &mut buffer) {
                Ok(Read::Bytes(count)) => {
                    served.quiet_since = truly;
                    served.chatters_at = None;
                    served.take(buffer.get(..count).unwrap_or_default(), &mut self.read)?;
                }
                Ok(Read::Eof) => {
                    served.peer_finished = true;
                    break;
                }
                Ok(Read::Empty) | Err(_) => break,
            }
        }
        let is_whole = served
            .current
            .as_ref()
            .is_some_and(|(request, reading)| reading.digest().bytes() == request.body);
        if is_whole && served.answers_at.is_none() && served.saying.is_none() {
            served.answers_at = Some(truly + self.manners.thinks);
        }
        Ok(())
    }

    fn answer(&mut self, at: usize, truly: Instant, now: Instant) {
        let served = &mut self.served[at];
        if served.answers_at.is_some_and(|due| due <= truly) && !served.is_over {
            served.answers_at = None;
            let (request, _) = served.current.as_ref().expect("an answer has a request");
            if self.manners.resets > 0 && self.dice.one_in(self.manners.resets) {
                served.is_over = true;
                let _gone = self.stack.abort(now, served.id);
                return;
            }
            served.saying = Some((request.answer_stream(), 0, request.answer));
        }
        while let Some((stream, from, to)) = served.saying {
            if from == to {
                served.saying = None;
                served.current = None;
                served.quiet_since = truly;
                self.after_answer(at, truly, now);
                return;
            }
            let count = usize::try_from((to - from).min(8_192)).unwrap_or(8_192);
            match self.stack.write(now, served.id, &stream.bytes(from, count)) {
                Ok(taken) if taken > 0 => served.saying = Some((stream, from + taken as u64, to)),
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn after_answer(&mut self, at: usize, truly: Instant, now: Instant) {
        let served = &mut self.served[at];
        if self.manners.fin_after > 0 && served.begun >= self.manners.fin_after {
            served.is_over = true;
            let _gone = self.stack.close(now, served.id);
        } else if self.manners.chatters > 0 && self.dice.one_in(self.manners.chatters) {
            let pause = self.dice.duration(Duration::from_micros(10), Duration::from_secs(1));
            served.chatters_at = Some(truly + pause);
        }
    }

    fn misbehave(&mut self, at: usize, truly: Instant, now: Instant) {
        let served = &mut self.served[at];
        if served.is_over || !served.is_quiet() {
            return;
        }
        if served.chatters_at.is_some_and(|due| due <= truly) {
            served.chatters_at = None;
            let info = self.stack.info(now, served.id);
            if info.is_ok_and(|info| info.unacked == 0) {
                let _taken = self.stack.write(now, served.id, &[CHATTER; 9]);
            }
        }
        let idle = self.manners.fin_idle.is_some_and(|idle| served.quiet_since + idle <= truly);
        if idle || served.peer_finished {
            served.is_over = true;
            let _gone = self.stack.close(now, served.id);
        }
    }
}

impl Served {
    fn new(id: ConnectionId, truly: Instant) -> Self {
        Self {
            id,
            header: Vec::new(),
            current: None,
            answers_at: None,
            saying: None,
            begun: 0,
            domain: None,
            is_spent: false,
            peer_finished: false,
            quiet_since: truly,
            chatters_at: None,
            is_over: false,
        }
    }

    /// Whether no request is under way.
    fn is_quiet(&self) -> bool {
        self.current.is_none() && self.header.is_empty() && self.saying.is_none()
    }

    /// Bytes of the peer: requests, one after the other, and nothing else.
    fn take(&mut self, bytes: &[u8], log: &mut HashMap<u64, u64>) -> Result<(), Violation> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((request, reading)) = &mut self.current else {
                let wanted = HEADER - self.header.len();
                let (head, behind) = rest.split_at(wanted.min(rest.len()));
                self.header.extend_from_slice(head);
                rest = behind;
                if let Some(header) = self.header.first_chunk::<HEADER>() {
                    let request = Request::read(header).ok_or_else(|| {
                        Violation::new(Kind::Stream, "an upstream got what is no request")
                    })?;
                    self.header.clear();
                    self.begin(request, log)?;
                }
                continue;
            };
            let left = request.body - reading.digest().bytes();
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            demand(count > 0, Kind::Stream, || "a request behind one without answer".to_owned())?;
            let (body, behind) = rest.split_at(count);
            reading.take(body).map_err(|difference| {
                Violation::new(Kind::Stream, format!("a request's body: {difference}"))
            })?;
            *log.entry(request.id).or_default() += count as u64;
            rest = behind;
        }
        Ok(())
    }

    /// A request begins: may it come on this connection?
    fn begin(&mut self, request: Request, log: &mut HashMap<u64, u64>) -> Result<(), Violation> {
        let domain = (request.uid, request.tag);
        let earlier = *self.domain.get_or_insert(domain);
        demand(earlier == domain, Kind::Lease, || {
            format!("a connection of {earlier:?} serves {domain:?}")
        })?;
        demand(!self.is_spent, Kind::Lease, || "a request behind an opaque lease".to_owned())?;
        demand(!request.fresh || self.begun == 0, Kind::Lease, || {
            "a fresh lease on a connection that was used".to_owned()
        })?;
        let before = log.insert(request.id, HEADER as u64);
        demand(before.is_none(), Kind::Stream, || "a request came twice".to_owned())?;
        self.begun += 1;
        self.is_spent = request.opaque;
        self.current = Some((request, Reading::of(request.body_stream())));
        Ok(())
    }
}

/// Secrets that a seed replays.
pub(super) fn secrets(dice: &mut Dice) -> Secrets {
    let mut bytes = [0; Secrets::LEN];
    bytes.fill_with(|| dice.number().to_le_bytes()[0]);
    Secrets::from_bytes(&bytes)
}
