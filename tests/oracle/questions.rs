//! The questions: their addresses, and which function of the oracle answers each.

use event::{Application, ResourceType, Seq, Timestamp};
use serde_json::{Map, Value, json};

use super::known::{Known, coverage};
use super::reports::Termination;
use super::resources::{Found, id_of};
use super::{detail, imports, jobs, members, operations, record, reports, resources, why};

/// A question that is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Users,
    User,
    Groups,
    Group,
    Members,
    UserTimeline,
    GroupTimeline,
    Operations,
    Diff,
    GroupIntervals,
    UserIntervals,
    Joiners,
    Leavers,
    LeaversOfList,
    Movers,
    Reactivated,
    Blame,
    Unapproved,
    Overlap,
    Failing,
    Coverage,
    ImportedUsers,
    ImportedUser,
    ImportedTimeline,
    Operation,
    Why,
    ImportedWhy,
    Evidence,
    Orphans,
    Drift,
    Accesses,
    Job,
}

/// How a question says when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    At,
    Stretch,
    /// Not at all: it is about one event.
    Never,
}

/// What the test needs to know of a question.
pub struct Shape {
    pub kind: Kind,
    /// Whether the server answers it yet. One that is off is not asked.
    pub on: bool,
    pub when: When,
    /// Whether it is a list with `limit` and `cursor`.
    pub has_pages: bool,
}

const fn shape(kind: Kind, on: bool, when: When, has_pages: bool) -> Shape {
    Shape { kind, on, when, has_pages }
}

/// Every question.
pub const SHAPES: [Shape; 34] = [
    shape(Kind::Users, true, When::At, true),
    shape(Kind::User, true, When::At, false),
    shape(Kind::Groups, true, When::At, true),
    shape(Kind::Group, true, When::At, false),
    shape(Kind::Members, true, When::At, true),
    shape(Kind::UserTimeline, true, When::Stretch, true),
    shape(Kind::GroupTimeline, true, When::Stretch, true),
    shape(Kind::Operations, true, When::Stretch, true),
    shape(Kind::Diff, true, When::Stretch, true),
    shape(Kind::GroupIntervals, true, When::Stretch, true),
    shape(Kind::UserIntervals, true, When::Stretch, true),
    shape(Kind::Joiners, true, When::Stretch, true),
    shape(Kind::Leavers, true, When::Stretch, true),
    shape(Kind::LeaversOfList, true, When::Stretch, true),
    shape(Kind::Movers, true, When::Stretch, true),
    shape(Kind::Reactivated, true, When::Stretch, true),
    shape(Kind::Blame, true, When::At, true),
    shape(Kind::Unapproved, true, When::Stretch, true),
    shape(Kind::Overlap, true, When::Stretch, true),
    shape(Kind::Failing, true, When::At, true),
    shape(Kind::Coverage, true, When::Stretch, true),
    shape(Kind::ImportedUsers, true, When::At, true),
    shape(Kind::ImportedUser, true, When::At, false),
    shape(Kind::ImportedTimeline, true, When::Stretch, true),
    shape(Kind::Operation, true, When::Never, false),
    // With imports there is more to tell of operations than of anything else.
    shape(Kind::Operations, true, When::Stretch, true),
    shape(Kind::Why, true, When::At, false),
    // It has the most branches.
    shape(Kind::Why, true, When::At, false),
    shape(Kind::ImportedWhy, true, When::At, false),
    shape(Kind::Evidence, true, When::Never, true),
    shape(Kind::Orphans, true, When::At, true),
    shape(Kind::Drift, true, When::Stretch, true),
    shape(Kind::Accesses, true, When::Stretch, true),
    shape(Kind::Job, true, When::At, false),
];

/// Questions that no shape asks, each with why.
pub const NOT_ASKED: [(&str, &str); 6] = [
    ("/api/v1/apps", "configuration: it does not come from a history of requests"),
    ("/api/v1/apps/{app}", "the same of one application"),
    ("/api/v1/profiles", "the answer is part of the program"),
    ("/api/v1/tokens", "configuration"),
    ("/api/v1/reference-lists", "what is uploaded, which the reports by a list are compared with"),
    ("/api/v1/apps/{app}/groups/{group}/blame", "the same computation as that of a user"),
];

/// Whether `members` takes `nested` and says `via`, and `users/{user}` takes `include=groups`, yet.
pub const NESTED: bool = true;

