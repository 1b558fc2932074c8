//! What was asked and how it ended, in the words of Microsoft Graph.

/// What was asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Action {
    /// A resource was to be made.
    Create = 1,
    /// A resource was to be changed.
    Update = 2,
    /// An account was switched off.
    Disable = 3,
    /// A resource was to go.
    Delete = 4,
    /// Everything else; reads above all.
    Other = 5,
    /// A resource was to go, and the provider held that back. Only providers say so.
    StagedDelete = 6,
}

impl Action {
    /// All of them.
    pub const ALL: [Action; 6] = [
        Action::Create,
        Action::Update,
        Action::Disable,
        Action::Delete,
        Action::Other,
        Action::StagedDelete,
    ];

    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Disable => "disable",
            Action::Delete => "delete",
            Action::Other => "other",
            Action::StagedDelete => "stagedDelete",
        }
    }

    /// The action of a stored number.
    pub fn from_code(code: u8) -> Option<Action> {
        Action::ALL.into_iter().find(|action| *action as u8 == code)
    }

    /// The action of a word.
    pub fn from_name(name: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Status {
    /// It was answered as it was asked.
    Success = 1,
    /// It was refused.
    Failure = 2,
    /// It was passed over.
    Skipped = 3,
    /// It was done with a reservation. Only providers say so.
    Warning = 4,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 4] =
        [Status::Success, Status::Failure, Status::Skipped, Status::Warning];

    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Failure => "failure",
            Status::Skipped => "skipped",
            Status::Warning => "warning",
        }
    }

    /// The status of a stored number.
    pub fn from_code(code: u8) -> Option<Status> {
        Status::ALL.into_iter().find(|status| *status as u8 == code)
    }

    /// The status of a word.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }
}
