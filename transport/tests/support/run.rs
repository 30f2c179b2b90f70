//! One run of a script against a whole [`Stack`], on a virtual clock.
//!
//! No more packets than written are accepted, and each must leave at its very millisecond. A
//! failure shows the script with the line that broke, what came instead, and all packets so far.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;

use wharf_transport::PacketBatch;
use wharf_transport::stack::{ConnectionId, ListenerId, Stack};
use wharf_transport::tcp::{CloseReason, Event, Read, State};
use wharf_transport::time::{Duration, Instant};
use wharf_transport::wire::{Segment, SeqNumber, show};

use super::notation::{Line, Packet, Step, parse};
use super::peer::{Peer, received_byte, sent_byte};
use super::script::{Opening, Script};

/// Packets have until the end of their millisecond.
const TOLERANCE: Duration = Duration::from_nanos(999_999);

const PORT: u16 = 80;
const PEER_PORT: u16 = 50_000;

/// One run of a script: a stack, its peer, and the clock.
pub(crate) struct Run<'a> {
    script: &'a Script,
    pub(crate) stack: Stack,
    pub(crate) peer: Peer,
    pub(crate) now: Instant,
    start: Instant,
    pub(crate) connection: Option<ConnectionId>,
    listener: Option<ListenerId>,
    outbox: VecDeque<(Instant, Vec<u8>)>,
    batch: PacketBatch,
    events: Vec<Event>,
    pub(crate) closed: Option<CloseReason>,
    /// Told when the connection says that it is closed.
    pub(super) on_closed: Option<&'a dyn Fn(&Run<'_>)>,
    /// Bytes that the script has written and read.
    written: usize,
    read: usize,
    trace: String,
    /// What to show when a line breaks.
    lines: Vec<Line>,
    current: usize,
    title: String,
}

impl<'a> Run<'a> {
    pub(super) fn new(script: &'a Script, ipv4: bool, (stack_isn, isn): (u32, u32)) -> Self {
        let (local, remote) =
            if ipv4 { ("10.213.0.2", "192.0.2.7") } else { ("fd00:213::2", "2001:db8::7") };
        let address = |text: &str, port| SocketAddr::new(text.parse().expect("an address"), port);
        let passive = script.opening == Opening::Accepted;
        let peer_port = if passive { PEER_PORT } else { PORT };
        let peer = Peer {
            local: address(local, PORT),
            remote: address(remote, peer_port),
            isn: SeqNumber::new(isn),
            stack_isn: SeqNumber::new(0),
            has_seen_syn: false,
            timestamp: isn,
            stack_timestamp: 0,
            last_timestamp: 0,
            timestamps: script.timestamps,
            window: script.window,
        };
        let stack = script.stack(&peer);
        let now = Instant::from_millis(1);
        let mut run = Self {
            script,
            stack,
            peer,
            now,
            start: now,
            connection: None,
            listener: None,
            outbox: VecDeque::new(),
            batch: PacketBatch::new(64, 2_000),
            events: Vec::new(),
            closed: None,
            on_closed: None,
            written: 0,
            read: 0,
            trace: String::new(),
            lines: Vec::new(),
            current: 0,
            title: format!("{}, ISNs {stack_isn} and {isn}", if ipv4 { "IPv4" } else { "IPv6" }),
        };
        run.start_for_isn(stack_isn);
        run
    }

