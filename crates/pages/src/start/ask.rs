//! The questions that auditors ask most, as forms. A form leads to a short address, which leads on to the
//! page of the question: a form cannot put a name into a path.

use axum::extract::{Path, Query as Pairs};
use axum::response::{IntoResponse, Redirect, Response};
use query::visit::Refusal;

use crate::address::{encoded, with_query};
use crate::view::{Choice, Field, FormView, Kind};

/// A question as a form asks it.
struct Asked {
    /// Its part of the short address.
    name: &'static str,
    /// Its words.
    words: &'static str,
    /// The word on the button.
    submit: &'static str,
    /// Whom or what it is about; none if it is about all accounts.
    about: Option<About>,
    has_date: bool,
    /// The page below the application, with the name in place of `{}`.
    page: &'static str,
    /// Parameters that the page always gets.
    always: &'static [(&'static str, &'static str)],
}

/// What a name names.
struct About {
    /// The name of the field.
    field: &'static str,
    label: &'static str,
    /// The prefix that a bare name gets, as on the command line.
    prefix: &'static str,
}

const GROUP: About =
    About { field: "group", label: "Group: its name or SCIM id", prefix: "displayName" };
const USER: About = About { field: "user", label: "User: userName or SCIM id", prefix: "userName" };

const QUESTIONS: [Asked; 4] = [
    Asked {
        name: "members",
        words: "Who was in a group?",
        submit: "Show the members",
        about: Some(GROUP),
        has_date: true,
        page: "groups/{}/members",
        always: &[],
    },
    Asked {
        name: "accounts",
        words: "Who had an account?",
        submit: "Show the accounts",
        about: None,
        has_date: true,
        page: "users",
        always: &[("active", "true")],
    },
    Asked {
        name: "timeline",
        words: "What happened to somebody?",
        submit: "Show the timeline",
        about: Some(USER),
        has_date: false,
        page: "users/{}/timeline",
        always: &[],
    },
    Asked {
        name: "why",
        words: "Why an account, or why none?",
        submit: "Show why",
        about: Some(USER),
        has_date: true,
        page: "users/{}/why",
        always: &[],
    },
];

/// The questions as forms, about one of these applications.
pub(super) fn forms(applications: &[String]) -> Vec<FormView> {
    QUESTIONS.iter().map(|asked| form(asked, applications)).collect()
}

fn form(asked: &Asked, applications: &[String]) -> FormView {
    let application = match applications {
        [one] => Field::hidden("app", one),
        several => Field {
            name: "app".to_owned(),
            label: "Application".to_owned(),
            kind: Kind::Select(several.iter().map(|one| Choice::new(one, one)).collect()),
            required: true,
            ..Field::default()
        },
    };
    let name = asked.about.as_ref().map(|about| Field {
        name: about.field.to_owned(),
        label: about.label.to_owned(),
        required: true,
        ..Field::default()
    });
    let date = asked.has_date.then(|| Field {
        name: "at".to_owned(),
        label: "On (empty means now)".to_owned(),
        kind: Kind::Date,
        ..Field::default()
    });
    FormView {
        id: asked.name.to_owned(),
        caption: Some(asked.words.to_owned()),
        action: format!("/ask/{}", asked.name),
        fields: [Some(application), name, date].into_iter().flatten().collect(),
        submit: asked.submit.to_owned(),
        ..FormView::default()
    }
}

/// `GET /ask/{question}?app=&group=&user=&at=`: leads to the page. It answers nothing itself.
pub(crate) async fn lead(
    Path(question): Path<String>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let asked = QUESTIONS.iter().find(|one| one.name == question);
    let asked = asked.ok_or_else(Refusal::not_found)?;
    // Without a name there is nothing to lead to, so the form is shown again.
    let page = address(asked, &pairs).unwrap_or_else(|| "/".to_owned());
    Ok(Redirect::to(&page).into_response())
}

fn address(asked: &Asked, pairs: &[(String, String)]) -> Option<String> {
    let text = |name: &str| {
        let found = pairs.iter().find(|(given, text)| given == name && !text.trim().is_empty());
        found.map(|(_, text)| text.trim())
    };
    let app = text("app")?;
    let page = match &asked.about {
        Some(about) => {
            asked.page.replace("{}", &encoded(&answers::named(text(about.field)?, about.prefix)))
        }
        None => asked.page.to_owned(),
    };
    let at = text("at").filter(|_| asked.has_date).map(|at| ("at", at));
    let parameters = asked.always.iter().copied().chain(at);
    Some(with_query(format!("/apps/{}/{page}", encoded(app)), parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: &str, pairs: &[(&str, &str)], expected: Option<&str>) {
        let asked = QUESTIONS.iter().find(|one| one.name == question).unwrap();
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let pairs: Vec<(String, String)> = pairs.iter().map(owned).collect();
        assert_eq!(address(asked, &pairs).as_deref(), expected);
    }

    #[test]
    fn a_form_leads_to_the_page_of_its_question() {
        let crew = [("app", "boat"), ("group", " Deck crew/1 "), ("at", "2026-03-31")];
        let members = "/apps/boat/groups/displayName%3ADeck%20crew%2F1/members?at=2026-03-31";
        check("members", &crew, Some(members));
        check("accounts", &crew, Some("/apps/boat/users?active=true&at=2026-03-31"));
        let mira = [("app", "boat"), ("user", "mira@fjord.example"), ("at", "")];
        let of_mira = "/apps/boat/users/userName%3Amira%40fjord.example";
        check("timeline", &mira, Some(&format!("{of_mira}/timeline")));
        check("why", &mira, Some(&format!("{of_mira}/why")));
    }

    #[test]
    fn ids_and_names_with_a_prefix_stay_as_they_are() {
        let id = "2819c223-7f76-453a-919d-413861904646";
        let of = |name| [("app", "boat"), ("user", name)];
        check("why", &of(id), Some(&format!("/apps/boat/users/{id}/why")));
        check("why", &of("externalId:7"), Some("/apps/boat/users/externalId%3A7/why"));
    }

    #[test]
    fn a_form_without_a_name_leads_nowhere() {
        check("members", &[("app", "boat"), ("group", " ")], None);
        check("accounts", &[("app", "")], None);
    }
}
