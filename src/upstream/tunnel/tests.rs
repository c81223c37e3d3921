//! Tunnels over pipes in memory: where our close frame comes, and what is kept.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;
use crate::deadline::Wheel;

const SILENCE: Duration = Duration::from_secs(60);

/// A tunnel between two pipes of `room` bytes, run beside what a test does with their other ends.
async fn between<T>(
    room: usize,
    end: impl Future<Output = Close>,
    wheel: &Wheel,
    test: impl AsyncFnOnce(DuplexStream, DuplexStream) -> T,
) -> (T, Passed) {
    let ((client, ours), (server, theirs)) = (duplex(room), duplex(room));
    let pair = Pair {
        client: ours,
        server: theirs,
        up: Lane::new(Sender::Client, false, [0; 4]),
        down: Lane::new(Sender::Server, false, [0; 4]),
        desk: Desk::default(),
    };
    let (timer, passed) = (wheel.timer(), Passed::default());
    let (done, ()) = tokio::join!(
        test(client, server),
        pair.carry(&timer, SILENCE, &passed, end)
    );
    (done, passed)
}

fn never() -> impl Future<Output = Close> {
    std::future::pending()
}

async fn read(stream: &mut DuplexStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

async fn rest(stream: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn our_close_frame_comes_between_two_frames() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let end = async { told.await.unwrap() };
    let wheel = Wheel::default();
    let test = async |mut client: DuplexStream, mut server: DuplexStream| {
        let length = 2 + Close::SESSION.reason.len();
        let short = u8::try_from(length).unwrap();
        // Half a frame to the client, the head of one to the server.
        server.write_all(&[0x82, 4, 1, 2]).await.unwrap();
        client.write_all(&[0x82, 0x84, 0]).await.unwrap();
        assert_eq!(read(&mut client, 4).await, [0x82, 4, 1, 2]);
        tell.send(Close::SESSION).unwrap();
        // Nothing of that frame has gone on, so it never will.
        let to_server = rest(&mut server).await;
        assert_eq!(to_server[..2], [0x88, 0x80 | short]);
        assert_eq!(to_server[6..8], 1008_u16.to_be_bytes());
        server.write_all(&[3, 4, 0x81, 1, b'x']).await.unwrap();
        let to_client = rest(&mut client).await;
        assert_eq!(to_client[..4], [3, 4, 0x88, short]);
        assert_eq!(to_client[4..6], 1008_u16.to_be_bytes());
        assert_eq!(to_client.len(), 2 + 2 + length);
    };
    let ((), passed) = between(4096, end, &wheel, test).await;
    assert_eq!(passed.closed.get(), Some(Close::SESSION));
    assert_eq!(
        passed.to_client.get(),
        6 + 2 + 2 + Close::SESSION.reason.len() as u64
    );
}

#[tokio::test]
async fn a_close_frame_of_theirs_is_the_last_and_ours_does_not_follow() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let end = async { told.await.unwrap() };
    let wheel = Wheel::default();
    let test = async |mut client: DuplexStream, mut server: DuplexStream| {
        server
            .write_all(&[0x88, 2, 3, 232, 0x81, 1, b'x'])
            .await
            .unwrap();
        assert_eq!(read(&mut client, 4).await, [0x88, 2, 3, 232]);
        tell.send(Close::LEAVING).unwrap();
        assert!(rest(&mut client).await.is_empty());
        assert!(rest(&mut server).await.len() > 6);
    };
    between(4096, end, &wheel, test).await;
}

#[tokio::test]
async fn a_wrong_frame_goes_no_further_and_both_are_told() {
    let wheel = Wheel::default();
    let test = async |mut client: DuplexStream, mut server: DuplexStream| {
        client
            .write_all(&[0x81, 0x81, 0, 0, 0, 0, b'a', 0x83, 0x80])
            .await
            .unwrap();
        let to_server = rest(&mut server).await;
        assert_eq!(to_server[..7], [0x81, 0x81, 0, 0, 0, 0, b'a']);
        assert_eq!(to_server[7], 0x88);
        assert_eq!(to_server[13..15], 1002_u16.to_be_bytes());
        assert_eq!(rest(&mut client).await[2..4], 1002_u16.to_be_bytes());
    };
    let ((), passed) = between(4096, never(), &wheel, test).await;
    assert_eq!(passed.closed.get(), Some(Close::PROTOCOL));
}

