//! The company: its applications, departments, people and groups, and who belongs where.

/// Domain of every user name.
pub(crate) const DOMAIN: &str = "fjordlight.example";

/// An application into which accounts are provisioned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum App {
    /// Social media: those who write, and those who answer for it.
    Hootsuite,
    /// Security training: everybody, externals too.
    Hoxhunt,
    /// The intranet: every employee.
    Jostle,
    /// Workshops: who builds, and who is hired to help.
    Howspace,
}

/// The attribute by which the identity provider looks for an account before it makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Matching {
    UserName,
    ExternalId,
}

impl App {
    /// All four, in the order of their slugs.
    pub const ALL: [App; 4] = [App::Hootsuite, App::Hoxhunt, App::Jostle, App::Howspace];

    /// Its name in addresses.
    pub fn slug(self) -> &'static str {
        match self {
            App::Hootsuite => "hootsuite",
            App::Hoxhunt => "hoxhunt",
            App::Jostle => "jostle",
            App::Howspace => "howspace",
        }
    }

    pub(crate) fn matching(self) -> Matching {
        match self {
            App::Hootsuite | App::Jostle => Matching::UserName,
            // An account of the same userName is not found this way, and the create is refused.
            App::Hoxhunt | App::Howspace => Matching::ExternalId,
        }
    }

    /// Whether the people of a department have a licence.
    pub(crate) fn serves(self, department: Department) -> bool {
        use Department::{
            Communications, Consultants, Design, Engineering, Leadership, Marketing, People,
            Platform,
        };
        match self {
            App::Hootsuite => matches!(department, Communications | Marketing),
            App::Hoxhunt => true,
            App::Jostle => department != Consultants,
            App::Howspace => matches!(
                department,
                Consultants | Design | Engineering | Leadership | People | Platform
            ),
        }
    }

    /// Whether a group is provisioned.
    pub(crate) fn carries(self, group: &Group) -> bool {
        match (self, group.kind) {
            (App::Hootsuite, kind) => kind == GroupKind::Social,
            (_, GroupKind::Social) => false,
            (App::Hoxhunt, _) | (App::Jostle, GroupKind::Office(_)) => true,
            (_, GroupKind::Department(department)) => self.serves(department),
            (App::Howspace, GroupKind::Project) => true,
            (App::Howspace, GroupKind::Office(_)) | (App::Jostle, GroupKind::Project) => false,
        }
    }
}

/// A department, which is a group too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Department {
    Leadership,
    Finance,
    People,
    Sales,
    Marketing,
    Communications,
    Care,
    Engineering,
    Platform,
    Design,
    Legal,
    Logistics,
    Consultants,
}

impl Department {
    pub(crate) const ALL: [Department; 13] = [
        Department::Leadership,
        Department::Finance,
        Department::People,
        Department::Sales,
        Department::Marketing,
        Department::Communications,
        Department::Care,
        Department::Engineering,
        Department::Platform,
        Department::Design,
        Department::Legal,
        Department::Logistics,
        Department::Consultants,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Department::Leadership => "Leadership",
            Department::Finance => "Finance",
            Department::People => "People & Culture",
            Department::Sales => "Sales",
            Department::Marketing => "Marketing",
            Department::Communications => "Communications",
            Department::Care => "Customer Care",
            Department::Engineering => "Engineering",
            Department::Platform => "Platform",
            Department::Design => "Design",
            Department::Legal => "Legal",
            Department::Logistics => "Logistics",
            Department::Consultants => "Consultants",
        }
    }

    /// How many of 100 people work there.
    pub(crate) fn share(self) -> usize {
        match self {
            Department::Leadership | Department::Communications => 3,
            Department::Legal | Department::People | Department::Design => 4,
            Department::Finance | Department::Marketing => 5,
            Department::Consultants => 2,
            Department::Platform => 8,
            Department::Care => 14,
            Department::Sales => 15,
            Department::Logistics => 15,
            Department::Engineering => 18,
        }
    }

    pub(crate) fn titles(self) -> [&'static str; 3] {
        match self {
            Department::Leadership => ["Chief of Staff", "Director", "Executive Assistant"],
            Department::Finance => ["Accountant", "Controller", "Payroll Specialist"],
            Department::People => ["People Partner", "Recruiter", "Learning Lead"],
            Department::Sales => ["Account Executive", "Sales Engineer", "Key Account Manager"],
            Department::Marketing => ["Campaign Manager", "Brand Manager", "Content Strategist"],
            Department::Communications => ["Editor", "Press Officer", "Social Media Manager"],
            Department::Care => ["Care Specialist", "Care Lead", "Quality Coach"],
            Department::Engineering => ["Software Engineer", "Senior Engineer", "Test Engineer"],
            Department::Platform => ["Platform Engineer", "Site Reliability Engineer", "Architect"],
            Department::Design => ["Product Designer", "Researcher", "Illustrator"],
            Department::Legal => ["Counsel", "Privacy Officer", "Contract Manager"],
            Department::Logistics => ["Dispatcher", "Warehouse Lead", "Fleet Planner"],
            Department::Consultants => ["Consultant", "Facilitator", "Contractor"],
        }
    }
}

/// The towns where people work; each is a group.
pub(crate) const OFFICES: [&str; 5] = ["Bergen", "Gdańsk", "Lisboa", "Reykjavík", "Tromsø"];

/// Groups of those who work with social media.
pub(crate) const SOCIAL: [&str; 3] = ["Publishers", "Approvers", "Analytics"];

/// Groups that cut across departments.
pub(crate) const PROJECTS: [&str; 9] = [
    "Project Aurora",
    "Project Brisling",
    "Project Fyrtårn",
    "Project Kelp",
    "Works Council",
    "Security Champions",
    "Payroll Approvers",
    "On-Call",
    "Accessibility Guild",
];

/// A person as the identity provider knows them.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Person {
    pub(crate) given: String,
    pub(crate) family: String,
    /// What stands before the domain in the user name.
    pub(crate) local: String,
    pub(crate) department: Department,
    pub(crate) title: String,
    /// Another one by number.
    pub(crate) manager: Option<usize>,
    pub(crate) office: usize,
    pub(crate) employee_number: usize,
}

impl Person {
    pub(crate) fn user_name(&self) -> String {
        user_name(&self.local)
    }

    pub(crate) fn display_name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    pub(crate) fn external_id(&self) -> String {
        format!("fl-{}", self.employee_number)
    }
}

pub(crate) fn user_name(local: &str) -> String {
    format!("{local}@{DOMAIN}")
}

/// What makes somebody a member of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GroupKind {
    Department(Department),
    Office(usize),
    Social,
    Project,
}

/// A group as the identity provider knows it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) kind: GroupKind,
}

/// Every group, by its first name.
pub(crate) fn groups() -> Vec<Group> {
    let departments = Department::ALL.map(|one| (one.name(), GroupKind::Department(one)));
    let offices = OFFICES.iter().enumerate().map(|(place, name)| (*name, GroupKind::Office(place)));
    let social = SOCIAL.map(|name| (name, GroupKind::Social));
    let projects = PROJECTS.map(|name| (name, GroupKind::Project));
    let all = departments.into_iter().chain(offices).chain(social).chain(projects);
    all.map(|(name, kind)| Group { name: name.to_owned(), kind }).collect()
}
