//! The questions: their addresses, and the oracle's function for each.

use event::{Application, ResourceType, Seq, Timestamp};
use serde_json::{Map, Value, json};

use super::known::{Known, coverage};
use super::reports::Termination;
use super::resources::{Found, id_of};
use super::{
    counts, detail, imports, jobs, members, operations, overview, record, reports, resources,
    reviews, why,
};

/// A kind of question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Users,
    User,
    Groups,
    PrivilegedGroups,
    Group,
    Members,
    Matrix,
    UserTimeline,
    GroupTimeline,
    Operations,
    Histogram,
    Facets,
    Diff,
    Sizes,
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
    Reviews,
    Review,
    Orphans,
    Drift,
    Accesses,
    Job,
    Overview,
    Imports,
    Cycles,
}

/// Which time parameters a question has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    At,
    Stretch,
    /// None: it is about one event.
    Never,
}

/// The properties of a question.
pub struct Shape {
    pub kind: Kind,
    /// Whether the test asks it.
    pub on: bool,
    pub when: When,
    /// Whether it is a list with `limit` and `cursor`.
    pub has_pages: bool,
}

const fn shape(kind: Kind, on: bool, when: When, has_pages: bool) -> Shape {
    Shape { kind, on, when, has_pages }
}

/// Every question.
pub const SHAPES: [Shape; 44] = [
    shape(Kind::Users, true, When::At, true),
    shape(Kind::User, true, When::At, false),
    shape(Kind::Groups, true, When::At, true),
    shape(Kind::PrivilegedGroups, true, When::At, true),
    shape(Kind::Group, true, When::At, false),
    shape(Kind::Members, true, When::At, true),
    shape(Kind::Matrix, true, When::At, true),
    shape(Kind::UserTimeline, true, When::Stretch, true),
    shape(Kind::GroupTimeline, true, When::Stretch, true),
    shape(Kind::Operations, true, When::Stretch, true),
    shape(Kind::Histogram, true, When::Stretch, true),
    shape(Kind::Facets, true, When::Stretch, true),
    shape(Kind::Diff, true, When::Stretch, true),
    shape(Kind::Sizes, true, When::Stretch, true),
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
    // Listed repeatedly, since imports give operations the most cases.
    shape(Kind::Operations, true, When::Stretch, true),
    shape(Kind::Why, true, When::At, false),
    // Listed repeatedly, since it has the most branches.
    shape(Kind::Why, true, When::At, false),
    shape(Kind::ImportedWhy, true, When::At, false),
    shape(Kind::Evidence, true, When::Never, true),
    shape(Kind::Reviews, true, When::Stretch, true),
    shape(Kind::Review, true, When::Never, false),
    shape(Kind::Orphans, true, When::At, true),
    shape(Kind::Drift, true, When::Stretch, true),
    shape(Kind::Accesses, true, When::Stretch, true),
    shape(Kind::Job, true, When::At, false),
    shape(Kind::Overview, true, When::At, true),
    shape(Kind::Imports, true, When::Never, true),
    shape(Kind::Cycles, true, When::Stretch, true),
];

/// Questions without a shape, each with the reason.
pub const NOT_ASKED: [(&str, &str); 9] = [
    ("/api/v1/apps", "configuration: it does not come from a history of requests"),
    ("/api/v1/apps/{app}", "the same of one application"),
    ("/api/v1/profiles", "the answer is part of the program"),
    ("/api/v1/tokens", "configuration"),
    (
        "/api/v1/configuration-log",
        "configuration, of which a history has little: it has tests of its own",
    ),
    ("/api/v1/saved-questions", "configuration"),
    ("/api/v1/saved-questions/{name}", "configuration"),
    ("/api/v1/reference-lists", "what is uploaded, which the reports by a list are compared with"),
    ("/api/v1/apps/{app}/groups/{group}/blame", "the same computation as that of a user"),
];

/// Whether `members` has `nested` and `via`, and `users/{user}` has `include=groups`.
pub const NESTED: bool = true;

