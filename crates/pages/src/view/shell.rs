//! What surrounds every page.

use askama::Template;

use crate::text;

/// The parts of the site, as the navigation names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Section {
    /// The start page.
    #[default]
    Start,
    /// The log explorer.
    Operations,
    /// Applications with their users and groups.
    Applications,
    /// Reports.
    Reports,
    /// Coverage and proofs.
    Integrity,
    /// Who asked what.
    AccessLog,
    /// Saved questions.
    Saved,
    /// Tokens, applications, lists, imports.
    Admin,
}

impl Section {
    /// All parts in the order of the navigation.
    pub const ALL: [Section; 8] = [
        Section::Start,
        Section::Operations,
        Section::Applications,
        Section::Reports,
        Section::Integrity,
        Section::AccessLog,
        Section::Saved,
        Section::Admin,
    ];

    /// What the navigation says.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Section::Start => "Start",
            Section::Operations => "Operations",
            Section::Applications => "Applications",
            Section::Reports => "Reports",
            Section::Integrity => "Integrity",
            Section::AccessLog => "Access log",
            Section::Saved => "Saved",
            Section::Admin => "Admin",
        }
    }

    /// Where the navigation leads.
    #[must_use]
    pub fn href(self) -> &'static str {
        match self {
            Section::Start => "/",
            Section::Operations => "/operations",
            Section::Applications => "/apps",
            Section::Reports => "/reports",
            Section::Integrity => "/integrity",
            Section::AccessLog => "/access-log",
            Section::Saved => "/saved-questions",
            Section::Admin => "/admin",
        }
    }
}

/// Who looks at the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedIn {
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
    /// The token for forms that change something.
    pub csrf: String,
    /// Whether the role is admin.
    pub is_admin: bool,
}

/// One step of the way from the start to the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crumb {
    /// What is read.
    pub label: String,
    /// Where it leads; none for the page itself.
    pub href: Option<String>,
}

/// What an answer on the page stands on: at the foot, and on every printed sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// What was asked: the address of the page.
    pub query: String,
    /// The instants that the answer is about, in words; empty if the page is about now.
    pub instants: String,
    /// The event that the answer stands at; none before the first.
    pub at_seq: Option<u64>,
    /// When the answer was made, RFC 3339.
    pub generated_at: String,
    /// Whether everything was watched, in a few words.
    pub coverage: String,
    /// The event of the access log that says that this page was read.
    pub access_seq: Option<u64>,
}

/// The head of a printed sheet has room for so much of what was asked.
const HEAD_CHARS: usize = 110;

impl Stamp {
    /// Whether the running head cannot show all that was asked, so that the end of the print does.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.query.len() > HEAD_CHARS
    }

    /// The event as people read it.
    #[must_use]
    pub fn event(&self) -> String {
        match self.at_seq {
            Some(seq) => format!("event {}", text::grouped(seq)),
            None => "before the first event".to_owned(),
        }
    }

    /// The event that says that this page was read, as people read it.
    #[must_use]
    pub fn access(&self) -> Option<String> {
        self.access_seq.map(text::grouped)
    }

    /// When the answer was made, to the second.
    #[must_use]
    pub fn second(&self) -> String {
        text::second(&self.generated_at)
    }
}

/// Something that is said once, after an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether the act succeeded.
    pub is_good: bool,
    /// What happened.
    pub text: String,
}

/// What surrounds a page. The template `layout.html` reads it as the field `shell`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shell {
    /// The page's title and first heading.
    pub title: String,
    /// A line under the title.
    pub subtitle: String,
    /// The part of the site that the page belongs to.
    pub section: Section,
    /// Who looks.
    pub signed_in: Option<SignedIn>,
    /// The way from the start.
    pub crumbs: Vec<Crumb>,
    /// What the answer on the page stands on.
    pub stamp: Option<Stamp>,
    /// What is said once.
    pub notice: Option<Notice>,
    /// Whether a page that does not know its reader, such as that of an error, leads to the parts of the site.
    pub leads_on: bool,
}

impl Shell {
    /// The parts of the site that the reader may open.
    #[must_use]
    pub fn sections(&self) -> Vec<Section> {
        match &self.signed_in {
            None if self.leads_on => {
                Section::ALL.into_iter().filter(|section| *section != Section::Admin).collect()
            }
            None => Vec::new(),
            Some(who) => Section::ALL
                .into_iter()
                .filter(|section| *section != Section::Admin || who.is_admin)
                .collect(),
        }
    }

    /// Whether the page belongs to a part of the site.
    #[must_use]
    pub fn is_in(&self, section: Section) -> bool {
        !self.leads_on && self.section == section
    }

    /// The version of the program.
    #[must_use]
    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// A page that says what went wrong and what to do.
#[derive(Template, Clone, Debug, Default)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// What surrounds it; the title says what went wrong.
    pub shell: Shell,
    /// The status of HTTP.
    pub status: u16,
    /// What happened, in a sentence.
    pub detail: String,
    /// What to do next.
    pub hints: Vec<super::Link>,
    /// The id of the request, for the administrator.
    pub request_id: String,
}

/// The page that asks who is there.
#[derive(Template, Clone, Debug, Default)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// What surrounds it.
    pub shell: Shell,
    /// Why the last try failed.
    pub error: Option<String>,
    /// The address to go to afterwards.
    pub next: String,
    /// Where to sign in elsewhere: the name of the identity provider and the address.
    pub provider: Option<super::Link>,
    /// Whether a one-time link signs in: the page has a button instead of a field.
    pub is_link: bool,
    /// Where the form is sent.
    pub action: String,
}