    /// Chooses the time of the start so that the stack's ISN, whose clock ticks every 4 us
    /// (RFC 6528), is the wanted one: it is tried out on a stack of the same secrets.
    fn start_for_isn(&mut self, wanted: u32) {
        let mut probe = self.script.stack(&self.peer);
        match self.script.opening {
            Opening::Accepted => {
                probe.listen(self.peer.local, 1).expect("listens");
                let syn = parse("+0 < S 0:0(0)").remove(0);
                let Step::Arrives(syn) = syn.step else { unreachable!("a packet") };
                probe.handle_packet(self.now, &self.peer.packet(&syn, 0));
            }
            Opening::Connected | Opening::Nothing => {
                probe.connect(self.now, self.peer.remote).expect("connects");
            }
        }
        self.batch.clear();
        probe.poll_transmit(self.now, &mut self.batch);
        let syn = self.batch.iter().next().expect("a SYN leaves").to_vec();
        self.batch.clear();
        let (_, segment) = self.peer.clone().read(&syn);
        let ticks = wanted.wrapping_sub(segment.seq.value());
        self.now += Duration::from_micros(4) * ticks;
        self.start = self.now;
    }

    /// The handshake of the opening.
    pub(super) fn open(&mut self) {
        let Script { mss, sack, window_scale, round_trip, .. } = *self.script;
        let mut options = format!("mss {mss}");
        if sack {
            options.push_str(",sackOK");
        }
        if self.script.timestamps {
            options.push_str(",TS val 0 ecr 0");
        }
        if let Some(shift) = window_scale {
            write!(options, ",wscale {shift}").expect("a string takes all");
        }
        let wait = round_trip.as_secs_f64();
        let script = match self.script.opening {
            Opening::Nothing => return,
            Opening::Connected => format!(
                "+0 connect
                 +0 > S 0:0(0)
                 +{wait:.6} < S. 0:0(0) ack 1 <{options}>
                 +0 > . 1:1(0) ack 1
                 +0 = ESTABLISHED"
            ),
            Opening::Accepted => format!(
                "+0 listen
                 +0 < S 0:0(0) <{options}>
                 +0 > S. 0:0(0) ack 1
                 +{wait:.6} < . 1:1(0) ack 1
                 +0 accept
                 +0 = ESTABLISHED"
            ),
        };
        self.play(&parse(&script));
        self.events.clear();
    }

    pub(super) fn play(&mut self, lines: &[Line]) {
        self.lines = lines.to_vec();
        for (index, line) in lines.iter().enumerate() {
            self.current = index;
            self.play_line(line);
        }
        self.expect_silence("at the end");
    }

    fn play_line(&mut self, line: &Line) {
        let target = self.now + line.after;
        if let Step::Leaves(expected) = &line.step {
            return self.expect_packet(target, expected);
        }
        self.advance(target);
        if line.step != Step::Whatever {
            self.expect_silence("before this line");
        }
        self.perform(&line.step);
        if !self.owner_goes_on(line) {
            self.settle();
        }
        self.stack.assert_invariants();
    }

    /// Whether this line and the next are calls of the owner at one time: nothing leaves between.
    fn owner_goes_on(&self, line: &Line) -> bool {
        let next = self.lines.get(self.current + 1);
        line.step.is_call() && next.is_some_and(|it| it.step.is_call() && it.after.is_zero())
    }

    /// What a line does, or demands of the state.
    fn perform(&mut self, step: &Step) {
        match step {
            Step::Arrives(packet) => self.arrive(packet),
            Step::IcmpArrives { kind, seq } => {
                let packet = self.peer.icmp(*kind, *seq);
                self.trace('<', &packet);
                self.stack.handle_packet(self.now, &packet);
            }
            Step::Leaves(_) | Step::Wait => {}
            Step::Whatever => self.outbox.clear(),
            Step::Is { state, reason } => self.expect_state(state, reason.as_deref()),
            Step::Event(name) => self.expect_event(name),
            Step::Write(count) => self.write(*count),
            Step::WriteFails => {
                let written = self.stack.write(self.now, self.id(), b"x");
                self.require(written.is_err(), "nothing can be written");
            }
            Step::FinishFails => {
                let finished = self.stack.finish(self.now, self.id());
                self.require(finished.is_err(), "it was finished before");
            }
            Step::Read(count) => self.read(*count),
            Step::ReadEof => self.expect_read(Read::Eof),
            Step::ReadEmpty => self.expect_read(Read::Empty),
            Step::Connect => self.connect(),
            Step::Listen => self.listen(),
            Step::Accept => self.accept(),
            Step::Finish => self.stack.finish(self.now, self.id()).expect("not finished before"),
            Step::Close => self.stack.close(self.now, self.id()).expect("lives"),
            Step::Abort => self.stack.abort(self.now, self.id()).expect("lives"),
            Step::Lease { speaks_first } => {
                self.stack.begin_lease(self.id(), *speaks_first).expect("lives");
            }
            Step::Repeat => {
                let repeats = self.stack.repeat_last_byte(self.now, self.id()).expect("lives");
                self.require(repeats, "there is a byte to repeat");
            }
        }
    }

