//! A DNS server that knows one name (RFC 1035), where `resolv.conf` looks for it.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// `resolv.conf` cannot name another.
const DNS: u16 = 53;

/// The server, for as long as the test runs.
pub struct Names(Arc<AtomicBool>);

impl Names {
    /// Whether somebody asked for the name.
    pub fn was_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Answers at `address` that `name` has the address `address`, and that there is no other name.
pub fn answering(address: Ipv4Addr, name: &str) -> Names {
    let socket = UdpSocket::bind((address, DNS)).unwrap();
    let mut known = Vec::new();
    for label in name.split('.') {
        known.push(u8::try_from(label.len()).unwrap());
        known.extend_from_slice(label.as_bytes());
    }
    known.push(0);
    let names = Names(Arc::default());
    let asked = Arc::clone(&names.0);
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer(&question[..length], &known, address, &asked) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    names
}

fn answer(question: &[u8], known: &[u8], address: Ipv4Addr, asked: &AtomicBool) -> Option<Vec<u8>> {
    const A: [u8; 4] = [0, 1, 0, 1];
    let name_end = 12 + question.get(12..)?.iter().position(|byte| *byte == 0)? + 1;
    let kind = question.get(name_end..name_end + 4)?;
    let ours = question[12..name_end].eq_ignore_ascii_case(known);
    asked.fetch_or(ours, Ordering::Relaxed);
    let found = ours && kind == A;
    let mut answer = question[..2].to_vec();
    answer.extend([
        0x81,
        if ours { 0x80 } else { 0x83 },
        0,
        1,
        0,
        u8::from(found),
        0,
        0,
        0,
        0,
    ]);
    answer.extend_from_slice(&question[12..name_end + 4]);
    if found {
        // The name of the question, type A, class IN, a minute to live, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}
