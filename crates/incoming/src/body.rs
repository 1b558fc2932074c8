//! The body of a request: bounded in bytes and time, and within the memory that all bodies share.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use budget::{Budget, Held, Work};
use event::Application;
use http_body_util::BodyExt;
use tokio::time::timeout;

/// A body that takes longer to arrive is refused.
pub const RECEIVE_MAX: Duration = Duration::from_secs(30);
/// So much of a body is received before it needs a share of the memory.
const UNSHARED_BYTES_MAX: usize = 16 << 10;
/// Smaller bodies do not wait behind large ones when they are carried out.
const SMALL_BYTES_MAX: usize = 64 << 10;

/// Why there is no body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// It is longer than it may be.
    TooLarge {
        /// How many bytes came before it was given up.
        length: usize,
    },
    /// It broke off before its end.
    Broken,
    /// It did not come within [`RECEIVE_MAX`], or there was no memory for it.
    Late,
}

/// A body that arrived whole, and its share of the memory of bodies that arrive.
pub struct Arrived {
    bytes: Vec<u8>,
    held: Option<Held>,
}

/// Receives a body of at most `bytes_max` bytes. Bodies of one application share its part of the memory: one is
/// charged for what has arrived once that is much, so clients that announce much and send nothing, or little at
/// a time, keep nobody else waiting.
///
/// Of a longer one, up to `discard_bytes_max` bytes are read and thrown away, so that its client gets to read
/// the answer instead of a broken connection.
///
/// # Errors
/// When it does not come whole, in time and within the bound.
pub async fn receive(
    budget: &Budget,
    application: Application,
    body: Body,
    bytes_max: usize,
    discard_bytes_max: usize,
) -> Result<Arrived, Missing> {
    let collecting = collect(budget, application, body, bytes_max, discard_bytes_max);
    timeout(RECEIVE_MAX, collecting).await.map_err(|_| Missing::Late)?
}

async fn collect(
    budget: &Budget,
    application: Application,
    mut body: Body,
    bytes_max: usize,
    discard_bytes_max: usize,
) -> Result<Arrived, Missing> {
    // A body of unknown length may be as large as any.
    let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    let capacity = announced.unwrap_or(bytes_max).min(bytes_max);
    let mut bytes = Vec::new();
    let mut length = 0_usize;
    let mut held = None;
    while let Some(piece) = next_piece(&mut body).await {
        let piece = piece.map_err(|_| Missing::Broken)?;
        length += piece.len();
        if length > UNSHARED_BYTES_MAX {
            let held = held.get_or_insert_with(|| {
                // Address space alone: a page counts once something is written there.
                bytes.reserve_exact(capacity.saturating_sub(bytes.len()));
                budget.body(application)
            });
            held.grow(length.min(bytes_max)).await;
        }
        if length <= bytes_max {
            bytes.extend_from_slice(&piece);
        } else if length > discard_bytes_max {
            break;
        }
    }
    if length > bytes_max {
        return Err(Missing::TooLarge { length });
    }
    Ok(Arrived { bytes, held })
}

impl Arrived {
    /// Waits until there is memory to carry the body out. It counts until [`Work`] is dropped.
    pub async fn carried_out(
        self,
        budget: &Budget,
        application: Application,
    ) -> (Vec<u8>, Option<Work>) {
        let Arrived { bytes, held } = self;
        if bytes.len() <= SMALL_BYTES_MAX {
            return (bytes, None);
        }
        let objects = bytes.iter().filter(|byte| **byte == b'{').count();
        let work = budget.work(application, bytes.len(), objects).await;
        drop(held);
        (bytes, Some(work))
    }
}

