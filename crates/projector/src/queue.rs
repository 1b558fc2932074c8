//! The commands that wait, in a fair order: each application has a lane of its own, and the next command
//! is of the lane that has taken the least time. So costly requests of one application make others wait
//! for one of them, and not for all.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use event::Application;

use crate::command::Command;

/// Commands by application; the recorder stands for what is no single one's.
#[derive(Default)]
pub(crate) struct Queue {
    lanes: BTreeMap<Application, Lane>,
    /// Where a lane begins that had nothing to do: whoever waits long gets no more than the others.
    begin: Duration,
}

struct Lane {
    commands: VecDeque<Box<dyn Command>>,
    /// The time that it took, and began with.
    spent: Duration,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Those of one application stay in their order.
    pub(crate) fn push(&mut self, command: Box<dyn Command>) {
        let new = Lane { commands: VecDeque::new(), spent: self.begin };
        self.lanes.entry(command.application()).or_insert(new).commands.push_back(command);
    }

    /// The next command. [`Queue::spend`] says afterwards how long it took.
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

    /// Everything that waits, to be refused.
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
