//! An application is added: a form, then the settings for its identity provider, shown once.

use answers::Profiles;
use answers::act::{Act, AddApp, AddedApp, NewApp, NewUpstream};
use askama::Template;
use axum::Form;
use axum::response::Response;
use query::visit::{Refusal, Visit, Visitor};
use serde::Deserialize;

use super::{JSON, Told, act, json, page, refused, send};
use crate::error::rendered;
use crate::plain::PlainPage;
use crate::view::{Choice, Field, FormView, Kind, Notice};

const TITLE: &str = "Add an application";

/// What the form sends.
#[derive(Deserialize, Default)]
pub(crate) struct Given {
    csrf: String,
    application: String,
    #[serde(default)]
    profile: String,
    #[serde(default)]
    upstream: String,
    #[serde(default)]
    token_file: String,
    #[serde(default)]
    ca_file: String,
}

/// `GET /admin/applications/new`
pub(crate) async fn form(visitor: Visitor) -> Result<Response, Refusal> {
    let page = visitor.page(None, |visit| form_page(visit, &Given::default(), None));
    Ok(rendered(&page.await?))
}

fn form_page(
    visit: &Visit<'_>,
    given: &Given,
    notice: Option<Notice>,
) -> Result<PlainPage, Refusal> {
    let subtitle = "It gets a tenant URL and a secret token for its identity provider";
    page(visit, TITLE, subtitle, notice, |csrf| {
        let profiles = visit.ask::<Profiles>(&[("limit", "1000")])?;
        let choice = |one: &answers::row::Profile| Choice::new(&one.profile, &one.title);
        let profiles: Vec<Choice> = profiles.content.rows().iter().map(choice).collect();
        let text = |name: &str, label: &str, help: &str, value: &str| Field {
            name: name.to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
            value: value.to_owned(),
            ..Field::default()
        };
        let name_help = "In addresses: 1 to 63 of a-z, 0-9 and -";
        let profile = match given.profile.as_str() {
            "" => "generic",
            profile => profile,
        };
        let profile_help = "How its kind of application speaks SCIM";
        let form = FormView {
            fields: vec![
                Field {
                    required: true,
                    ..text("application", "Name", name_help, &given.application)
                },
                Field {
                    kind: Kind::Select(profiles),
                    ..text("profile", "Profile", profile_help, profile)
                },
            ],
            more: vec![
                text(
                    "upstream",
                    "Upstream",
                    "SCIM base address of the application behind this server. Without it, this server \
                     answers itself",
                    &given.upstream,
                ),
                text(
                    "token_file",
                    "File of the upstream's token",
                    "Its absolute path on the server",
                    &given.token_file,
                ),
                text(
                    "ca_file",
                    "File of certificates to trust",
                    "Its absolute path on the server; empty for those of the system",
                    &given.ca_file,
                ),
            ],
            ..act(csrf, "/admin/applications", TITLE)
        };
        Ok(vec![form.to_string()])
    })
}

fn filled(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// `POST /admin/applications`
pub(crate) async fn add(
    visitor: Visitor,
    after: Visitor,
    Form(given): Form<Given>,
) -> Result<Response, Refusal> {
    let after = after.of_form(&given.csrf)?;
    let upstream = filled(&given.upstream).map(|url| NewUpstream {
        url,
        token_file: given.token_file.trim().to_owned(),
        ca_file: filled(&given.ca_file),
        rewrites_locations: true,
        shows_members: true,
    });
    let new = NewApp {
        application: given.application.trim().to_owned(),
        profile: filled(&given.profile),
        settings: None,
        upstream,
    };
    let told = send::<AddApp>(visitor, &given.csrf, AddApp::PATH, json(&new)?, JSON).await?;
    let page = after.page(None, move |visit| match told {
        Told::Done(added) => added_page(visit, &added),
        Told::Refused(problem) => form_page(visit, &given, Some(refused(&problem))),
    });
    Ok(rendered(&page.await?))
}

/// What the identity provider needs.
#[derive(Template)]
#[template(path = "admin/added.html")]
struct Added<'a> {
    added: &'a AddedApp,
    first_request: String,
}

fn added_page(visit: &Visit<'_>, added: &AddedApp) -> Result<PlainPage, Refusal> {
    let title = format!("Application {}", added.application);
    let notice = Notice {
        is_good: true,
        text: "The application was added. Copy its secret token now: it is shown only this once."
            .to_owned(),
    };
    page(visit, &title, "", Some(notice), |_| {
        let first_request = super::first_request_panel(visit, &added.application)?;
        Ok(vec![Added { added, first_request }.to_string()])
    })
}