#[tokio::test]
async fn who_is_not_read_from_is_not_read_for() {
    let wheel = Wheel::default();
    let test = async |mut client: DuplexStream, mut server: DuplexStream| {
        let frame = [&[0x82, 127, 0, 0, 0, 0, 0, 16, 0, 0], &vec![7; 1 << 20][..]].concat();
        // Pipes of 1 KiB and 16 KiB of ours: more is not taken until somebody reads.
        let mut sent = 0;
        while let Ok(Ok(length)) =
            tokio::time::timeout(Duration::from_millis(50), server.write(&frame[sent..])).await
        {
            sent += length;
        }
        assert!(sent <= (16 << 10) + 4096, "{sent}");
        let all = tokio::join!(read(&mut client, frame.len()), async {
            server.write_all(&frame[sent..]).await.unwrap();
        });
        assert!(all.0 == frame);
        drop(server);
        assert!(rest(&mut client).await.is_empty());
    };
    between(1024, never(), &wheel, test).await;
}

#[tokio::test]
async fn what_one_side_ends_the_other_may_go_on_with() {
    let wheel = Wheel::default();
    let test = async |mut client: DuplexStream, mut server: DuplexStream| {
        client.shutdown().await.unwrap();
        assert!(rest(&mut server).await.is_empty());
        server.write_all(&[0x81, 1, b'x']).await.unwrap();
        assert_eq!(read(&mut client, 3).await, [0x81, 1, b'x']);
        drop(server);
        assert!(rest(&mut client).await.is_empty());
    };
    between(4096, never(), &wheel, test).await;
}

#[tokio::test]
async fn silence_ends_it_and_then_nobody_is_waited_for_long() {
    let wheel = Wheel::default();
    let ticking = wheel.clone();
    let test = async |mut client: DuplexStream, mut server: DuplexStream| {
        let pass = async |time: Duration| {
            let ticks = time.as_millis() / crate::deadline::TICK.as_millis() + 3;
            for _ in 0..ticks {
                ticking.advance(ticking.now() + 1);
                tokio::task::yield_now().await;
            }
        };
        // Pings count.
        for _ in 0..3 {
            pass(SILENCE * 2 / 3).await;
            server.write_all(&[0x89, 0]).await.unwrap();
            assert_eq!(read(&mut client, 2).await, [0x89, 0]);
        }
        pass(SILENCE).await;
        assert_eq!(rest(&mut client).await[2..4], 1001_u16.to_be_bytes());
        assert!(rest(&mut server).await.len() > 6);
        // They never answer.
        pass(FAREWELL).await;
        (client, server)
    };
    let (_, passed) = between(4096, never(), &wheel, test).await;
    assert_eq!(passed.closed.get(), Some(Close::SILENT));
}

#[tokio::test]
async fn nothing_is_kept_while_nothing_comes() {
    let ((mut client, mut ours), (mut theirs, _server)) = (duplex(4096), duplex(4096));
    let mut lane = Lane::new(Sender::Client, false, [0; 4]);
    let desk = Desk::default();
    client
        .write_all(&[&[0x82, 0xfe, 15, 0, 0, 0, 0, 0], &[7; 3840][..], &[0x81]].concat())
        .await
        .unwrap();
    let is_pending = std::future::poll_fn(|cx| {
        let mut polled = lane.poll(cx, &mut ours, &mut theirs, &desk);
        for _ in 0..4 {
            polled = lane.poll(cx, &mut ours, &mut theirs, &desk);
        }
        Poll::Ready(polled.is_pending())
    })
    .await;
    assert!(is_pending && lane.passed() == 3848);
    assert!(lane.room() <= 16, "{} bytes are kept", lane.room());
}