/// The parameters of one question; those that it does not take stay as they are.
#[derive(Clone, Default, Debug)]
pub struct Asked {
    pub app: Option<&'static str>,
    pub at: Option<Timestamp>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub known_at: Option<String>,
    /// In the address; the same for `group`.
    pub user: String,
    pub group: String,
    /// To narrow the intervals; the same for `other_group`.
    pub other_user: Option<String>,
    pub other_group: Option<String>,
    pub groups: Vec<String>,
    pub active: Option<bool>,
    pub nested: bool,
    pub include_groups: bool,
    pub on: Option<&'static str>,
    pub path: Option<&'static str>,
    pub within_seconds: Option<i64>,
    /// What the list of operations is narrowed to; and by whom they are about.
    pub filters: Vec<(&'static str, String)>,
    pub resource: Option<String>,
    /// One event.
    pub event: Seq,
    /// A token's id.
    pub credential: Option<String>,
    pub job: String,
}

impl Asked {
    /// How many of the known events the state that is asked about rests on.
    pub fn at_count(&self, known: &Known<'_>) -> usize {
        known.through(self.at.unwrap_or(known.now))
    }

    /// The events of the stretch: from which count on, and before which.
    pub fn stretch(&self, known: &Known<'_>) -> (usize, usize) {
        let start = self.from.map_or(0, |from| known.before(from));
        (start, self.to.map_or(known.size, |to| known.before(to)))
    }
}

/// An answer as it must be.
#[derive(Debug)]
pub struct Expected {
    pub status: u16,
    /// Members of the answer; what is not named here may be anything.
    pub members: Map<String, Value>,
    /// Whether the order of the rows is said.
    pub is_ordered: bool,
    /// Rows with such a path may be anything.
    pub without: Option<&'static str>,
    /// A column that may have any value.
    pub open: Option<&'static str>,
    /// What the answer rests on and was not watched, beside what the record itself lacks.
    pub gaps: Vec<Value>,
    /// What the texts of an answer have to say, where it has any; the rest of them may be anything.
    pub texts: Option<Texts>,
}

/// Of an answer in sentences.
#[derive(Debug)]
pub struct Texts {
    /// Stands in the conclusion.
    pub concluding: Vec<String>,
    /// Whether it says what would have to change.
    pub has_remedy: bool,
}

impl Expected {
    pub fn answer() -> Expected {
        Expected {
            status: 200,
            members: Map::new(),
            is_ordered: true,
            without: None,
            open: None,
            gaps: vec![],
            texts: None,
        }
    }