/// The parameters of one question; the others keep their defaults.
#[derive(Clone, Default, Debug)]
pub struct Parameters {
    pub app: Option<&'static str>,
    pub at: Option<Timestamp>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub known_at: Option<String>,
    /// In the path; likewise `group`.
    pub user: String,
    pub group: String,
    /// Filters the intervals; likewise `other_group`.
    pub other_user: Option<String>,
    pub other_group: Option<String>,
    pub groups: Vec<String>,
    /// An instant before `at`.
    pub compare: Option<Timestamp>,
    /// Whether a matrix has the users without a group, too.
    pub all: bool,
    pub active: Option<bool>,
    pub nested: bool,
    pub include_groups: bool,
    pub on: Option<&'static str>,
    pub path: Option<&'static str>,
    pub within_seconds: Option<i64>,
    /// Filters of the list of operations.
    pub filters: Vec<(&'static str, String)>,
    pub resource: Option<String>,
    /// One event.
    pub event: Seq,
    /// A token's id.
    pub credential: Option<String>,
    pub job: String,
    /// Of the histogram; likewise the points of sizes.
    pub buckets: Option<u16>,
}

impl Parameters {
    /// The number of known events up to `at`.
    pub fn at_count(&self, known: &Known<'_>) -> usize {
        known.through(self.at.unwrap_or(known.now))
    }

    /// The period as counts of events: start and end.
    pub fn stretch(&self, known: &Known<'_>) -> (usize, usize) {
        let start = self.from.map_or(0, |from| known.before(from));
        (start, self.to.map_or(known.size, |to| known.before(to)))
    }
}

/// The expected answer.
#[derive(Debug)]
pub struct Expected {
    pub status: u16,
    /// Expected members of the answer; others are not compared.
    pub members: Map<String, Value>,
    /// Whether the order of the rows is specified.
    pub is_ordered: bool,
    /// Rows with this path are not compared.
    pub without: Option<&'static str>,
    /// A column that is not compared.
    pub open: Option<&'static str>,
    /// Further coverage gaps besides those of the recorder.
    pub gaps: Vec<Value>,
    /// What the texts of the answer must contain, if it has any.
    pub texts: Option<Texts>,
}

/// Expectations for the texts of an answer.
#[derive(Debug)]
pub struct Texts {
    /// Texts that the conclusion must contain.
    pub concluding: Vec<String>,
    /// Whether it has a remedy.
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

