//! One direction of a tunnel: bytes go on as they come.
//!
//! Bytes are kept only while their receiver does not take them, and then no more are read. While nothing
//! comes there is no buffer at all.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::upstream::desk::{Desk, READ};
use crate::upstream::frame::{self, Fault, Frames, HEAD, Sender};

/// One direction.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that has happened, in any order"
)]
pub(super) struct Lane {
    sender: Sender,
    frames: Frames,
    mask: [u8; 4],
    /// What was read and has not gone on; without memory where it is empty.
    held: Vec<u8>,
    /// So much of it may go on; the rest is a part of a frame's head.
    free: usize,
    /// The close frame that is to come between two frames.
    close: Option<Box<[u8]>>,
    fault: Option<Fault>,
    /// What comes now is for nobody: a close frame has gone on, or nothing can.
    deaf: bool,
    /// Nothing comes after what is held.
    last: bool,
    /// The sender has ended.
    heard_out: bool,
    /// The receiver was told so.
    told: bool,
    broken: bool,
    /// Something was written after the last completed flush.
    unflushed: bool,
    moved: bool,
    passed: u64,
}

impl Lane {
    /// The direction of what `sender` sends.
    pub(super) fn new(sender: Sender, extended: bool, mask: [u8; 4]) -> Self {
        Self {
            sender,
            frames: Frames::new(sender, extended),
            mask,
            held: Vec::new(),
            free: 0,
            close: None,
            fault: None,
            deaf: false,
            last: false,
            heard_out: false,
            told: false,
            broken: false,
            unflushed: false,
            moved: false,
            passed: 0,
        }
    }

    /// Has a close frame go on when the frame under way has ended, unless one has gone on before; and
    /// nothing after it.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        self.close = Some(frame::close(self.sender, code, reason, self.mask).into());
    }

    /// What is wrong with the frame that comes next.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether the sender's close frame has gone on.
    pub(super) fn is_closed(&self) -> bool {
        self.frames.is_closed()
    }

    /// Whether one of the two ends failed.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Bytes that have gone on.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// Bytes of memory beside its own.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.held.capacity()
    }

    /// Whether anything has come or gone since this was asked last.
    pub(super) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Passes on what it can. Ready once the sender has ended and the receiver was told so.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        desk: &Desk,
    ) -> Poll<()> {
        loop {
            ready!(self.write(cx, to));
            self.place_close();
            if self.free > 0 {
                continue;
            }
            ready!(self.flush(cx, to));
            if (self.last || self.heard_out) && !self.told {
                ready!(self.tell(cx, to));
            }
            if self.heard_out {
                return Poll::Ready(());
            }
            // A wrong frame is answered before anything else is read.
            if self.fault.is_some() && !self.deaf {
                return Poll::Pending;
            }
            ready!(self.read(cx, from, to, desk));
        }
    }

    /// Writes what may go on of what is held.
    fn write(&mut self, cx: &mut Context<'_>, to: &mut (impl AsyncWrite + Unpin)) -> Poll<()> {
        while self.free > 0 {
            let free = self.held.get(..self.free).unwrap_or_default();
            let written = ready!(Pin::new(&mut *to).poll_write(cx, free));
            let Some(length) = self.count(&written) else {
                return Poll::Ready(());
            };
            self.held.drain(..length);
            self.free -= length;
        }
        if self.held.is_empty() {
            self.held = Vec::new();
        } else {
            self.held.shrink_to(HEAD);
        }
        Poll::Ready(())
    }

    fn flush(&mut self, cx: &mut Context<'_>, to: &mut (impl AsyncWrite + Unpin)) -> Poll<()> {
        if self.unflushed {
            let flushed = ready!(Pin::new(to).poll_flush(cx));
            self.broken |= flushed.is_err();
            self.unflushed = false;
        }
        Poll::Ready(())
    }

    /// Has the close frame go on next, if its time has come.
    fn place_close(&mut self) {
        if self.told || !self.frames.is_between() {
            return;
        }
        let Some(close) = self.close.take() else {
            return;
        };
        if !self.frames.is_closed() {
            self.free = close.len();
            self.held = close.into();
        }
        (self.deaf, self.last) = (true, true);
    }

    /// Tells the receiver that nothing more comes.
    fn tell(&mut self, cx: &mut Context<'_>, to: &mut (impl AsyncWrite + Unpin)) -> Poll<()> {
        let told = ready!(Pin::new(to).poll_shutdown(cx));
        self.broken |= told.is_err();
        self.told = true;
        Poll::Ready(())
    }

    /// Reads once, and passes on what may go on and is taken at once.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        desk: &Desk,
    ) -> Poll<()> {
        let mut desk = desk.room(HEAD + READ);
        let (begun, room) = desk.split_at_mut(self.held.len().min(HEAD));
        begun.copy_from_slice(self.held.get(..begun.len()).unwrap_or_default());
        let begun = begun.len();
        let mut buffer = ReadBuf::new(room);
        let came = ready!(Pin::new(from).poll_read(cx, &mut buffer));
        let length = buffer.filled().len();
        if came.is_err() || length == 0 {
            self.broken |= came.is_err();
            self.heard_out = true;
            self.held = Vec::new();
            return Poll::Ready(());
        }
        self.moved = true;
        if self.deaf {
            return Poll::Ready(());
        }
        let bytes = desk.get(..begun + length).unwrap_or_default();
        self.free = self.follow(bytes);
        let mut done = 0;
        while self.free > 0 {
            let free = bytes.get(done..done + self.free).unwrap_or_default();
            let Poll::Ready(written) = Pin::new(&mut *to).poll_write(cx, free) else {
                break;
            };
            let Some(length) = self.count(&written) else {
                return Poll::Ready(());
            };
            done += length;
            self.free -= length;
        }
        let rest = bytes.get(done..).unwrap_or_default();
        let is_last = self.deaf || self.close.is_some();
        let kept = if is_last { self.free } else { rest.len() };
        self.held.clear();
        self.held
            .extend_from_slice(rest.get(..kept).unwrap_or_default());
        Poll::Ready(())
    }

    /// How many of `bytes` may go on.
    fn follow(&mut self, bytes: &[u8]) -> usize {
        if self.close.is_some() {
            return self.frames.finish(bytes);
        }
        let mut free = 0;
        loop {
            match self.frames.scan(bytes.get(free..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(more) => free += more,
                Err(fault) => {
                    self.fault = Some(fault);
                    break;
                }
            }
        }
        self.deaf = self.frames.is_closed();
        free
    }

    /// How many bytes went on; `None` where none ever will.
    fn count(&mut self, written: &io::Result<usize>) -> Option<usize> {
        match written {
            Ok(length) if *length > 0 => {
                (self.moved, self.unflushed) = (true, true);
                self.passed += *length as u64;
                Some(*length)
            }
            _ => {
                (self.broken, self.deaf, self.told) = (true, true, true);
                (self.held, self.free) = (Vec::new(), 0);
                None
            }
        }
    }
}
