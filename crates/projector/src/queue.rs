//! The queue of commands. Each application has its own lane, and the next command comes from the lane
//! that has used the least time so far. So when one application sends costly requests, the others wait
//! for one of them and not for all.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use event::Application;

use crate::command::Command;

/// Queued commands by application; commands of no single application are under the recorder's number.
#[derive(Default)]
pub(crate) struct Queue {
    lanes: BTreeMap<Application, Lane>,
    /// The used time that a new lane starts with, so that a lane which was idle gets no extra turns.
    begin: Duration,
}

struct Lane {
    commands: VecDeque<Box<dyn Command>>,
    /// The time it has used, with what it started with.
    spent: Duration,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Adds a command to the end of its application's lane.
    pub(crate) fn push(&mut self, command: Box<dyn Command>) {
        let new = Lane { commands: VecDeque::new(), spent: self.begin };
        self.lanes.entry(command.application()).or_insert(new).commands.push_back(command);
    }

    /// The next command. Call [`Queue::spend`] afterwards with the time it took.
    pub(crate) fn pop(&mut self) -> Option<Box<dyn Command>> {
        let (_, lane) = self.lanes.iter_mut().min_by_key(|(_, lane)| lane.spent)?;
        self.begin = lane.spent;
        lane.commands.pop_front()
    }

    /// Charges a lane for the command that was taken from it.
    pub(crate) fn spend(&mut self, application: Application, time: Duration) {
        if let Some(lane) = self.lanes.get_mut(&application) {
            lane.spent += time;
            if lane.commands.is_empty() {
                self.lanes.remove(&application);
            }
        }
    }

    /// Empties the queue, so that all commands can be refused.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Box<dyn Command>> {
        std::mem::take(&mut self.lanes).into_values().flat_map(|lane| lane.commands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Durability, Stamp};
    use crate::draft::Draft;
    use crate::error::CommitError;
    use crate::error::ProjectorError;
    use crate::view::View;

    struct Waits(Application);

    impl Command for Waits {
        fn application(&self) -> Application {
            self.0
        }

        fn durability(&self) -> Durability {
            Durability::Appended
        }

        fn decide(&mut self, _: &View<'_>, _: Stamp) -> Result<Vec<Draft>, ProjectorError> {
            Ok(vec![])
        }

        fn finish(self: Box<Self>, _: Result<(), CommitError>) {}
    }

    #[test]
    fn costly_commands_of_one_application_do_not_keep_others_waiting() {
        const COSTLY: Application = Application(1);
        let mut queue = Queue::default();
        let mut order = vec![];
        (0..5).for_each(|_| queue.push(Box::new(Waits(COSTLY))));
        for turn in 0..15 {
            if turn == 2 {
                (0..8).for_each(|_| queue.push(Box::new(Waits(Application(2)))));
            }
            if turn == 4 {
                queue.push(Box::new(Waits(Application(3))));
            }
            let Some(next) = queue.pop() else { break };
            let application = next.application();
            order.push(application.0);
            let millis = if application == COSTLY { 100 } else { 20 };
            queue.spend(application, Duration::from_millis(millis));
        }
        assert_eq!(order, [1, 1, 2, 2, 3, 2, 2, 2, 1, 2, 2, 2, 1, 1]);
        assert!(queue.is_empty() && queue.pop().is_none());
    }
}
