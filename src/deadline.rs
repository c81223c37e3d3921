//! The deadlines of one worker: a coarse wheel instead of a timer for each wait.
//!
//! A tick is 100 ms. A deadline never comes early and at most two ticks late. To set, move or clear
//! one is a store into a slab: no heap, no system call, no clock. Nothing of a dropped [`Timer`]
//! stays behind.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How long a tick lasts.
pub const TICK: Duration = Duration::from_millis(100);

/// Deadlines further away than this many ticks are looked at again on the way.
const SLOTS: usize = 1024;

const OFF: u64 = u64::MAX;
const NONE: u32 = u32::MAX;

/// The wheel of one worker. Somebody must call [`Wheel::advance`] about once a tick.
#[derive(Clone)]
pub struct Wheel(Rc<Inner>);

struct Inner {
    now: Cell<u64>,
    slab: RefCell<Slab>,
}

struct Slab {
    entries: Vec<Entry>,
    free: u32,
    slots: Vec<u32>,
}

/// One timer's place. `due` may move without the entry being moved: it is placed in a slot at or
/// before `due`, and looked at again when that slot comes up.
struct Entry {
    due: u64,
    slot: Option<usize>,
    /// The tick at which `slot` comes up.
    placed: u64,
    previous: u32,
    next: u32,
    waker: Option<Waker>,
}

/// One deadline that can be set, moved and cleared; off until set.
pub struct Timer {
    wheel: Wheel,
    index: u32,
}

impl Default for Wheel {
    fn default() -> Self {
        Self(Rc::new(Inner {
            now: Cell::new(1),
            slab: RefCell::new(Slab {
                entries: Vec::new(),
                free: NONE,
                slots: vec![NONE; SLOTS],
            }),
        }))
    }
}

impl Wheel {
    /// Ticks since the wheel was made.
    pub fn now(&self) -> u64 {
        self.0.now.get()
    }

    /// A new timer, off.
    pub fn timer(&self) -> Timer {
        Timer {
            index: self.0.slab.borrow_mut().take(),
            wheel: self.clone(),
        }
    }

    /// Moves on to `now` ticks and wakes whoever's deadline has come.
    pub fn advance(&self, now: u64) {
        while self.0.now.get() < now {
            let tick = self.0.now.get() + 1;
            self.0.now.set(tick);
            // Wakers run foreign code: none is called while the slab is borrowed.
            let woken = self.0.slab.borrow_mut().due_at(tick);
            woken.into_iter().for_each(Waker::wake);
        }
    }

    /// Wakes every task that waits on a timer of this wheel, so that it looks around: at a drain.
    pub fn wake_all(&self) {
        let woken: Vec<Waker> = self
            .0
            .slab
            .borrow_mut()
            .entries
            .iter_mut()
            .filter_map(|entry| entry.waker.take())
            .collect();
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Timer {
    /// Ticks since its wheel was made.
    pub fn now(&self) -> u64 {
        self.wheel.now()
    }

    /// The deadline comes `after` from now.
    pub fn set(&self, after: Duration) {
        let ticks = u64::try_from(after.as_millis().div_ceil(TICK.as_millis())).unwrap_or(OFF / 2);
        let now = self.wheel.now();
        self.wheel.0.slab.borrow_mut().set(
            self.index,
            now,
            now.saturating_add(ticks.saturating_add(1)),
        );
    }

    /// There is no deadline any more.
    pub fn clear(&self) {
        if let Some(entry) = self.wheel.0.slab.borrow_mut().entry(self.index) {
            entry.due = OFF;
        }
    }

    /// Whether a deadline is set that has not come.
    pub fn is_set(&self) -> bool {
        self.wheel
            .0
            .slab
            .borrow_mut()
            .entry(self.index)
            .is_some_and(|entry| entry.due != OFF)
    }

    /// Ready once the deadline has come; else the task is woken when it does.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.wheel.now();
        let mut slab = self.wheel.0.slab.borrow_mut();
        let Some(entry) = slab.entry(self.index) else {
            return Poll::Pending;
        };
        if entry.due <= now {
            return Poll::Ready(());
        }
        if !entry
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            entry.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let waker = self.wheel.0.slab.borrow_mut().give_back(self.index);
        drop(waker);
    }
}

impl Slab {
    fn entry(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)
    }

    fn take(&mut self) -> u32 {
        let fresh = Entry {
            due: OFF,
            slot: None,
            placed: 0,
            previous: NONE,
            next: NONE,
            waker: None,
        };
        let index = self.free;
        if let Some(entry) = self.entry(index) {
            let next = entry.next;
            *entry = fresh;
            self.free = next;
            return index;
        }
        self.entries.push(fresh);
        u32::try_from(self.entries.len() - 1).unwrap_or(NONE)
    }

