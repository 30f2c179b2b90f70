//! The thread that lets time pass for a shared pool.
//!
//! It holds nothing of the pool while it waits, so that the pool can go; the pool then stops it.

use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::time::Duration;

/// How the thread is spoken to.
#[derive(Debug, Default)]
pub(super) struct Timer {
    signal: Mutex<Signal>,
    given: Condvar,
}

#[derive(Debug, Default)]
struct Signal {
    /// Something is due earlier than the thread knows.
    look: bool,
    /// The pool is gone.
    stop: bool,
}

impl Timer {
    /// Something is due earlier than the thread knows: it looks again.
    pub(super) fn look(&self) {
        self.signal.lock().look = true;
        self.given.notify_one();
    }

    /// The pool is gone.
    pub(super) fn stop(&self) {
        self.signal.lock().stop = true;
        self.given.notify_one();
    }

    /// Waits until `wait` has passed or somebody speaks. False once the pool is gone.
    fn wait(&self, wait: Duration) -> bool {
        let mut signal = self.signal.lock();
        if !signal.look && !signal.stop {
            self.given.wait_for(&mut signal, wait);
        }
        signal.look = false;
        !signal.stop
    }
}

/// Starts the thread. `pass_time` does what is due and says how long it may wait; nothing once the
/// pool is gone.
pub(super) fn spawn(
    timer: Arc<Timer>,
    pass_time: impl Fn() -> Option<Duration> + Send + 'static,
) -> io::Result<()> {
    let run = move || {
        while let Some(wait) = pass_time() {
            if !timer.wait(wait) {
                return;
            }
        }
    };
    std::thread::Builder::new().name("wharf-pool".to_owned()).spawn(run)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Attempt, PoolConfig, SharedPool};

    use super::*;

    /// Waits until nobody but the test holds the timer, that is, until its thread has ended.
    fn thread_ends(timer: &Arc<Timer>) -> bool {
        (0..10_000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            Arc::strong_count(timer) == 1
        })
    }

    #[test]
    fn the_thread_ends_when_it_is_stopped() {
        let timer = Arc::new(Timer::default());
        spawn(Arc::clone(&timer), || Some(Duration::from_secs(3600))).expect("a thread");
        timer.stop();
        assert!(thread_ends(&timer));
    }

    #[test]
    fn the_thread_ends_with_the_pool() {
        let pool = SharedPool::new(PoolConfig::default(), 0, drop::<Attempt<()>>);
        let pool = pool.expect("a thread");
        let timer = Arc::clone(&pool.inner.timer);
        drop(pool);
        assert!(thread_ends(&timer));
    }
}
