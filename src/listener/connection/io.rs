//! The one I/O type that every byte of a connection passes through.
//!
//! It tells the connection's [`State`] what was heard, written and flushed, and has
//! [`Framing`] read along: hyper gets heads that are whole and that nobody reads in two ways.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::listener::connection::Worker;
use crate::listener::connection::state::State;
use crate::listener::flood::Flood;
use crate::listener::framing::{Bounds, Framing};
use crate::listener::stream::Stream;

/// Slices that are shorter than this together are written as one: the copy costs less than what the
/// kernel does for a list.
const SHORT: usize = 4096;

/// So much is read of what comes behind a refusal.
const UNWANTED: usize = 64 << 10;

/// Room to put slices together and to read into, shared by the connections of a worker.
pub(in crate::listener) type Desk = Rc<RefCell<Vec<u8>>>;

/// The bytes of one connection, between the socket and hyper.
pub(in crate::listener) struct Io {
    stream: Stream,
    /// What was read and did not go on; without memory where it is empty.
    held: BytesMut,
    /// So much of it may go on.
    free: usize,
    /// So much came behind a refusal.
    unwanted: usize,
    framing: Framing,
    /// Counts frames, where it is HTTP/2.
    flood: Option<Rc<RefCell<Flood>>>,
    bounds: Rc<Bounds>,
    state: Rc<State>,
    desk: Desk,
}

impl Io {
    pub(in crate::listener) fn new(stream: Stream, state: Rc<State>, worker: &Worker) -> Self {
        // Behind TLS it is agreed on, elsewhere known beforehand.
        let knows_http2 = stream.speaks_http2() || (worker.h2c && !stream.is_tls());
        Self {
            stream,
            held: BytesMut::new(),
            free: 0,
            unwanted: 0,
            framing: Framing::new(knows_http2),
            flood: None,
            bounds: Rc::clone(&worker.bounds),
            state,
            desk: Rc::clone(&worker.desk),
        }
    }

    /// What hyper had and did not use comes before all else.
    pub(in crate::listener) fn with_left(mut self, left: &[u8]) -> Self {
        if !left.is_empty() {
            let mut all = BytesMut::from(left);
            all.extend_from_slice(&self.held);
            self.held = all;
            self.free += left.len();
        }
        self
    }

    /// Waits for bytes that hyper can have; it need not be there yet. `false`: the peer has ended its
    /// side. Nothing comes after a refusal, which the [`State`] has.
    pub(in crate::listener) fn poll_free(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        loop {
            if !self.held.is_empty() && self.free == 0 {
                self.look()?;
            }
            if self.free > 0 {
                return Poll::Ready(Ok(true));
            }
            if self.state.refused().is_some() {
                return self.await_end(cx);
            }
            if self.waits_for_an_answer() {
                return Poll::Pending;
            }
            if !ready!(self.hold_more(cx))? {
                return Poll::Ready(Ok(false));
            }
        }
    }

    /// The bare stream, and what came behind the last head.
    pub(in crate::listener) fn into_parts(self) -> (Stream, BytesMut) {
        (self.stream, self.held)
    }

    /// Whether it is not HTTP/1 that the peer speaks.
    pub(in crate::listener) fn is_foreign(&self) -> bool {
        self.framing.is_foreign()
    }

    /// Shows all that comes from now on to `flood`.
    pub(in crate::listener) fn count_frames(&mut self, flood: &Rc<RefCell<Flood>>) {
        self.flood = Some(Rc::clone(flood));
    }

    /// Tells the peer that nothing more will come from us.
    pub(in crate::listener) fn finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Reads what nobody wants any more: no head begins with it, and no deadline.
    pub(in crate::listener) fn discard(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }

    pub(in crate::listener) fn socket(&self) -> &TcpStream {
        self.stream.socket()
    }

    /// Says that this is the end, where the end must be told from a cut.
    pub(in crate::listener) fn part(&mut self) {
        self.stream.part();
    }

    /// Notes that bytes were offered to the peer, and whether it took some.
    fn note(&mut self, progress: bool) {
        // What TLS had from before counts, too.
        if !progress && self.stream.has_moved() {
            self.state.wrote(true);
        }
        self.state.wrote(progress);
    }