    fn give_back(&mut self, index: u32) -> Option<Waker> {
        self.unlink(index);
        let free = self.free;
        let entry = self.entry(index)?;
        entry.due = OFF;
        entry.next = free;
        let waker = entry.waker.take();
        self.free = index;
        waker
    }

    fn set(&mut self, index: u32, now: u64, due: u64) {
        let Some(entry) = self.entry(index) else {
            return;
        };
        entry.due = due;
        // Where it stands in an earlier slot it is looked at again from there: to move a deadline on,
        // as every request does, touches no neighbour.
        if entry.slot.is_none() || due < entry.placed {
            self.unlink(index);
            self.link(index, now, due);
        }
    }

    fn link(&mut self, index: u32, now: u64, due: u64) {
        let ahead = usize::try_from(due.saturating_sub(now))
            .unwrap_or(SLOTS)
            .clamp(1, SLOTS - 1);
        let slot = (usize::try_from(now % SLOTS as u64).unwrap_or(0) + ahead) % SLOTS;
        let head = self.slots.get(slot).copied().unwrap_or(NONE);
        if let Some(first) = self.entry(head) {
            first.previous = index;
        }
        if let Some(entry) = self.entry(index) {
            entry.slot = Some(slot);
            entry.placed = now.saturating_add(u64::try_from(ahead).unwrap_or(0));
            entry.previous = NONE;
            entry.next = head;
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(entry) = self.entry(index) else {
            return;
        };
        let Some(slot) = entry.slot.take() else {
            return;
        };
        let (previous, next) = (entry.previous, entry.next);
        if let Some(entry) = self.entry(next) {
            entry.previous = previous;
        }
        if let Some(entry) = self.entry(previous) {
            entry.next = next;
        } else if let Some(place) = self.slots.get_mut(slot) {
            *place = next;
        }
    }

    fn due_at(&mut self, tick: u64) -> Vec<Waker> {
        let slot = usize::try_from(tick % SLOTS as u64).unwrap_or(0);
        let mut woken = Vec::new();
        let mut next = self.slots.get(slot).copied().unwrap_or(NONE);
        while let Some(entry) = self.entry(next) {
            let index = next;
            next = entry.next;
            let due = entry.due;
            if due <= tick {
                woken.extend(entry.waker.take());
            }
            self.unlink(index);
            if due != OFF && due > tick {
                self.link(index, tick, due);
            }
        }
        woken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicU32);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn rings(timer: &Timer, bell: &Arc<Bell>) -> bool {
        let waker = Arc::clone(bell).into();
        timer.poll(&mut Context::from_waker(&waker)).is_ready()
    }

    #[test]
    fn a_deadline_comes_neither_early_nor_much_late() {
        let (wheel, bell) = (Wheel::default(), Arc::new(Bell::default()));
        for after in [100, 1_000, 75_000, 102_400, 300_000] {
            let timer = wheel.timer();
            timer.set(Duration::from_millis(after));
            let start = wheel.now();
            while !rings(&timer, &bell) {
                wheel.advance(wheel.now() + 1);
            }
            let took = (wheel.now() - start) * 100;
            assert!((after..=after + 200).contains(&took), "{after}: {took}");
        }
        assert_eq!(
            bell.0.load(Ordering::Relaxed),
            5,
            "each waiter is woken once"
        );
    }

    #[test]
    fn a_deadline_moved_away_does_not_ring_and_one_moved_near_does() {
        let (wheel, bell) = (Wheel::default(), Arc::new(Bell::default()));
        let (later, sooner, cleared) = (wheel.timer(), wheel.timer(), wheel.timer());
        later.set(Duration::from_secs(1));
        later.set(Duration::from_secs(50));
        sooner.set(Duration::from_secs(50));
        sooner.set(Duration::from_secs(1));
        cleared.set(Duration::from_secs(1));
        cleared.clear();
        assert!(!rings(&later, &bell) && !rings(&sooner, &bell) && !rings(&cleared, &bell));
        wheel.advance(wheel.now() + 20);
        assert_eq!(bell.0.load(Ordering::Relaxed), 1);
        assert!(rings(&sooner, &bell) && !rings(&later, &bell) && !rings(&cleared, &bell));
        cleared.set(Duration::from_secs(1));
        wheel.advance(wheel.now() + 20);
        assert!(rings(&cleared, &bell));
    }

    #[test]
    fn nothing_of_a_dropped_timer_stays_behind() {
        let wheel = Wheel::default();
        for _ in 0..10_000 {
            let (a, b) = (wheel.timer(), wheel.timer());
            a.set(Duration::from_secs(75));
            b.set(Duration::from_secs(75));
            drop(a);
        }
        assert_eq!(wheel.0.slab.borrow().entries.len(), 2);
        wheel.advance(2_000);
    }
}
