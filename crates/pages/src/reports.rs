//! `/reports`: every report with what it tells.

use answers::{Topic, described};

use axum::response::Response;
use query::visit::{Refusal, Visitor};

use crate::contents::{Contents, Entry};
use crate::error::rendered;
use crate::plain::PlainPage;
use crate::question::signed_in;
use crate::view::{Section, Shell};

/// `GET /reports`
pub(crate) async fn page(visitor: Visitor) -> Result<Response, Refusal> {
    let page = visitor.page(None, |visit| {
        let reports = Topic::Reports.questions().map(Entry::of).collect();
        let others = [
            described::<answers::PrivilegedGroups>(),
            described::<answers::SavedQuestions>(),
            described::<answers::Operations>(),
        ];
        let others = others.into_iter().flatten().map(Entry::of).collect();
        let lists = [
            Contents { caption: None, entries: reports },
            Contents { caption: Some("Asked as often".to_owned()), entries: others },
        ];
        let shell = Shell {
            title: "Reports".to_owned(),
            subtitle: "Questions over all accounts of one application or of all".to_owned(),
            section: Section::Reports,
            signed_in: Some(signed_in(&visit.signed_in()?)),
            ..Shell::default()
        };
        let pieces = lists.iter().map(Contents::to_string).collect();
        Ok(PlainPage { shell, pieces, ..PlainPage::default() })
    });
    Ok(rendered(&page.await?))
}
