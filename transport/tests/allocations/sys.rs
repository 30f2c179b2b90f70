//! The system's allocator with a count before it, for each thread its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Calls of the allocator by one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// Memory taken, or moved to take more.
    pub(crate) allocations: u64,
    /// Memory given back.
    pub(crate) frees: u64,
}

thread_local! {
    static CALLS: Cell<Calls> = const { Cell::new(Calls { allocations: 0, frees: 0 }) };
}

/// What this thread has called so far.
pub(crate) fn calls() -> Calls {
    CALLS.get()
}

fn count(allocations: u64, frees: u64) {
    // A thread at its end may free after its count is gone.
    let _ = CALLS.try_with(|calls| {
        let so_far = calls.get();
        calls.set(Calls {
            allocations: so_far.allocations + allocations,
            frees: so_far.frees + frees,
        });
    });
}

/// Counts, and lets the system do it.
#[derive(Debug)]
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every method hands its arguments on to the system's allocator as they are, which upholds
// the contract; counting touches a cell without destructor and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 0);
        // SAFETY: the caller upholds the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, 0);
        // SAFETY: the caller upholds the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, 0);
        // SAFETY: the caller upholds the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, 1);
        // SAFETY: the caller upholds the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}
