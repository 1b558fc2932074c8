//! The company: its applications, departments, people and groups.

use crate::random::Random;

/// Domain of every user name.
pub(crate) const DOMAIN: &str = "fjordlight.example";

/// An application into which accounts are provisioned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum App {
    /// Social media: for Communications and Marketing.
    Hootsuite,
    /// Security training: everybody, externals too.
    Hoxhunt,
    /// The intranet: every employee.
    Jostle,
    /// Workshops: for most departments, consultants included.
    Howspace,
}

/// The attribute by which the identity provider looks an account up before it creates one.
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
            App::Hootsuite | App::Hoxhunt | App::Jostle => Matching::UserName,
            // Configured by hand. It does not find an account with the same userName, so the create is
            // refused; and the application's profile does not list it as filterable.
            App::Howspace => Matching::ExternalId,
        }
    }

    /// Whether the people of a department have a licence.
    pub(crate) fn serves(self, department: Department) -> bool {
        use Department::{Communications, Consultants, Legal, Logistics, Marketing, Sales};
        match self {
            App::Hootsuite => matches!(department, Communications | Marketing),
            App::Hoxhunt => true,
            App::Jostle => department != Consultants,
            App::Howspace => {
                !matches!(department, Communications | Legal | Logistics | Marketing | Sales)
            }
        }
    }

    /// Whether a group is provisioned.
    pub(crate) fn carries(self, group: &Group) -> bool {
        match (self, group.kind) {
            // These applications have no groups.
            (App::Hoxhunt | App::Jostle, _) => false,
            (_, GroupKind::Department(department)) => self.serves(department),
            (App::Hootsuite, kind) => kind == GroupKind::Social,
            (App::Howspace, kind) => kind != GroupKind::Social,
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

    /// The division that it belongs to.
    pub(crate) fn division(self) -> &'static str {
        match self {
            Department::Leadership
            | Department::Finance
            | Department::People
            | Department::Legal => "Corporate",
            Department::Sales | Department::Marketing | Department::Communications => "Market",
            Department::Engineering | Department::Platform | Department::Design => "Product",
            Department::Care | Department::Logistics => "Operations",
            Department::Consultants => "External",
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

/// A town where people work; each is a group.
pub(crate) struct Office {
    pub(crate) name: &'static str,
    pub(crate) country: &'static str,
    pub(crate) language: &'static str,
    pub(crate) timezone: &'static str,
}

pub(crate) const OFFICES: [Office; 5] = [
    Office { name: "Bergen", country: "NO", language: "nb-NO", timezone: "Europe/Oslo" },
    Office { name: "Gdańsk", country: "PL", language: "pl-PL", timezone: "Europe/Warsaw" },
    Office { name: "Lisboa", country: "PT", language: "pt-PT", timezone: "Europe/Lisbon" },
    Office { name: "Reykjavík", country: "IS", language: "is-IS", timezone: "Atlantic/Reykjavik" },
    Office { name: "Tromsø", country: "NO", language: "nb-NO", timezone: "Europe/Oslo" },
];

/// What some people have a further e-mail address for, and its domain.
pub(crate) const ALTERNATES: [(&str, &str); 4] = [
    ("Works council", "council.example"),
    ("Rowing club", "rowing.example"),
    ("Choir", "choir.example"),
    ("First responders", "responders.example"),
];

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
    /// The part of the user name before the domain.
    pub(crate) local: String,
    pub(crate) department: Department,
    pub(crate) title: String,
    pub(crate) office: usize,
    pub(crate) employee_number: usize,
    pub(crate) language: &'static str,
    pub(crate) has_mobile: bool,
    pub(crate) has_personal_email: bool,
    /// Indexes into [`ALTERNATES`], two at most.
    pub(crate) alternates: Vec<usize>,
}

impl Person {
    pub(crate) fn user_name(&self) -> String {
        format!("{}@{DOMAIN}", self.local)
    }

    pub(crate) fn display_name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    pub(crate) fn external_id(&self) -> String {
        format!("fl-{}", self.employee_number)
    }

    /// From a range that is reserved for fiction.
    pub(crate) fn mobile(&self) -> Option<String> {
        let number = format!("+44 7700 900{:03}", self.employee_number % 1000);
        self.has_mobile.then_some(number)
    }

    pub(crate) fn personal_email(&self) -> Option<String> {
        self.has_personal_email.then(|| self.private_address("post.example"))
    }

    /// The label and address of each further e-mail.
    pub(crate) fn alternate_emails(&self) -> impl Iterator<Item = (&'static str, String)> {
        let alternates = self.alternates.iter().map(|place| ALTERNATES[*place]);
        alternates.map(|(label, domain)| (label, self.private_address(domain)))
    }

    /// Does not contain the family name, so it survives a rename.
    fn private_address(&self, domain: &str) -> String {
        let given = self.local.split('.').next().unwrap_or_default();
        format!("{given}{:02}@{domain}", self.employee_number % 100)
    }
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
    pub(crate) external_id: String,
}

/// Every group that exists from the beginning, with its original name.
pub(crate) fn groups(random: &mut Random) -> Vec<Group> {
    let departments = Department::ALL.map(|one| (one.name(), GroupKind::Department(one)));
    let offices = OFFICES.iter().enumerate();
    let offices = offices.map(|(place, office)| (office.name, GroupKind::Office(place)));
    let social = SOCIAL.map(|name| (name, GroupKind::Social));
    let projects = PROJECTS.map(|name| (name, GroupKind::Project));
    let all = departments.into_iter().chain(offices).chain(social).chain(projects);
    let group = |(name, kind): (&str, _)| {
        let external_id = random.uuid();
        Group { name: name.to_owned(), kind, external_id }
    };
    all.map(group).collect()
}
