//! The way of an answer from the writer to whoever asked.
//!
//! Many wait for one commit, and they wait on few threads. Waking a task of another thread is a call of the system,
//! waking one of the own thread is next to nothing. So of all that wait on a thread the writer wakes one, and gives it
//! the others to wake.
//!
//! Nobody is forgotten: the answers of all are there before anybody is woken, and whoever has others to wake does so
//! when it is done with its own answer, be it that it has read it or that it has gone away. If it was gone before it was
//! given others, the writer wakes them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use crate::store::StoreError;

/// Makes the two ends of an answer.
pub(super) fn awaited<T>() -> (Reply<T>, Answer<T>) {
    let shared = Arc::new(Shared(Mutex::new(State {
        answer: None,
        waits: None,
        others: Vec::new(),
        silent: false,
        gone: false,
    })));
    (Reply(Arc::clone(&shared)), Answer(shared))
}

/// The writer's end.
pub(super) struct Reply<T>(Arc<Shared<T>>);

/// The end of whoever asked.
pub(super) struct Answer<T>(Arc<Shared<T>>);

/// There will be no answer: the writer has ended.
#[derive(Debug)]
pub(super) struct Silence;

struct Shared<T>(Mutex<State<T>>);

struct State<T> {
    answer: Option<Result<T, StoreError>>,
    /// Whoever asked waits there.
    waits: Option<(ThreadId, Waker)>,
    /// Whom it is to wake.
    others: Vec<Waker>,
    /// Nobody will answer any more.
    silent: bool,
    /// Whoever asked waits no more.
    gone: bool,
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Reply<T> {
    /// Whether nobody waits for it any more.
    pub(super) fn is_unwanted(&self) -> bool {
        self.0.state().gone
    }

    /// Answers; whoever waits is woken by `wakes`.
    pub(super) fn send(self, answer: Result<T, StoreError>, wakes: &mut Wakes) {
        let mut state = self.0.state();
        state.answer = Some(answer);
        let waits = state.waits.take();
        drop(state);
        if let Some((thread, waker)) = waits {
            wakes.add(thread, waker, &self.0);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.silent = true;
        // None: it was answered, and is woken with others.
        let waits = state.waits.take();
        drop(state);
        if let Some((_, waker)) = waits {
            waker.wake();
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = Result<Result<T, StoreError>, Silence>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.state();
        if let Some(answer) = state.answer.take() {
            return Poll::Ready(Ok(answer));
        }
        if state.silent {
            return Poll::Ready(Err(Silence));
        }
        state.waits = Some((thread::current().id(), context.waker().clone()));
        Poll::Pending
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.gone = true;
        let (own, others) = (state.waits.take(), std::mem::take(&mut state.others));
        drop(state);
        drop(own);
        others.into_iter().for_each(Waker::wake);
    }
}

/// Whoever can be given others to wake.
trait Leader: Send + Sync {
    /// Gives them; they come back if it has gone.
    fn lead(&self, others: Vec<Waker>) -> Result<(), Vec<Waker>>;
}

impl<T: Send> Leader for Shared<T> {
    fn lead(&self, others: Vec<Waker>) -> Result<(), Vec<Waker>> {
        let mut state = self.state();
        if state.gone {
            return Err(others);
        }
        state.others = others;
        Ok(())
    }
}

/// Who is to be woken after a commit.
#[derive(Default)]
pub(super) struct Wakes(Vec<Group>);

/// Those on one thread.
struct Group {
    thread: ThreadId,
    leader: Arc<dyn Leader>,
    first: Waker,
    others: Vec<Waker>,
}

impl Wakes {
    fn add<T: Send + 'static>(&mut self, thread: ThreadId, waker: Waker, shared: &Arc<Shared<T>>) {
        match self.0.iter_mut().find(|group| group.thread == thread) {
            Some(group) => group.others.push(waker),
            None => {
                let leader: Arc<dyn Leader> = Arc::<Shared<T>>::clone(shared);
                self.0.push(Group { thread, leader, first: waker, others: Vec::new() });
            }
        }
    }

    /// Wakes all.
    pub(super) fn wake(self) {
        for Group { leader, first, others, .. } in self.0 {
            if let Err(others) = leader.lead(others) {
                others.into_iter().for_each(Waker::wake);
            }
            first.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use futures_util::task::noop_waker;

    use super::*;

    fn waiting(number: usize) -> (Vec<Reply<usize>>, Vec<Pin<Box<Answer<usize>>>>) {
        let (replies, answers): (Vec<_>, Vec<_>) = (0..number).map(|_| awaited()).unzip();
        let mut answers: Vec<_> = answers.into_iter().map(Box::pin).collect();
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        assert!(answers.iter_mut().all(|answer| answer.poll_unpin(&mut context).is_pending()));
        (replies, answers)
    }

    #[test]
    fn an_answer_is_there_before_anybody_is_woken() {
        let (replies, answers) = waiting(3);
        let mut wakes = Wakes::default();
        replies.into_iter().enumerate().for_each(|(number, reply)| reply.send(Ok(number), &mut wakes));
        let read = answers.into_iter().map(|answer| answer.now_or_never().unwrap().unwrap().unwrap());
        assert_eq!(read.collect::<Vec<_>>(), [0, 1, 2]);
        wakes.wake();
    }

    #[test]
    fn a_writer_that_ends_is_noticed_and_so_is_an_asker_that_leaves() {
        let (mut replies, mut answers) = waiting(2);
        drop(replies.pop());
        assert!(matches!(answers.pop().unwrap().now_or_never(), Some(Err(Silence))));
        assert!(!replies[0].is_unwanted());
        drop(answers.pop());
        assert!(replies[0].is_unwanted());
    }

    /// Every moment at which the one that leads can leave: before the answer, between that and the wake-up, and after it.
    #[tokio::test]
    async fn nobody_is_forgotten_when_the_one_that_leads_leaves() {
        for moment in 0..3 {
            let (replies, answers): (Vec<_>, Vec<_>) = (0..5_usize).map(|_| awaited()).unzip();
            let mut answers = answers.into_iter();
            let mut first = Box::pin(answers.next().unwrap());
            assert!(futures_util::poll!(&mut first).is_pending());
            // Tasks of this very thread, each of which is polled again only if it is woken.
            let others: Vec<_> = answers.map(tokio::spawn).collect();
            tokio::task::yield_now().await;
            let mut first = Some(first);
            let mut wakes = Wakes::default();
            if moment == 0 {
                first = None;
            }
            replies.into_iter().enumerate().for_each(|(number, reply)| reply.send(Ok(number), &mut wakes));
            if moment == 1 {
                first = None;
            }
            wakes.wake();
            if moment == 2 {
                first = None;
            }
            let all = tokio::time::timeout(std::time::Duration::from_secs(60), join_all(others));
            let all: Vec<_> =
                all.await.unwrap().into_iter().map(|one| one.unwrap().unwrap().unwrap()).collect();
            assert_eq!(all, [1, 2, 3, 4], "the first left at moment {moment}");
            drop(first);
        }
    }
}
