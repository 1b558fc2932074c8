//! Addresses of pages: read from a request, and written for links.

pub(crate) use answers::encoded;
use answers::{API, Described, Kind, Place, named};
use axum::http::Uri;
use query::name::{joined, parted};

/// Names and texts of a question: those in the path, then those of the query.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    described: &'static Described,
    pairs: Vec<(String, String)>,
    /// The names of parameters that are the page's own.
    own_names: &'static [&'static str],
    own: Vec<(String, String)>,
}

impl Given {
    /// Reads the address of a page. `names` are those in its path; `own_names` are parameters of the page
    /// that the question does not know, such as which tab is open.
    pub(crate) fn read(
        described: &'static Described,
        own_names: &'static [&'static str],
        names: Vec<(String, String)>,
        uri: &Uri,
    ) -> Given {
        let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        // Any query parses as a list of pairs.
        let query = query.map(|pairs| pairs.0).unwrap_or_default();
        let is_own = |(name, _): &(String, String)| own_names.contains(&name.as_str());
        let (own, asked): (Vec<_>, Vec<_>) = query.into_iter().partition(is_own);
        let pairs = names.into_iter().chain(asked).collect();
        Given { described, pairs, own_names, own }
    }

    /// The question.
    pub(crate) fn described(&self) -> &'static Described {
        self.described
    }

    /// A question with these names and texts.
    pub(crate) fn of(described: &'static Described, pairs: &[(String, String)]) -> Given {
        Given { described, pairs: pairs.to_vec(), own_names: &[], own: vec![] }
    }

    /// Whether a form left fields empty; such an address is better without them.
    pub(crate) fn has_empty(&self) -> bool {
        self.pairs.iter().chain(&self.own).any(|(_, text)| text.is_empty())
    }

    /// The same with the names that a person typed into a form as addresses take them; `None` if they are
    /// so already.
    pub(crate) fn with_typed_names(&self) -> Option<Given> {
        let mut given = self.clone();
        for (name, text) in &mut given.pairs {
            let parameter = self.described.parameter(name);
            let Some(parameter) = parameter.filter(|one| one.place == Place::Query) else {
                continue;
            };
            *text = match parameter.kind {
                Kind::User => named(text, "userName"),
                Kind::Group => named(text, "displayName"),
                // A list that cannot be split is refused with its reason.
                Kind::Groups => match parted(text) {
                    Some(groups) => {
                        let groups = groups.iter().map(|group| named(group.trim(), "displayName"));
                        joined(&groups.collect::<Vec<_>>())
                    }
                    None => continue,
                },
                _ => continue,
            };
        }
        (given.pairs != self.pairs).then_some(given)
    }

    /// The pairs as a question takes them.
    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        self.pairs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }

    /// The text of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(given, _)| given == name).map(|(_, text)| text.as_str())
    }

    /// The text of a parameter that is the page's own.
    pub(crate) fn own(&self, name: &str) -> Option<&str> {
        self.own.iter().find(|(given, _)| given == name).map(|(_, text)| text.as_str())
    }

    /// All parameters that are the page's own.
    pub(crate) fn own_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.own.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Whether a name stands in the path.
    pub(crate) fn is_in_path(&self, name: &str) -> bool {
        self.described.parameter(name).is_some_and(|one| one.place == Place::Path)
    }

    /// A template of a path with the names of this address.
    pub(crate) fn fill(&self, template: &str) -> String {
        let mut path = template.to_owned();
        for (name, text) in self.pairs.iter().filter(|(name, _)| self.is_in_path(name)) {
            path = path.replace(&format!("{{{name}}}"), &encoded(text));
        }
        path
    }

    /// Another address, about the same instant.
    pub(crate) fn at_same_time(&self, address: &str) -> String {
        let times = ["at", "knownAt", "tz"]
            .into_iter()
            .filter_map(|name| Some((name, self.get(name).filter(|text| !text.is_empty())?)));
        with_query(address.to_owned(), times)
    }

    /// Another question about the same thing at the same time.
    pub(crate) fn about(&self, described: &'static Described) -> Given {
        let stays = |name: &str| match name {
            "at" | "knownAt" | "tz" => described.known.contains(&name),
            name => self.is_in_path(name),
        };
        let pairs = self.pairs.iter().filter(|(name, text)| stays(name) && !text.is_empty());
        Given { described, pairs: pairs.cloned().collect(), own_names: &[], own: vec![] }
    }

    /// The application in its path.
    pub(crate) fn app(&self) -> Option<&str> {
        self.get("app")
    }

    /// Whether a required parameter of the query is missing.
    pub(crate) fn lacks_required(&self) -> bool {
        let required = self.described.parameters.iter().filter(|one| one.is_required);
        required.into_iter().any(|one| self.get(one.name).is_none())
    }

    /// The same with some parameters of the query replaced, or taken out by `None`. A page of a list is
    /// one of the same question, so `cursor` goes with any other change of the question.
    pub(crate) fn with(&self, changes: &[(&str, Option<&str>)]) -> Given {
        let is_own = |name: &str| self.own_names.contains(&name);
        let is_page = changes.iter().all(|(name, _)| *name == "cursor" || is_own(name))
            || changes.iter().any(|(name, _)| *name == "cursor");
        let stays = |(name, _): &(String, String)| {
            changes.iter().all(|(changed, _)| changed != name) && (is_page || name != "cursor")
        };
        let mut with = self.clone();
        with.pairs.retain(stays);
        with.own.retain(stays);
        for (name, text) in changes {
            if let Some(text) = text {
                let pairs = if is_own(name) { &mut with.own } else { &mut with.pairs };
                pairs.push(((*name).to_owned(), (*text).to_owned()));
            }
        }
        with
    }

    /// The address of the page, without empty parameters.
    pub(crate) fn page(&self) -> String {
        let address = self.address();
        let own = self.own_pairs().filter(|(_, text)| !text.is_empty());
        with_query(address.trim_start_matches(API).to_owned(), own)
    }

    /// The address of the API that gives the same answer.
    pub(crate) fn api(&self) -> String {
        self.address()
    }

    /// The address of the API that gives the whole answer as CSV in a zip.
    pub(crate) fn export(&self) -> String {
        let whole = self.with(&[("cursor", None), ("limit", None)]);
        let question = whole.address();
        let question = question.trim_start_matches(API).trim_start_matches('/');
        format!("{API}/export?question={}", encoded(question))
    }

    fn address(&self) -> String {
        let query =
            self.pairs.iter().filter(|(name, text)| !self.is_in_path(name) && !text.is_empty());
        let query = query.map(|(name, text)| (name.as_str(), text.as_str()));
        with_query(self.fill(self.described.path), query)
    }
}

