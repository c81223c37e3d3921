//! Room to read into, shared by the connections of a worker: nothing stays there from one poll to the next.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

/// How much is read at once.
pub(super) const READ: usize = 16 << 10;

/// The room of one worker.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk(Rc<RefCell<Vec<u8>>>);

impl Desk {
    /// Room for `length` bytes, with whatever stands there. Nobody else has it meanwhile.
    pub(super) fn room(&self, length: usize) -> RefMut<'_, [u8]> {
        RefMut::map(self.0.borrow_mut(), |room| {
            if room.len() < length {
                room.resize(length, 0);
            }
            room.get_mut(..length).unwrap_or_default()
        })
    }
}