    fn connect(&mut self) {
        let id = self.stack.connect(self.now, self.peer.remote).expect("connects");
        self.peer.local = self.stack.ends(id).expect("lives").0;
        self.connection = Some(id);
        self.closed = None;
        (self.written, self.read) = (0, 0);
    }

    fn listen(&mut self) {
        let listener = self.stack.listen(self.peer.local, self.script.backlog);
        self.listener = Some(listener.expect("listens"));
    }

    fn accept(&mut self) {
        let listener = self.listener.expect("somebody listens");
        self.connection = self.stack.accept(listener);
        self.require(self.connection.is_some(), "a connection waits to be accepted");
    }

    fn arrive(&mut self, packet: &Packet) {
        let elapsed = self.now.since(self.start).as_millis();
        let elapsed = u32::try_from(elapsed).expect("scripts are short");
        let packet = self.peer.packet(packet, elapsed);
        self.trace('<', &packet);
        self.stack.handle_packet(self.now, &packet);
    }

    fn write(&mut self, count: usize) {
        let bytes: Vec<u8> = (self.written..self.written + count).map(sent_byte).collect();
        let id = self.id();
        let taken = self.stack.write(self.now, id, &bytes);
        self.require(taken == Ok(count), &format!("all is taken, not {taken:?}"));
        self.written += count;
    }

    fn read(&mut self, count: usize) {
        let mut bytes = vec![0; count];
        let id = self.id();
        let got = self.stack.read(self.now, id, &mut bytes);
        let all = got == Ok(Read::Bytes(count));
        self.require(all, &format!("{count} bytes can be read, not {got:?}"));
        let same = bytes.into_iter().eq((self.read..self.read + count).map(received_byte));
        self.require(same, "the bytes read are those sent");
        self.read += count;
    }

    fn expect_read(&mut self, expected: Read) {
        let id = self.id();
        let got = self.stack.read(self.now, id, &mut [0; 16]);
        self.require(got == Ok(expected), &format!("{expected:?}, not {got:?}"));
    }

    fn expect_event(&mut self, name: &str) {
        self.settle();
        let place = self.events.iter().position(|event| format!("{event:?}") == name);
        let Some(place) = place else {
            self.fail(&format!("no event {name} has come, but {:?}", self.events));
        };
        self.events.remove(place);
    }

    fn expect_state(&mut self, state: &str, reason: Option<&str>) {
        self.settle();
        let is = self.state().to_string();
        self.require(is == state, &format!("the state is {is}, closed: {:?}", self.closed));
        if let Some(reason) = reason {
            let came = self.closed.map(|reason| format!("{reason:?}")).unwrap_or_default();
            self.require(came == reason, &format!("the reason is {came:?}"));
        }
    }

    /// The one connection's state; without one that of the TIME-WAIT table, then the listener's.
    pub(crate) fn state(&self) -> State {
        if let Some((.., state)) = self.stack.connections().next() {
            return state;
        }
        [State::TimeWait, State::Listen]
            .into_iter()
            .find(|state| self.stack.connections_in(*state) > 0)
            .unwrap_or(State::Closed)
    }