    /// Reads into hyper's own room; what may not go on yet is held. `false`: that is all of it.
    fn read_through(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        if new.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let free = self.framing.scan(new, &self.bounds).unwrap_or(0);
        if self.framing.is_undecided() {
            self.state.asks_upgrade();
        }
        if free > 0 {
            self.state.heard();
        }
        if free < new.len() {
            self.held
                .extend_from_slice(new.get(free..).unwrap_or_default());
            self.state.holds(true);
            buffer.set_filled(before + free);
        }
        Poll::Ready(Ok(free > 0))
    }

    /// Reads what is held for now; `false`: the peer has ended its side.
    fn hold_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut desk = self.desk.borrow_mut();
        desk.clear();
        desk.reserve(SHORT);
        let mut buffer = ReadBuf::uninit(desk.spare_capacity_mut());
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(false));
        }
        self.held.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(true))
    }

    /// Waits, behind a refusal, for the peer's end: what it asked for before may still be under way, and
    /// ends with it.
    fn await_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut desk = self.desk.borrow_mut();
        while self.unwanted < UNWANTED {
            desk.clear();
            desk.reserve(SHORT);
            let mut buffer = ReadBuf::uninit(desk.spare_capacity_mut());
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(false));
            }
            self.unwanted += buffer.filled().len();
        }
        Poll::Pending
    }

    /// Finds out how much of what is held may go on. Of a broken body hyper hears; of a head that is
    /// none it never does: that is the driver's to answer, when the answers before it are out.
    fn look(&mut self) -> io::Result<()> {
        if self.framing.is_undecided()
            && let Some(granted) = self.state.take_upgrade()
        {
            self.framing.decide(granted);
        }
        let blank = self.framing.blank(&self.held);
        self.drop_first(blank);
        if self.held.is_empty() {
            self.state.holds(false);
            return Ok(());
        }
        self.state.heard();
        match self.framing.scan(&self.held, &self.bounds) {
            Ok(free) => self.free = free,
            Err(_) if self.framing.is_within() => return Err(io::ErrorKind::InvalidData.into()),
            Err(refusal) => self.state.refuse(refusal),
        }
        if self.framing.is_undecided() {
            self.state.asks_upgrade();
        }
        self.state.holds(self.free < self.held.len());
        Ok(())
    }

    /// Whether no more is read because as much as may be is held, and what it is is not known.
    fn waits_for_an_answer(&self) -> bool {
        self.framing.is_undecided() && self.held.len() >= SHORT
    }

    /// Reads into hyper's own room, or hands on what is held.
    fn fill(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() && ready!(self.read_through(cx, buffer))? {
            return Poll::Ready(Ok(()));
        }
        if ready!(self.poll_free(cx))? {
            self.hand_on(buffer);
        }
        Poll::Ready(Ok(()))
    }

    /// Hands on what may go on, as far as there is room.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.free.min(buffer.remaining());
        buffer.put_slice(self.held.get(..length).unwrap_or_default());
        self.drop_first(length);
        self.free -= length;
    }

    fn drop_first(&mut self, length: usize) {
        self.held.advance(length);
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        let before = buffer.filled().len();
        ready!(io.fill(cx, buffer))?;
        if let Some(flood) = &io.flood {
            let new = buffer.filled().get(before..).unwrap_or_default();
            if let Err(flooded) = flood.borrow_mut().read(new, io.state.now()) {
                let peer = io.socket().peer_addr().ok().map(tracing::field::display);
                tracing::warn!(peer, reason = %flooded, "an HTTP/2 connection was closed");
                return Poll::Ready(Err(io::Error::other(flooded)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let io = self.get_mut();
        if io.state.keeps_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut io.stream).poll_write(cx, bytes);
        io.note(written.is_ready());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [one] = slices {
            return self.poll_write(cx, one);
        }
        let io = self.get_mut();
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if slices
            .first()
            .is_some_and(|first| io.state.keeps_back(first))
        {
            return Poll::Ready(Ok(length));
        }
        let written = if length <= SHORT {
            let mut desk = io.desk.borrow_mut();
            desk.clear();
            for slice in slices {
                desk.extend_from_slice(slice);
            }
            Pin::new(&mut io.stream).poll_write(cx, &desk)
        } else {
            Pin::new(&mut io.stream).poll_write_vectored(cx, slices)
        };
        io.note(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        let flushed = Pin::new(&mut io.stream).poll_flush(cx);
        if io.stream.holds_back() {
            io.note(flushed.is_ready());
        }
        ready!(flushed)?;
        io.state.flushed();
        Poll::Ready(Ok(()))
    }

    /// hyper asks for this when it is done. When and how to close is for `closing` to say: see
    /// [`Io::finish`].
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