/// An address with parameters.
pub(crate) fn with_query<'a>(
    mut address: String,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    for (name, text) in pairs {
        let sign = if address.contains('?') { '&' } else { '?' };
        address.push_str(&format!("{sign}{}={}", encoded(name), encoded(text)));
    }
    address
}

/// The path of a question's page, as a template of the router.
pub(crate) fn template(described: &'static Described) -> &'static str {
    described.path.trim_start_matches(API)
}

#[cfg(test)]
mod tests {
    use super::*;
    use answers::{AccessMatrix, Members, described};

    fn given(query: &str) -> Given {
        let names = [("app", "boat"), ("group", "displayName:Deck crew/1")];
        let names = names.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let uri = format!("/x{query}").parse().unwrap();
        Given::read(described::<Members>().unwrap(), &["tab"], names.into(), &uri)
    }

    const PATH: &str = "/apps/boat/groups/displayName%3ADeck%20crew%2F1/members";

    #[test]
    fn a_page_has_the_address_of_the_api_without_its_prefix() {
        let asked = given("?at=2026-03-31&limit=50&cursor=a%2Bb&nested=");
        assert_eq!(asked.page(), format!("{PATH}?at=2026-03-31&limit=50&cursor=a%2Bb"));
        assert_eq!(asked.api(), format!("/api/v1{}", asked.page()));
        assert!(asked.has_empty());
        assert!(!given("?at=1").has_empty());
        let question = encoded(&format!("{}?at=2026-03-31", &PATH[1..]));
        assert_eq!(asked.export(), format!("/api/v1/export?question={question}"));
    }

    #[test]
    fn what_is_the_pages_own_is_not_asked() {
        let asked = given("?tab=chart&at=2026-03-31&cursor=x");
        assert_eq!(asked.own("tab"), Some("chart"));
        assert_eq!(asked.get("tab"), None);
        assert_eq!(asked.page(), format!("{PATH}?at=2026-03-31&cursor=x&tab=chart"));
        assert_eq!(asked.api(), format!("/api/v1{PATH}?at=2026-03-31&cursor=x"));
        assert!(!asked.export().contains("chart"));
        let other = asked.with(&[("tab", Some("list"))]);
        assert_eq!(other.page(), format!("{PATH}?at=2026-03-31&cursor=x&tab=list"));
        assert_eq!(other.with(&[("at", None)]).page(), format!("{PATH}?tab=list"));
        assert_eq!(other.with(&[("tab", None), ("at", None)]).page(), PATH);
        assert!(given("?tab=").has_empty());
    }

    #[test]
    fn a_name_that_was_typed_gets_its_prefix() {
        let check = |text: &str, expected: Option<&str>| {
            let described = described::<AccessMatrix>().unwrap();
            let pairs = [("app", "boat"), ("groups", text)];
            let pairs = pairs.map(|(name, text)| (name.to_owned(), text.to_owned()));
            let typed = Given::of(described, &pairs).with_typed_names();
            assert_eq!(typed.as_ref().and_then(|given| given.get("groups")), expected, "{text}");
        };
        check("Crew, Deck", Some("displayName:Crew,displayName:Deck"));
        check(r#""Crew, Deck""#, Some(r#""displayName:Crew, Deck""#));
        check("displayName:Crew", None);
        check("e0269fe8-b301-47ca-a274-9ba8a97ca56e", None);
        check("\"", None);
    }

    #[test]
    fn another_filter_begins_at_the_first_page() {
        let asked = given("?at=2026-03-31&cursor=x");
        assert_eq!(asked.with(&[("at", Some("-1d"))]).page(), format!("{PATH}?at=-1d"));
        assert_eq!(asked.with(&[("at", None)]).page(), PATH);
        let next = asked.with(&[("cursor", Some("y"))]).page();
        assert_eq!(next, format!("{PATH}?at=2026-03-31&cursor=y"));
    }

    #[test]
    fn another_question_is_about_the_same_thing_and_time() {
        let asked = given("?at=2026-03-31&nested=true&cursor=x&tab=chart&knownAt=7");
        let stays = asked.about(described::<answers::StaysInGroup>().unwrap());
        let path = PATH.replace("/members", "/intervals");
        assert_eq!(stays.page(), format!("{path}?knownAt=7"));
        let group = asked.about(described::<answers::OneGroup>().unwrap());
        let path = PATH.replace("/members", "");
        assert_eq!(group.page(), format!("{path}?at=2026-03-31&knownAt=7"));
    }
}