    pub fn rows(rows: Vec<Value>) -> Expected {
        let count = rows.len();
        Expected::answer().with("rows", rows).with("rowCount", count)
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Expected {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub fn unordered(mut self) -> Expected {
        self.is_ordered = false;
        self
    }

    pub fn with_gaps(mut self, gaps: Vec<Value>) -> Expected {
        self.gaps = gaps;
        self
    }

    pub fn saying(mut self, concluding: Vec<String>, has_remedy: bool) -> Expected {
        self.texts = Some(Texts { concluding, has_remedy });
        self
    }

    pub fn open(mut self, column: &'static str) -> Expected {
        self.open = Some(column);
        self
    }

    pub fn without_rows_of(mut self, path: &'static str) -> Expected {
        self.members.remove("rowCount");
        self.without = Some(path);
        self
    }

    /// As long as nothing is nested.
    fn without_via(mut self) -> Expected {
        self.members.remove("nested");
        for row in self.members.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten()
        {
            if let Some(row) = row.as_object_mut() {
                row.remove("via");
            }
        }
        self
    }

    pub fn not_found() -> Expected {
        Expected { status: 404, ..Expected::answer() }.with("type", "/problems/not-found")
    }

    /// The refusal of a name that means nobody, or several.
    pub fn refused(known: &Known<'_>, application: Application, found: Found) -> Expected {
        match found {
            Found::Nobody => Expected::not_found(),
            Found::One(_) => unreachable!("it means one"),
            Found::Several(numbers) => {
                let ids = numbers.iter().map(|number| id_of(known, application, *number));
                let ids: Vec<Value> = ids.collect();
                Expected { status: 400, ..Expected::answer() }
                    .with("type", "/problems/ambiguous-name")
                    .with("candidates", ids)
            }
        }
    }
}

/// The address of a question, without `limit` and `cursor`.
pub fn address(shape: &Shape, asked: &Asked) -> String {
    let Asked { user, group, .. } = asked;
    let group = group.replace('\u{dc}', "%C3%9C");
    let app = "/apps/boat";
    let path = match shape.kind {
        Kind::Users => format!("{app}/users"),
        Kind::User => format!("{app}/users/{user}"),
        Kind::Groups => format!("{app}/groups"),
        Kind::Group => format!("{app}/groups/{group}"),
        Kind::Members => format!("{app}/groups/{group}/members"),
        Kind::UserTimeline => format!("{app}/users/{user}/timeline"),
        Kind::GroupTimeline => format!("{app}/groups/{group}/timeline"),
        Kind::Operations => "/operations".to_owned(),
        Kind::Diff => format!("{app}/groups/{group}/diff"),
        Kind::GroupIntervals => format!("{app}/groups/{group}/intervals"),
        Kind::UserIntervals => format!("{app}/users/{user}/intervals"),
        Kind::Joiners => "/reports/joiners".to_owned(),
        Kind::Leavers | Kind::LeaversOfList => "/reports/leavers".to_owned(),
        Kind::Movers => "/reports/movers".to_owned(),
        Kind::Reactivated => "/reports/reactivated".to_owned(),
        Kind::Blame => format!("{app}/users/{user}/blame"),
        Kind::Unapproved => "/reports/unapproved".to_owned(),
        Kind::Overlap => "/reports/overlap".to_owned(),
        Kind::Failing => "/reports/failing".to_owned(),
        Kind::Coverage => "/coverage".to_owned(),
        Kind::ImportedUsers => "/apps/raft/users".to_owned(),
        Kind::ImportedUser => format!("/apps/raft/users/{user}"),
        Kind::ImportedTimeline => format!("/apps/raft/users/{user}/timeline"),
        Kind::Operation => format!("/operations/{}", asked.event),
        Kind::Why => format!("{app}/users/{user}/why"),
        Kind::ImportedWhy => format!("/apps/raft/users/{user}/why"),
        Kind::Evidence => format!("/operations/{}/evidence", asked.event),
        Kind::Orphans => "/reports/orphans".to_owned(),
        Kind::Drift => "/reports/drift".to_owned(),
        Kind::Accesses => "/access-log".to_owned(),
        Kind::Job => format!("/jobs/{}", asked.job),
    };
    let mut parameters = vec![];
    let mut add = |name: &str, value: Option<String>| {
        parameters.extend(value.map(|value| format!("{name}={value}")));
    };
    match shape.when {
        When::At => add("at", asked.at.map(|time| time.to_string())),
        When::Stretch => {
            add("from", asked.from.map(|time| time.to_string()));
            add("to", asked.to.map(|time| time.to_string()));
        }
        When::Never => {}
    }
    add("knownAt", asked.known_at.clone());
    let app = asked.app.map(str::to_owned);
    let nested = asked.nested.then(|| "true".to_owned());
    match shape.kind {
        Kind::Users | Kind::ImportedUsers => {
            add("active", asked.active.map(|active| active.to_string()))
        }
        Kind::User => {
            add("include", asked.include_groups.then(|| "groups".to_owned()));
            add("nested", nested.filter(|_| asked.include_groups));
        }
        Kind::Members => add("nested", nested),
        Kind::GroupIntervals => add("user", asked.other_user.clone()),
        Kind::UserIntervals => add("group", asked.other_group.clone()),
        Kind::Movers => {
            add("app", app);
            add("on", asked.on.map(str::to_owned));
        }
        Kind::LeaversOfList => {
            add("app", app);
            add("list", Some("left".to_owned()));
            add("within", asked.within_seconds.map(|seconds| format!("PT{seconds}S")));
        }
        Kind::Blame => add("path", asked.path.map(str::to_owned)),
        Kind::Overlap => {
            add("app", Some("boat".to_owned()));
            add("groups", Some(asked.groups.join(",")));
        }
        Kind::Operations => {
            add("app", app);
            add("resource", asked.resource.clone());
            for (name, value) in &asked.filters {
                add(name, Some(value.clone()));
            }
        }
        Kind::Orphans => {
            add("app", app);
            add("list", Some("left".to_owned()));
        }
        Kind::Accesses => {
            add("app", app);
            add("credential", asked.credential.clone());
        }
        Kind::Joiners
        | Kind::Leavers
        | Kind::Reactivated
        | Kind::Unapproved
        | Kind::Failing
        | Kind::Drift
        | Kind::Coverage => add("app", app),
        Kind::Groups
        | Kind::Group
        | Kind::UserTimeline
        | Kind::GroupTimeline
        | Kind::Diff
        | Kind::ImportedUser
        | Kind::ImportedTimeline
        | Kind::Operation
        | Kind::Why
        | Kind::ImportedWhy
        | Kind::Evidence
        | Kind::Job => {}
    }
    match parameters.is_empty() {
        true => format!("/api/v1{path}"),
        false => format!("/api/v1{path}?{}", parameters.join("&")),
    }
}

/// The answer to a question; `None` where its shape does not say what is right. `list` is the newest one
/// that was uploaded under the name `left`, when any is known, with its event.
pub fn expected(
    shape: &Shape,
    known: &Known<'_>,
    asked: &Asked,
    list: Option<(Seq, &[Termination])>,
) -> Option<Expected> {
    let expected = match shape.kind {
        Kind::Users => resources::users(known, asked),
        Kind::User => resources::one(known, asked, ResourceType::USER),
        Kind::Groups => resources::groups(known, asked),
        Kind::Group => resources::one(known, asked, ResourceType::GROUP),
        Kind::Members => members::members(known, asked),
        Kind::UserTimeline => operations::timeline(known, asked, ResourceType::USER, "boat"),
        Kind::GroupTimeline => operations::timeline(known, asked, ResourceType::GROUP, "boat"),
        Kind::Operations => operations::list(known, asked),
        Kind::Diff => members::diff(known, asked),
        Kind::GroupIntervals => members::intervals(known, asked, ResourceType::GROUP),
        Kind::UserIntervals => members::intervals(known, asked, ResourceType::USER),
        Kind::Joiners => reports::joiners(known, asked),
        Kind::Leavers => reports::leavers(known, asked),
        Kind::LeaversOfList => reports::leavers_of(known, asked, list?.1)?,
        Kind::Movers => reports::movers(known, asked),
        Kind::Reactivated => reports::reactivated(known, asked),
        Kind::Blame => resources::blame(known, asked),
        Kind::Unapproved => operations::unapproved(known, asked),
        Kind::Overlap => members::overlap(known, asked),
        Kind::Failing => operations::failing(known, asked),
        Kind::Coverage => coverage_list(known, asked),
        Kind::ImportedUsers => imports::users(known, asked),
        Kind::ImportedUser => imports::user(known, asked),
        Kind::ImportedTimeline => operations::timeline(known, asked, ResourceType::USER, "raft"),
        Kind::Operation => detail::operation(known, asked),
        Kind::Why => why::why(known, asked, "boat"),
        Kind::ImportedWhy => why::why(known, asked, "raft"),
        Kind::Evidence => record::evidence(known, asked),
        Kind::Orphans => reports::orphans(known, asked, list),
        Kind::Drift => operations::drift(known, asked),
        Kind::Accesses => record::accesses(known, asked),
        Kind::Job => jobs::job(known, asked),
    };
    if expected.status != 200 {
        return Some(expected);
    }
    let expected = if NESTED { expected } else { expected.without_via() };
    let (mut gaps, count) = match shape.when {
        When::At => {
            let at = asked.at.unwrap_or(known.now);
            let is_fixed = at < known.now || known.is_repeatable;
            (known.gaps_at(at), is_fixed.then(|| known.through(at)))
        }
        When::Stretch => {
            let gaps = known.gaps_between(asked.from, asked.to);
            (gaps, known.is_repeatable.then_some(known.size))
        }
        When::Never => (vec![], known.is_repeatable.then_some(known.size)),
    };
    if spans_several(known, shape.kind, asked) {
        gaps.iter_mut().for_each(|gap| gap["application"] = Value::Null);
    }
    gaps.extend(expected.gaps.iter().cloned());
    let expected = expected.with("coverage", coverage(gaps));
    // What nobody bounds stands at the end of the log, where the questions themselves are.
    Some(match count {
        Some(count) => expected.with("atSeq", count.checked_sub(1)),
        None => expected,
    })
}

/// Whether the answer is about several applications, of which each gap names its own.
fn spans_several(known: &Known<'_>, kind: Kind, asked: &Asked) -> bool {
    let may_span = matches!(
        kind,
        Kind::Operations
            | Kind::Joiners
            | Kind::Leavers
            | Kind::LeaversOfList
            | Kind::Movers
            | Kind::Reactivated
            | Kind::Unapproved
            | Kind::Failing
            | Kind::Coverage
            | Kind::Orphans
            | Kind::Drift
    );
    may_span && known.applications(asked.app).len() > 1
}

fn rows_of(gaps: &[Value], slug: Option<&str>) -> Vec<Value> {
    let mut rows = gaps.to_vec();
    for row in &mut rows {
        row["application"] = json!(slug);
    }
    rows
}

/// `GET /coverage`, of a recorder that never stopped.
fn coverage_list(known: &Known<'_>, asked: &Asked) -> Expected {
    let mut rows = rows_of(&known.gaps_between(asked.from, asked.to), None);
    let mut holes = vec![];
    for application in known.applications(asked.app) {
        let gaps = imports::holes_between(known, application, asked);
        let named = rows_of(&gaps, Some(known.slug(application)));
        holes.extend(if spans_several(known, Kind::Coverage, asked) {
            named.clone()
        } else {
            gaps
        });
        rows.extend(named);
    }
    Expected::rows(rows).unordered().with_gaps(holes)
}
