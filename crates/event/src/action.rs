//! What an operation asked for and how it ended, in the words of Microsoft Graph.

/// What an operation asked for. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Action {
    /// Create a resource.
    Create = 1,
    /// Change a resource.
    Update = 2,
    /// Change a resource so that it becomes inactive.
    Disable = 3,
    /// Delete a resource.
    Delete = 4,
    /// Anything else; mostly reads.
    Other = 5,
    /// Delete a resource, but the provider held the deletion back. Only imported entries have this.
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

    /// The action with a stored number.
    pub fn from_code(code: u8) -> Option<Action> {
        Action::ALL.into_iter().find(|action| *action as u8 == code)
    }

    /// The action with a [`name`](Action::name).
    pub fn from_name(name: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// How an operation ended. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Status {
    /// It did what was asked for.
    Success = 1,
    /// It was refused, or its outcome is not known.
    Failure = 2,
    /// The provider skipped it.
    Skipped = 3,
    /// It succeeded with a warning. Only imported entries have this.
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

    /// The status with a stored number.
    pub fn from_code(code: u8) -> Option<Status> {
        Status::ALL.into_iter().find(|status| *status as u8 == code)
    }

    /// The status with a [`name`](Status::name).
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }
}