/// The next piece of a body. Trailers say nothing to us.
///
/// Whoever keeps the body copies the pieces together: each is a part of a buffer of its connection, which
/// can be far larger.
pub async fn next_piece<B>(body: &mut B) -> Option<Result<Bytes, B::Error>>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    loop {
        match body.frame().await? {
            Ok(frame) => {
                if let Ok(piece) = frame.into_data() {
                    return Some(Ok(piece));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;
    use tokio::time::Instant;

    use super::*;

    const APP: Application = Application(1);
    const BYTES_MAX: usize = 8 << 20;

    async fn received(budget: &Budget, body: Body) -> Result<Arrived, Missing> {
        receive(budget, APP, body, BYTES_MAX, 4 * BYTES_MAX).await
    }

    /// A body of these frames, after which nothing comes any more.
    struct Frames(Vec<Result<Frame<Bytes>, &'static str>>, bool);

    impl HttpBody for Frames {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
            match (self.0.is_empty(), self.1) {
                (true, true) => Poll::Ready(None),
                (true, false) => Poll::Pending,
                (false, _) => Poll::Ready(Some(self.0.remove(0))),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_its_pieces_one_after_the_other() {
        let budget = Budget::new(2);
        let piece = |text: &'static str| Ok(Frame::data(Bytes::from(text)));
        let trailers = || Ok(Frame::trailers(axum::http::HeaderMap::new()));
        let check = async |frames, ends, expected: Result<&str, Missing>| {
            let arrived = received(&budget, Body::new(Frames(frames, ends))).await;
            let bytes = arrived.map(|arrived| String::from_utf8(arrived.bytes).unwrap());
            assert_eq!(bytes, expected.map(str::to_owned));
        };
        check(vec![], true, Ok("")).await;
        check(vec![piece("bo"), piece(""), trailers(), piece("at")], true, Ok("boat")).await;
        check(vec![piece("bo")], false, Err(Missing::Late)).await;
        check(vec![piece("bo"), Err("gone")], true, Err(Missing::Broken)).await;
    }

    #[tokio::test]
    async fn a_body_at_the_bound_is_taken_and_one_above_is_not() {
        let budget = Budget::new(2);
        let check = async |length: usize, expected: Result<usize, Missing>| {
            let piece = || Ok(Frame::data(Bytes::from(vec![b' '; BYTES_MAX / 8])));
            let mut frames: Vec<_> = (0..length / (BYTES_MAX / 8)).map(|_| piece()).collect();
            frames.push(Ok(Frame::data(Bytes::from(vec![b' '; length % (BYTES_MAX / 8)]))));
            for body in [Body::from(vec![b' '; length]), Body::new(Frames(frames, true))] {
                let arrived = received(&budget, body).await.map(|arrived| arrived.bytes.len());
                assert_eq!(arrived, expected, "{length}");
            }
        };
        check(BYTES_MAX, Ok(BYTES_MAX)).await;
        check(BYTES_MAX + 1, Err(Missing::TooLarge { length: BYTES_MAX + 1 })).await;
        check(4 * BYTES_MAX, Err(Missing::TooLarge { length: 4 * BYTES_MAX })).await;
        let endless = (0..100).map(|_| Ok(Frame::data(Bytes::from(vec![b' '; BYTES_MAX]))));
        let arrived = received(&budget, Body::new(Frames(endless.collect(), false))).await;
        let given_up = Missing::TooLarge { length: 5 * BYTES_MAX };
        assert_eq!(arrived.err(), Some(given_up), "it is read no further");
    }

    /// What comes a little at a time is late, too.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_late() {
        struct Trickles(Pin<Box<tokio::time::Sleep>>);
        impl HttpBody for Trickles {
            type Data = Bytes;
            type Error = &'static str;

            fn poll_frame(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
                std::task::ready!(self.0.as_mut().poll(context));
                self.0 = Box::pin(tokio::time::sleep(RECEIVE_MAX / 10));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from("x")))))
            }
        }
        let (budget, begun) = (Budget::new(2), Instant::now());
        let body = Body::new(Trickles(Box::pin(tokio::time::sleep(RECEIVE_MAX / 10))));
        assert_eq!(received(&budget, body).await.err(), Some(Missing::Late));
        assert!((RECEIVE_MAX..RECEIVE_MAX + RECEIVE_MAX / 10).contains(&begun.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_wait_for_nobody() {
        let budget = Budget::new(2);
        let comes = async |length: usize| {
            let arrived = received(&budget, Body::from(vec![b' '; length])).await.ok()?;
            let carried_out = arrived.carried_out(&budget, APP);
            let (bytes, work) = timeout(RECEIVE_MAX, carried_out).await.ok()?;
            assert_eq!(bytes.len(), length);
            Some(work)
        };
        let arriving = [budget.body(APP), budget.body(APP)];
        arriving[1].grow(budget::BODIES_BYTES_MAX / 4).await;
        assert!(comes(UNSHARED_BYTES_MAX).await.is_some());
        assert!(comes(UNSHARED_BYTES_MAX + 1).await.is_none(), "there is no memory to arrive");
        drop(arriving);
        let work = [comes(BYTES_MAX).await, comes(BYTES_MAX).await];
        assert!(work.iter().all(|work| matches!(work, Some(Some(_)))), "two are carried out");
        assert!(matches!(comes(SMALL_BYTES_MAX).await, Some(None)));
        assert!(comes(SMALL_BYTES_MAX + 1).await.is_none(), "a third is not");
        drop(work);
        assert!(matches!(comes(SMALL_BYTES_MAX + 1).await, Some(Some(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_its_share_until_there_is_memory_to_carry_it_out() {
        let budget = Budget::new(2);
        let arrived = received(&budget, Body::from(vec![b' '; 1 << 20])).await.unwrap();
        let other = budget.body(APP);
        let grows = async |other: &Held| {
            let grown = other.grow(budget::BODIES_BYTES_MAX / 4 + 1);
            timeout(RECEIVE_MAX, grown).await.is_ok()
        };
        assert!(!grows(&other).await, "the first of an application has room of its own");
        let carried_out = arrived.carried_out(&budget, APP).await;
        assert!(grows(&other).await, "now the other one is the first");
        drop(carried_out);
    }
}
