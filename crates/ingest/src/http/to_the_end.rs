//! Runs a request to its end, also if its client hangs up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TrackedFuture;

/// A request that runs in the task of its connection. When the connection drops it before its end,
/// because the client hung up, a task of its own runs the rest. So each request that arrived is recorded,
/// and only those of clients that hung up cost a task.
///
/// The tracker counts it from the beginning, wherever it runs.
pub(super) struct ToTheEnd<F: Future<Output: Send> + Send + 'static> {
    /// `None` once it has ended.
    request: Option<Pin<Box<TrackedFuture<F>>>>,
    is_gone: Arc<AtomicBool>,
}

/// The request panicked.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Panicked;

impl<F: Future<Output: Send> + Send + 'static> ToTheEnd<F> {
    /// `is_gone` is set when the client hangs up before the end.
    pub(super) fn new(tasks: &TaskTracker, is_gone: Arc<AtomicBool>, request: F) -> ToTheEnd<F> {
        ToTheEnd { request: Some(Box::pin(tasks.track_future(request))), is_gone }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for ToTheEnd<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(request) = &mut self.request else { return Poll::Ready(Err(Panicked)) };
        // A panic must not take the connection with it, nor its other requests.
        let ended = match catch_unwind(AssertUnwindSafe(|| request.as_mut().poll(context))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(_) => Err(Panicked),
        };
        self.request = None;
        Poll::Ready(ended)
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for ToTheEnd<F> {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else { return };
        self.is_gone.store(true, Ordering::Release);
        // Without a runtime the process ends, and nothing runs any more.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::sync::oneshot;

    /// Polls a future once.
    async fn polled_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
    }

    #[tokio::test]
    async fn the_rest_of_a_dropped_request_runs_and_is_waited_for() {
        let (tasks, is_gone) = (TaskTracker::new(), Arc::new(AtomicBool::new(false)));
        let (go, gate) = oneshot::channel();
        let (done, ended) = oneshot::channel();
        let seen = Arc::clone(&is_gone);
        let request = async move {
            gate.await.unwrap();
            done.send(seen.load(Ordering::Acquire)).unwrap();
        };
        let mut request = ToTheEnd::new(&tasks, is_gone, request);
        assert!(polled_once(&mut request).await.is_pending());
        tasks.close();
        assert_eq!(tasks.len(), 1, "it counts while the connection runs it");
        drop(request);
        assert_eq!(tasks.len(), 1, "and after");
        go.send(()).unwrap();
        tasks.wait().await;
        assert!(ended.await.unwrap(), "it sees that its client hung up");
    }

    #[tokio::test]
    async fn a_request_that_ended_leaves_nothing() {
        let (tasks, is_gone) = (TaskTracker::new(), Arc::new(AtomicBool::new(false)));
        let mut request = ToTheEnd::new(&tasks, Arc::clone(&is_gone), async { 7 });
        assert_eq!(polled_once(&mut request).await, Poll::Ready(Ok(7)));
        drop(request);
        assert!(tasks.is_empty() && !is_gone.load(Ordering::Acquire));
    }

    #[tokio::test]
    async fn a_panic_ends_the_request_alone() {
        let (tasks, is_gone) = (TaskTracker::new(), Arc::new(AtomicBool::new(false)));
        let request = async { panic!("a defect") };
        let ended: Result<(), Panicked> = ToTheEnd::new(&tasks, is_gone, request).await;
        assert_eq!(ended, Err(Panicked));
        assert!(tasks.is_empty());
    }
}
