//! Where a page stands: its part of the site, the way from the start, and the tabs beside it.

use answers::{Described, all};

use crate::address::{Given, encoded, template};
use crate::view::{Crumb, Section, Tab, Tabs};

/// The part of the site that a question belongs to.
pub(crate) fn section(described: &Described) -> Section {
    let path = described.path.trim_start_matches("/api/v1/");
    match path.split('/').next().unwrap_or_default() {
        "apps" | "jobs" => Section::Applications,
        "operations" => Section::Operations,
        "reports" => Section::Reports,
        "coverage" | "reviews" => Section::Integrity,
        "access-log" => Section::AccessLog,
        "saved-questions" => Section::Saved,
        "overview" => Section::Start,
        _ => Section::Admin,
    }
}

/// The way from the start to a page, without the page itself.
pub(crate) fn crumbs(given: &Given) -> Vec<Crumb> {
    let mut crumbs = vec![];
    let mut to = |label: String, href: String| {
        crumbs.push(Crumb { label, href: Some(href) });
    };
    let Some(app) = given.app() else { return crumbs };
    let of_app = format!("/apps/{}", encoded(app));
    to("Applications".to_owned(), "/apps".to_owned());
    to(app.to_owned(), of_app.clone());
    for (name, plural, words) in [("group", "groups", "Groups"), ("user", "users", "Users")] {
        if let Some(text) = given.get(name).filter(|_| given.is_in_path(name)) {
            to(words.to_owned(), format!("{of_app}/{plural}"));
            let address = format!("{of_app}/{plural}/{}", encoded(text));
            to(bare(text).to_owned(), given.at_same_time(&address));
        }
    }
    crumbs
}

/// A name without the prefix that says what kind of name it is.
pub(crate) fn bare(name: &str) -> &str {
    let prefixes = ["userName:", "displayName:", "externalId:", "id:"];
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// A title with names as people write them.
pub(crate) fn with_bare_names(given: &Given, title: String) -> String {
    let mut title = title;
    for name in ["user", "group"] {
        if let Some(text) = given.get(name) {
            title = title.replace(text, bare(text));
        }
    }
    title
}

/// The questions about the same thing: a user, a group, or an application.
pub(crate) fn tabs(described: &'static Described, given: &Given) -> Option<Tabs> {
    let path = template(described);
    let things = [
        ("/apps/{app}/users/{user}", "User"),
        ("/apps/{app}/groups/{group}", "Group"),
        ("/apps/{app}", "Application"),
    ];
    let (thing, label) = things.into_iter().find(|(thing, _)| path.starts_with(thing))?;
    let is_of_thing = |one: &&'static Described| {
        let rest = template(one).strip_prefix(thing);
        rest.is_some_and(|rest| rest.matches('/').count() <= 1 && !rest.contains('{'))
    };
    let rest =
        |one: &'static Described| template(one).trim_start_matches(thing).trim_start_matches('/');
    let mut all: Vec<&'static Described> = all().iter().filter(is_of_thing).collect();
    // What is not in the list comes last, in the order of the reference.
    all.sort_by_key(|one| TABS.iter().position(|tab| *tab == rest(one)).unwrap_or(TABS.len()));
    let tabs = all.into_iter().map(|one| {
        let address = given.fill(template(one));
        Tab {
            label: tab_label(rest(one)).to_owned(),
            href: given.at_same_time(&address),
            count: None,
            is_current: one.path == described.path,
        }
    });
    let mut tabs: Vec<Tab> = tabs.collect();
    if label == "Application" {
        tabs.extend(given.app().into_iter().flat_map(beyond));
    }
    Some(Tabs { label: label.to_owned(), tabs })
}

/// What else there is about an application, at addresses that do not begin with its own.
fn beyond(app: &str) -> [Tab; 2] {
    let tab = |label: &str, href: String| Tab { label: label.to_owned(), href, ..Tab::default() };
    let app = encoded(app);
    [
        tab("Operations", format!("/operations?app={app}")),
        tab("Failing", format!("/reports/failing?app={app}")),
    ]
}

/// The ends of paths in the order of their tabs: what most people ask first.
const TABS: [&str; 7] = ["", "members", "intervals", "diff", "why", "timeline", "blame"];

/// The name of a page in the way to it.
pub(crate) fn label(described: &'static Described) -> String {
    let last = template(described).rsplit('/').next().unwrap_or_default();
    let words = tab_label(last);
    let rest = words.get(1..).unwrap_or_default();
    words.get(..1).map(str::to_ascii_uppercase).unwrap_or_default() + rest
}

/// The name of a tab, by the end of its path.
fn tab_label(rest: &str) -> &str {
    match rest {
        "" => "Overview",
        "blame" => "Origin of values",
        "diff" => "Compare dates",
        "intervals" => "Stays",
        "timeline" => "Timeline",
        "why" => "Why",
        "members" => "Members",
        "users" => "Users",
        "groups" => "Groups",
        "job" => "Provisioning",
        "matrix" => "Access matrix",
        "sizes" => "Size",
        "overlap" => "In several groups at once",
        "privileged-groups" => "Privileged groups",
        "cycles" => "Cycles",
        "imports" => "Imports",
        other => other,
    }
}
