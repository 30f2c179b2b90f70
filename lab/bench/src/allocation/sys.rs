//! The allocator that counts: the system's, with a note of each call.
#![expect(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};

use super::{note_freed, note_taken};

/// The system's allocator, counted.
#[derive(Debug)]
pub struct Counting;

// SAFETY: each call is the system allocator's with the same arguments, and its answer is handed on
// unchanged; the notes are atomic counters that allocate nothing and touch no memory of a caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note_taken(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note_taken(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note_freed(layout.size());
        // SAFETY: the pointer came from `System` through this allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note_freed(layout.size());
        note_taken(new_size);
        // SAFETY: the pointer came from `System` through this allocator, with this layout, and the
        // caller keeps the contract on the new size.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Heap;

    #[test]
    fn what_is_taken_grown_and_freed_is_counted() {
        // Other tests may run beside this one in threads of the process: sizes that nobody else
        // asks for, of a class of their own.
        let class = |heap: &Heap| heap.classes().filter(|class| class.from == 1 << 28).count();
        assert_eq!(class(&Heap::now()), 0);
        let mut bytes: Vec<u8> = Vec::with_capacity(1 << 28);
        assert_eq!(class(&Heap::now()), 1);
        bytes.reserve_exact(1 << 29);
        assert_eq!(class(&Heap::now()), 0, "it has moved to the next class");
        drop(bytes);
        let zeroed = vec![0_u8; 1 << 28];
        assert_eq!(class(&Heap::now()), 1);
        drop(zeroed);
        assert_eq!(class(&Heap::now()), 0);
    }
}
