//! The body of a question within the memory that bodies of all interfaces share.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use budget::{Budget, Held, Work};
use event::Application;
use http_body::Frame;

/// So much of a body is received before it needs a share of the memory.
const UNSHARED_BYTES_MAX: usize = 16 << 10;
/// What is longer is refused, so no more of it is counted.
const LENGTH_MAX: usize = 8 << 20;
/// Smaller bodies do not wait behind large ones when they are carried out.
const SMALL_BYTES_MAX: usize = 64 << 10;

/// What a body has of the memory, until its question is answered.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Option<Work>>>);

/// The same body, which waits for its share of the memory when it turns out to be large, and for that of
/// the work on it when it is there. Those of questions are counted together, as an application's are.
pub(crate) fn within(budget: &Budget, body: Body) -> (Body, Kept) {
    let kept = Kept::default();
    let (budget, stage) = (budget.clone(), Stage::Small);
    let intake = Intake { body, budget, length: 0, objects: 0, stage, kept: kept.clone() };
    (Body::new(intake), kept)
}

enum Stage {
    /// It takes no share.
    Small,
    /// It has its share of the memory of bodies.
    Large(Held),
    /// It waits for more, with what has come.
    Grows(Waiting<Held>, Frame<Bytes>),
    /// It is there, and waits to be carried out.
    Waits(Waiting<Work>),
    /// It is carried out.
    Whole,
}

type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

struct Intake {
    body: Body,
    budget: Budget,
    length: usize,
    objects: usize,
    stage: Stage,
    kept: Kept,
}

impl HttpBody for Intake {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Whole) {
                Stage::Grows(mut growing, frame) => match growing.as_mut().poll(context) {
                    Poll::Ready(held) => {
                        self.stage = Stage::Large(held);
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    Poll::Pending => {
                        self.stage = Stage::Grows(growing, frame);
                        return Poll::Pending;
                    }
                },
                Stage::Waits(mut waiting) => match waiting.as_mut().poll(context) {
                    Poll::Ready(work) => {
                        *self.kept.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
                        return Poll::Ready(None);
                    }
                    Poll::Pending => {
                        self.stage = Stage::Waits(waiting);
                        return Poll::Pending;
                    }
                },
                stage => self.stage = stage,
            }
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    if self.length <= SMALL_BYTES_MAX || matches!(self.stage, Stage::Whole) {
                        return Poll::Ready(None);
                    }
                    let (budget, length, objects) =
                        (self.budget.clone(), self.length, self.objects);
                    let held = std::mem::replace(&mut self.stage, Stage::Whole);
                    self.stage = Stage::Waits(Box::pin(async move {
                        let work = budget.work(Application::RECORDER, length, objects).await;
                        drop(held);
                        work
                    }));
                    continue;
                }
            };
            if let Some(data) = frame.data_ref() {
                self.length += data.len();
                self.objects += data.iter().filter(|byte| **byte == b'{').count();
            }
            if self.length <= UNSHARED_BYTES_MAX {
                return Poll::Ready(Some(Ok(frame)));
            }
            let held = match std::mem::replace(&mut self.stage, Stage::Whole) {
                Stage::Large(held) => held,
                _ => self.budget.body(Application::RECORDER),
            };
            let length = self.length.min(LENGTH_MAX);
            let growing = async move {
                held.grow(length).await;
                held
            };
            self.stage = Stage::Grows(Box::pin(growing), frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_body_comes_through_whole_and_keeps_its_share_of_the_work() {
        let budget = Budget::new(2);
        let check = async |length: usize, is_kept: bool| {
            let text = "{".repeat(length);
            let (body, kept) = within(&budget, Body::from(text.clone()));
            assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), text);
            assert_eq!(kept.0.lock().unwrap().is_some(), is_kept, "{length}");
        };
        check(0, false).await;
        check(UNSHARED_BYTES_MAX + 1, false).await;
        check(SMALL_BYTES_MAX, false).await;
        check(SMALL_BYTES_MAX + 1, true).await;
        check(1 << 20, true).await;
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_each_other_and_small_ones_do_not() {
        let budget = Budget::new(2);
        let come = async |length: usize| {
            let (body, kept) = within(&budget, Body::from(vec![b' '; length]));
            let read = tokio::time::timeout(SECOND, to_bytes(body, usize::MAX)).await;
            read.is_ok().then_some(kept)
        };
        let arriving = [budget.body(Application::RECORDER), budget.body(Application::RECORDER)];
        arriving[1].grow(budget::BODIES_BYTES_MAX / 4).await;
        assert!(come(UNSHARED_BYTES_MAX).await.is_some());
        assert!(come(UNSHARED_BYTES_MAX + 1).await.is_none(), "there is no memory to arrive");
        drop(arriving);
        let first = come(8 << 20).await;
        assert!(first.is_some());
        assert!(come(SMALL_BYTES_MAX).await.is_some());
        let second = come(8 << 20).await;
        assert!(second.is_some(), "two fit");
        assert!(come(1 << 20).await.is_none(), "a third is not carried out");
        drop(first);
        assert!(come(1 << 20).await.is_some());
    }
}
