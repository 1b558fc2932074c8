//! A step on the way from the provider's directory to the application, as the answer tells it.

use answers::row;
use event::Seq;

/// What is known of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Yes,
    No,
    /// There is evidence, but it is inconclusive.
    Unknown,
    /// No evidence available here could answer it.
    NotObservable,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Yes => "yes",
            State::No => "no",
            State::Unknown => "unknown",
            State::NotObservable => "notObservable",
        }
    }

    pub(super) fn of(told: Option<bool>) -> State {
        match told {
            Some(true) => State::Yes,
            Some(false) => State::No,
            None => State::NotObservable,
        }
    }
}

/// One step, with the events that prove it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) state: State,
    text: String,
    pub(super) seqs: Vec<Seq>,
    pub(super) nodes: Vec<Node>,
}

const NOT_OBSERVABLE: &str = "Not observable from here; an imported provisioning log would tell.";

impl Node {
    pub(super) fn new(
        name: &'static str,
        state: State,
        text: impl Into<String>,
        seqs: &[Seq],
    ) -> Node {
        Node { name, state, text: text.into(), seqs: seqs.to_vec(), nodes: vec![] }
    }

    pub(super) fn not_observable(name: &'static str) -> Node {
        Node::new(name, State::NotObservable, NOT_OBSERVABLE, &[])
    }

    pub(super) fn into_row(self) -> row::Node {
        row::Node {
            name: self.name.to_owned(),
            state: self.state.name().to_owned(),
            text: self.text,
            seqs: self.seqs,
            nodes: self.nodes.into_iter().map(Node::into_row).collect(),
        }
    }
}