    fn expect_packet(&mut self, target: Instant, expected: &Packet) {
        self.advance(target);
        if self.outbox.is_empty() {
            self.advance(target + TOLERANCE);
        }
        let Some((left, bytes)) = self.outbox.pop_front() else {
            self.fail("no packet left");
        };
        let (_, segment) = self.peer.read(&bytes);
        if left + TOLERANCE < target {
            let line = self.show(&bytes);
            let early = target.since(left);
            self.fail(&format!("{early:?} too early: {line}"));
        }
        if let Some(difference) = self.peer.difference(expected, &segment) {
            let line = self.show(&bytes);
            self.fail(&format!("{difference}: {line}"));
        }
    }

    fn expect_silence(&mut self, when: &str) {
        if let Some((_, bytes)) = self.outbox.pop_front() {
            self.peer.read(&bytes);
            let line = self.show(&bytes);
            self.fail(&format!("one packet too many {when}: {line}"));
        }
    }

    /// Lets the clock run to `target`, with every timer at its time.
    fn advance(&mut self, target: Instant) {
        while let Some(next) = self.stack.poll_timeout().filter(|next| *next <= target) {
            self.now = self.now.max(next);
            self.stack.handle_timeout(self.now);
            self.settle();
        }
        self.now = self.now.max(target);
    }

    /// Takes out events, then packets, until there are none.
    fn settle(&mut self) {
        loop {
            while let Some((id, event)) = self.stack.poll_event() {
                assert_eq!(Some(id), self.connection, "an event of the one connection");
                if let Event::Closed(reason) = event {
                    self.closed = Some(reason);
                    if let Some(on_closed) = self.on_closed {
                        on_closed(self);
                    }
                }
                self.events.push(event);
            }
            if !self.stack.poll_transmit(self.now, &mut self.batch) {
                return;
            }
            let packets: Vec<Vec<u8>> = self.batch.iter().map(<[u8]>::to_vec).collect();
            self.batch.clear();
            for packet in packets {
                self.peer.clone().read(&packet);
                self.trace('>', &packet);
                self.outbox.push_back((self.now, packet));
            }
        }
    }

    /// Whether an event has come that no line has asked for.
    pub(crate) fn has_event(&self, name: &str) -> bool {
        self.events.iter().any(|event| format!("{event:?}") == name)
    }

    fn id(&self) -> ConnectionId {
        self.connection.expect("the script has a connection")
    }

    fn trace(&mut self, direction: char, packet: &[u8]) {
        let at = self.now.since(self.start).as_secs_f64();
        let line = self.show(packet);
        writeln!(self.trace, "{at:10.6} {direction} {line}").expect("a string takes all");
    }

    /// A packet in the script's numbers.
    fn show(&self, packet: &[u8]) -> String {
        let Ok(datagram) = wharf_transport::wire::ip::parse(packet) else {
            return show::packet(packet).to_string();
        };
        let (source, destination) = (datagram.source, datagram.destination);
        let parsed = wharf_transport::wire::tcp::parse(source, destination, datagram.payload);
        let Ok((_, segment)) = parsed else { return show::packet(packet).to_string() };
        let mut peer = self.peer.clone();
        let origins = if source == peer.local.ip() {
            peer.read(packet);
            (peer.stack_isn, peer.isn)
        } else {
            (peer.isn, peer.stack_isn)
        };
        let segment = Segment { ecn: datagram.ecn, ..segment };
        show::segment(&segment).relative_to(origins.0, origins.1).to_string()
    }

    #[track_caller]
    fn require(&self, holds: bool, what: &str) {
        if !holds {
            self.fail(what);
        }
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let mut text = format!("\n{what}\n\nthe script ({}):\n", self.title);
        for (index, line) in self.lines.iter().enumerate() {
            let mark = if index == self.current { ">>>" } else { "   " };
            writeln!(text, "{mark} {}", line.text).expect("a string takes all");
        }
        panic!("{text}\nthe packets:\n{}", self.trace);
    }
}
