//! Addresses of everything that `answers` describes, so that a test that holds for all of them holds for
//! the next one too. What a parameter takes comes from its kind, over what the test has to ask about.

use answers::{Kind, Parameter, Place};

/// What a test has to ask about, in the words of an address.
pub struct Samples {
    pub app: &'static str,
    pub user: &'static str,
    pub group: &'static str,
    /// Two, with a comma between them.
    pub groups: &'static str,
    pub list: &'static str,
    /// The name of a saved question that asks about the application.
    pub saved: &'static str,
    /// The id of a token.
    pub token: String,
    /// The seq of an operation of the application.
    pub operation: String,
    /// The seq of a review of the application's memberships.
    pub review: String,
}

/// An address that can be asked.
#[derive(Clone, Debug)]
pub struct Address {
    /// Path and query.
    pub text: String,
    /// Whether it names the application, or what is the application's.
    pub is_of_application: bool,
}

impl Samples {
    /// What a parameter takes: every word of a choice, else one value.
    fn values(&self, parameter: &Parameter) -> Vec<String> {
        let value = match &parameter.kind {
            Kind::Choice(words) => return words.iter().map(|one| one.word.clone()).collect(),
            Kind::Bool => return vec!["true".to_owned(), "false".to_owned()],
            Kind::Text => self.text(parameter),
            Kind::Flag => "true",
            Kind::Number { .. } if parameter.name == "review" => &self.review,
            Kind::Number { min, .. } => return vec![min.to_string()],
            Kind::App => self.app,
            Kind::User | Kind::Resource => self.user,
            Kind::Group => self.group,
            Kind::Groups => self.groups,
            Kind::Duration => "24h",
            Kind::Token => &self.token,
            Kind::ListName => self.list,
            Kind::QuestionName => self.saved,
            Kind::AttributePath => "userName",
            Kind::Instant(_) => "2026-03-01",
            Kind::KnownAt => "1",
            Kind::Zone => "UTC",
            Kind::Cursor => panic!("`{}`: a cursor comes from the page before", parameter.name),
        };
        vec![value.to_owned()]
    }

    /// A text that says more than any text would.
    fn text(&self, parameter: &Parameter) -> &str {
        match parameter.name {
            "operation" => &self.operation,
            "job" => self.app,
            "id" => &self.token,
            "question" => "operations",
            "resourceType" => "User",
            // Digits are a token, a run of an import, anything else.
            _ if !parameter.is_required => "7",
            name => panic!(
                "no sample for `{name}`, which takes any text: give it a kind in `answers`, or a text in \
                 tests/harness/samples.rs"
            ),
        }
    }

    /// What an address cannot do without, each with a value.
    pub fn needed<'a>(&self, parameters: &'a [Parameter]) -> Vec<(&'a Parameter, String)> {
        let needed = parameters.iter().filter(|one| one.is_required || one.place == Place::Path);
        needed.map(|one| (one, self.values(one).swap_remove(0))).collect()
    }

    /// The address with nothing but that.
    pub fn smallest(&self, template: &str, parameters: &[Parameter]) -> Address {
        let mut address = Address { text: template.to_owned(), is_of_application: false };
        for (parameter, value) in self.needed(parameters) {
            address.add(parameter, &value);
        }
        address
    }

    /// That one, and with each of its own parameters in turn, each value once.
    pub fn forms(&self, template: &str, parameters: &[Parameter]) -> Vec<Address> {
        let smallest = self.smallest(template, parameters);
        let mut all = vec![smallest.clone()];
        let own = |one: &&Parameter| one.place == Place::Query && !one.is_required;
        for parameter in parameters.iter().filter(own) {
            let mut base = smallest.clone();
            let mut other = parameter.requires.as_deref();
            while let Some(needed) =
                other.and_then(|name| parameters.iter().find(|one| one.name == name))
            {
                base.add(needed, &self.values(needed)[0]);
                other = needed.requires.as_deref();
            }
            for value in self.values(parameter) {
                let mut form = base.clone();
                form.add(parameter, &value);
                all.push(form);
            }
        }
        all
    }
}

impl Address {
    fn add(&mut self, parameter: &Parameter, value: &str) {
        let name = parameter.name;
        self.is_of_application |= matches!(parameter.kind, Kind::App | Kind::QuestionName)
            || matches!(name, "operation" | "job" | "review");
        match parameter.place {
            Place::Path => self.text = self.text.replace(&format!("{{{name}}}"), value),
            Place::Query | Place::Time | Place::Page => self.with(&format!("{name}={value}")),
        }
    }

    /// Adds a pair to its query.
    pub fn with(&mut self, pair: &str) {
        self.text.push(if self.text.contains('?') { '&' } else { '?' });
        self.text.push_str(pair);
    }
}