    /// The names of the user or group that all rows are about.
    pub fn about(self, kind: ResourceType, named: Map<String, Value>) -> Expected {
        let (id, name) = match kind {
            ResourceType::USER => (("userId", "userId"), ("userName", "userName")),
            _ => (("groupId", "userId"), ("groupName", "displayName")),
        };
        [id, name].into_iter().fold(self, |told, (own, member)| {
            told.with(own, named.get(member).cloned().unwrap_or_default())
        })
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

    /// For a server without nested groups.
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

    /// The error for a name that matches nobody, or several.
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

/// The path and query of a question, without `limit` and `cursor`.
pub fn address(shape: &Shape, parameters: &Parameters) -> String {
    let Parameters { user, group, .. } = parameters;
    let group = group.replace('\u{dc}', "%C3%9C");
    let app = "/apps/boat";
    let path = match shape.kind {
        Kind::Users => format!("{app}/users"),
        Kind::User => format!("{app}/users/{user}"),
        Kind::Groups => format!("{app}/groups"),
        Kind::PrivilegedGroups => "/privileged-groups".to_owned(),
        Kind::Group => format!("{app}/groups/{group}"),
        Kind::Members => format!("{app}/groups/{group}/members"),
        Kind::Matrix => format!("{app}/matrix"),
        Kind::UserTimeline => format!("{app}/users/{user}/timeline"),
        Kind::GroupTimeline => format!("{app}/groups/{group}/timeline"),
        Kind::Operations => "/operations".to_owned(),
        Kind::Histogram => "/operations/histogram".to_owned(),
        Kind::Facets => "/operations/facets".to_owned(),
        Kind::Diff => format!("{app}/groups/{group}/diff"),
        Kind::Sizes => format!("{app}/groups/{group}/sizes"),
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
        Kind::Operation => format!("/operations/{}", parameters.event),
        Kind::Why => format!("{app}/users/{user}/why"),
        Kind::ImportedWhy => format!("/apps/raft/users/{user}/why"),
        Kind::Evidence => format!("/operations/{}/evidence", parameters.event),
        Kind::Reviews => "/reviews".to_owned(),
        Kind::Review => format!("/reviews/{}", parameters.event),
        Kind::Orphans => "/reports/orphans".to_owned(),
        Kind::Drift => "/reports/drift".to_owned(),
        Kind::Accesses => "/access-log".to_owned(),
        Kind::Job => format!("/jobs/{}", parameters.job),
        Kind::Overview => "/overview".to_owned(),
        Kind::Imports => format!("/apps/{}/imports", parameters.app.unwrap_or("boat")),
        Kind::Cycles => format!("/apps/{}/cycles", parameters.app.unwrap_or("raft")),
    };
    let mut pairs = vec![];
    let mut add = |name: &str, value: Option<String>| {
        pairs.extend(value.map(|value| format!("{name}={value}")));
    };
    match shape.when {
        When::At => add("at", parameters.at.map(|time| time.to_string())),
        When::Stretch => {
            add("from", parameters.from.map(|time| time.to_string()));
            add("to", parameters.to.map(|time| time.to_string()));
        }
        When::Never => {}
    }
    add("knownAt", parameters.known_at.clone());
    let app = parameters.app.map(str::to_owned);
    let nested = parameters.nested.then(|| "true".to_owned());
    match shape.kind {
        Kind::Users | Kind::ImportedUsers => {
            add("active", parameters.active.map(|active| active.to_string()))
        }
        Kind::User => {
            add("include", parameters.include_groups.then(|| "groups".to_owned()));
            add("nested", nested.filter(|_| parameters.include_groups));
        }
        Kind::Members => add("nested", nested),
        Kind::Matrix => {
            let groups = &parameters.groups;
            add("groups", (!groups.is_empty()).then(|| groups.join(",")));
            add("compare", parameters.compare.map(|time| time.to_string()));
            add("nested", nested);
            add("allUsers", parameters.all.then(|| "true".to_owned()));
        }
        Kind::Sizes => add("points", parameters.buckets.map(|points| points.to_string())),
        Kind::GroupIntervals => add("user", parameters.other_user.clone()),
        Kind::UserIntervals => add("group", parameters.other_group.clone()),
        Kind::Movers => {
            add("app", app);
            add("on", parameters.on.map(str::to_owned));
        }
        Kind::LeaversOfList => {
            add("app", app);
            add("list", Some("left".to_owned()));
            add("within", parameters.within_seconds.map(|seconds| format!("PT{seconds}S")));
        }
        Kind::Blame => add("path", parameters.path.map(str::to_owned)),
        Kind::Overlap => {
            add("app", Some("boat".to_owned()));
            add("groups", Some(parameters.groups.join(",")));
        }
        Kind::Operations | Kind::Histogram | Kind::Facets => {
            add("app", app);
            let buckets = parameters.buckets.filter(|_| shape.kind == Kind::Histogram);
            add("buckets", buckets.map(|buckets| buckets.to_string()));
            add("resource", parameters.resource.clone());
            for (name, value) in &parameters.filters {
                add(name, Some(value.clone()));
            }
        }
        Kind::Orphans => {
            add("app", app);
            add("list", Some("left".to_owned()));
        }
        Kind::Accesses => {
            add("app", app);
            add("credential", parameters.credential.clone());
        }
        Kind::Joiners
        | Kind::Leavers
        | Kind::Reactivated
        | Kind::Unapproved
        | Kind::Failing
        | Kind::Drift
        | Kind::Coverage => add("app", app),
        Kind::PrivilegedGroups | Kind::Overview | Kind::Reviews => add("app", app),
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
        | Kind::Review
        | Kind::Imports
        | Kind::Cycles
        | Kind::Job => {}
    }
    match pairs.is_empty() {
        true => format!("/api/v1{path}"),
        false => format!("/api/v1{path}?{}", pairs.join("&")),
    }
}

/// The answer to a question; `None` if the oracle cannot tell. `list` is the newest known list with the
/// name `left`, with its event.
pub fn expected(
    shape: &Shape,
    known: &Known<'_>,
    parameters: &Parameters,
    list: Option<(Seq, &[Termination])>,
) -> Option<Expected> {
    let expected = match shape.kind {
        Kind::Users => resources::users(known, parameters),
        Kind::User => resources::one(known, parameters, ResourceType::USER),
        Kind::Groups => resources::groups(known, parameters),
        Kind::PrivilegedGroups => resources::privileged_groups(known, parameters),
        Kind::Group => resources::one(known, parameters, ResourceType::GROUP),
        Kind::Members => members::members(known, parameters),
        Kind::Matrix => members::matrix(known, parameters),
        Kind::UserTimeline => operations::timeline(known, parameters, ResourceType::USER, "boat"),
        Kind::GroupTimeline => operations::timeline(known, parameters, ResourceType::GROUP, "boat"),
        Kind::Operations => operations::list(known, parameters),
        Kind::Histogram => counts::histogram(known, parameters),
        Kind::Facets => counts::facets(known, parameters),
        Kind::Diff => members::diff(known, parameters),
        Kind::Sizes => members::sizes(known, parameters),
        Kind::GroupIntervals => members::intervals(known, parameters, ResourceType::GROUP),
        Kind::UserIntervals => members::intervals(known, parameters, ResourceType::USER),
        Kind::Joiners => reports::joiners(known, parameters),
        Kind::Leavers => reports::leavers(known, parameters),
        Kind::LeaversOfList => reports::leavers_of(known, parameters, list?.1)?,
        Kind::Movers => reports::movers(known, parameters),
        Kind::Reactivated => reports::reactivated(known, parameters),
        Kind::Blame => resources::blame(known, parameters),
        Kind::Unapproved => operations::unapproved(known, parameters),
        Kind::Overlap => members::overlap(known, parameters),
        Kind::Failing => operations::failing(known, parameters),
        Kind::Coverage => coverage_list(known, parameters),
        Kind::ImportedUsers => imports::users(known, parameters),
        Kind::ImportedUser => imports::user(known, parameters),
        Kind::ImportedTimeline => {
            operations::timeline(known, parameters, ResourceType::USER, "raft")
        }
        Kind::Operation => detail::operation(known, parameters),
        Kind::Why => why::why(known, parameters, "boat"),
        Kind::ImportedWhy => why::why(known, parameters, "raft"),
        Kind::Evidence => record::evidence(known, parameters),
        Kind::Reviews => reviews::list(known, parameters),
        Kind::Review => reviews::one(known, parameters),
        Kind::Orphans => reports::orphans(known, parameters, list),
        Kind::Drift => operations::drift(known, parameters),
        Kind::Accesses => record::accesses(known, parameters),
        Kind::Job => jobs::job(known, parameters),
        Kind::Overview => overview::overview(known, parameters),
        Kind::Imports => imports::list(known, parameters),
        Kind::Cycles => imports::cycles(known, parameters),
    };
    if expected.status != 200 {
        return Some(expected);
    }
    let expected = if NESTED { expected } else { expected.without_via() };
    let (mut gaps, count) = match shape.when {
        When::At => {
            let at = parameters.at.unwrap_or(known.now);
            let is_fixed = at < known.now || known.is_repeatable;
            (known.gaps_at(at), is_fixed.then(|| known.through(at)))
        }
        When::Stretch => {
            let gaps = known.gaps_between(parameters.from, parameters.to);
            (gaps, known.is_repeatable.then_some(known.size))
        }
        When::Never => (vec![], known.is_repeatable.then_some(known.size)),
    };
    if matches!(shape.kind, Kind::Reviews) {
        // What was reviewed is on record, whatever was not watched.
        gaps.clear();
    }
    if spans_several(known, shape.kind, parameters) {
        gaps.iter_mut().for_each(|gap| gap["application"] = Value::Null);
    }
    gaps.extend(expected.gaps.iter().cloned());
    let expected = expected.with("coverage", coverage(gaps));
    // An unbounded question uses the end of the log, where the questions themselves are recorded.
    Some(match count {
        Some(count) => expected.with("atSeq", count.checked_sub(1)),
        None => expected,
    })
}

/// Whether the answer covers several applications, so that each gap names its own.
fn spans_several(known: &Known<'_>, kind: Kind, parameters: &Parameters) -> bool {
    let may_span = matches!(
        kind,
        Kind::Operations
            | Kind::Histogram
            | Kind::Facets
            | Kind::Joiners
            | Kind::Leavers
            | Kind::LeaversOfList
            | Kind::Movers
            | Kind::Reactivated
            | Kind::Unapproved
            | Kind::Failing
            | Kind::PrivilegedGroups
            | Kind::Overview
            | Kind::Coverage
            | Kind::Orphans
            | Kind::Drift
    );
    may_span && known.applications(parameters.app).len() > 1
}

fn rows_of(gaps: &[Value], slug: Option<&str>) -> Vec<Value> {
    let mut rows = gaps.to_vec();
    for row in &mut rows {
        row["application"] = json!(slug);
    }
    rows
}

/// `GET /coverage`, of a recorder that never stopped.
fn coverage_list(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let mut rows = rows_of(&known.gaps_between(parameters.from, parameters.to), None);
    let mut holes = vec![];
    for application in known.applications(parameters.app) {
        let gaps = imports::holes_between(known, application, parameters);
        let named = rows_of(&gaps, Some(known.slug(application)));
        holes.extend(if spans_several(known, Kind::Coverage, parameters) {
            named.clone()
        } else {
            gaps
        });
        rows.extend(named);
    }
    Expected::rows(rows).unordered().with_gaps(holes)
}
