//! Names to addresses, off the shards' threads.
//!
//! getaddrinfo(3) may block for seconds, so a few threads of its own ask it, and a shard hears
//! through a channel and a wake-up. It caches nothing: how long an answer is good is the shard's
//! decision. It is *not* a DNS client: hosts files, search lists and nsswitch stay the host's.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};

use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};
use wharf_pool::RouteId;

/// Threads that ask. One slow name server must not hold up every other name.
const THREADS: usize = 4;

/// Questions that may wait for a thread; more are answered with a failure at once.
const QUEUE_MAX: usize = 256;

/// What a shard wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The route whose addresses are asked for.
    pub route: RouteId,
    /// The name, without a port.
    pub host: String,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The route of the question.
    pub route: RouteId,
    /// At least one address, without repeats, in the order the host's resolver prefers; or why not.
    pub addresses: Result<Vec<IpAddr>, String>,
}

/// The threads that ask, and the shard's end of the channels.
#[derive(Debug)]
pub struct Resolver {
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
    failures: Sender<Answer>,
    wake: Arc<OwnedFd>,
}

impl Resolver {
    /// Starts the threads. They end when the resolver is dropped and their last question is done.
    ///
    /// # Errors
    ///
    /// When the kernel grants no descriptor or thread.
    pub fn start() -> io::Result<Self> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (questions, queue) = sync_channel::<Question>(QUEUE_MAX);
        let (sender, answers) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..THREADS {
            let (queue, sender, wake) = (Arc::clone(&queue), sender.clone(), Arc::clone(&wake));
            std::thread::Builder::new()
                .name(format!("resolver-{number}"))
                .spawn(move || work(&queue, &sender, &wake))?;
        }
        Ok(Self { questions, answers, failures: sender, wake })
    }

    /// Asks; the answer comes later, also when there is no room to ask.
    pub fn ask(&self, question: Question) {
        let refused = match self.questions.try_send(question) {
            Ok(()) => return,
            Err(TrySendError::Full(question)) => (question, "too many names are being resolved"),
            Err(TrySendError::Disconnected(question)) => (question, "the resolver has stopped"),
        };
        let (question, reason) = refused;
        let answer = Answer { route: question.route, addresses: Err(reason.to_owned()) };
        // Our own end of the channel is open, so this cannot fail.
        let _ = self.failures.send(answer);
        wake_up(&self.wake);
    }

    /// The next answer, if one has come. Call until there is none after the descriptor was ready.
    pub fn poll_answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// Forgets the wake-ups so far. Call before [`Resolver::poll_answer`].
    pub fn clear_wake_ups(&self) {
        let mut count = [0; 8];
        // Nothing to read means nothing to forget.
        let _ = rustix::io::read(&self.wake, &mut count);
    }
}

impl AsFd for Resolver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// One thread: takes a question, asks, answers, until nobody can ask any more.
fn work(queue: &Mutex<Receiver<Question>>, answers: &Sender<Answer>, wake: &OwnedFd) {
    loop {
        let question = queue.lock().recv();
        let Ok(question) = question else {
            return;
        };
        let answer = Answer { route: question.route, addresses: resolve(&question.host) };
        if answers.send(answer).is_err() {
            return;
        }
        wake_up(wake);
    }
}

/// Asks the host's resolver.
fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    let found = (host, 0).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    if addresses.is_empty() {
        return Err("the name has no address".to_owned());
    }
    Ok(addresses)
}

/// Makes the descriptor readable. A full counter is readable already.
fn wake_up(wake: &OwnedFd) {
    let _ = rustix::io::write(wake, &1_u64.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn next_answer(resolver: &Resolver) -> Answer {
        let mut fds = [PollFd::new(resolver, PollFlags::IN)];
        let limit = Timespec { tv_sec: 20, tv_nsec: 0 };
        assert_eq!(poll(&mut fds, Some(&limit)), Ok(1), "an answer within the limit");
        resolver.clear_wake_ups();
        resolver.poll_answer().expect("a wake-up means an answer")
    }

    /// The handle of a route; a resolver only hands it back.
    fn route() -> RouteId {
        let mut pool = wharf_pool::Pool::<u8>::new(wharf_pool::PoolConfig::default(), 0);
        pool.add_route(wharf_pool::RouteConfig::default())
    }

    #[test]
    fn a_literal_resolves_to_itself() {
        let resolver = Resolver::start().expect("started");
        resolver.ask(Question { route: route(), host: "192.0.2.7".into() });
        let expected = Answer { route: route(), addresses: Ok(vec![IpAddr::from([192, 0, 2, 7])]) };
        assert_eq!(next_answer(&resolver), expected);
    }

    #[test]
    fn a_name_that_cannot_be_is_an_error_with_a_reason() {
        let resolver = Resolver::start().expect("started");
        resolver.ask(Question { route: route(), host: "no such name".into() });
        let answer = next_answer(&resolver);
        assert_eq!(answer.route, route());
        assert!(answer.addresses.is_err_and(|reason| !reason.is_empty()));
    }
}
