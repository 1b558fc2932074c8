//! What an operation that did not succeed means, and what to do next.

use answers::encoded;
use answers::row::WholeOperation;

/// Advice about one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// What the code is, such as `error code`.
    pub(super) kind: &'static str,
    pub(super) code: String,
    pub(super) meaning: &'static str,
    pub(super) next: &'static str,
    /// The operations with the same code.
    pub(super) elsewhere: String,
}

/// Advice about every code that an operation has.
pub(super) fn advice(one: &WholeOperation) -> Vec<Advice> {
    let row = &one.row;
    let mut all = vec![];
    if let Some(Some(code)) = &row.error_code {
        all.push(Advice {
            kind: "Error code",
            code: code.clone(),
            meaning: "The provider could not do what it meant to.",
            next: query::advice_for_error(code),
            elsewhere: format!("/operations?errorCode={}", encoded(code)),
        });
    }
    if let Some(Some(reason)) = &row.skip_reason {
        let (meaning, next) = of_skip(reason);
        let elsewhere = format!("/operations?skipReason={}", encoded(reason));
        all.push(Advice { kind: "Skip reason", code: reason.clone(), meaning, next, elsewhere });
    }
    if let Some(status) = row.http_status.filter(|status| *status >= 400) {
        let app = row.application.as_ref();
        let app = app.map(|app| format!("&app={}", encoded(app))).unwrap_or_default();
        let (meaning, next) = of_answer(status, row.scim_type.as_deref());
        let code = match &row.scim_type {
            Some(kind) => format!("{status} {kind}"),
            None => status.to_string(),
        };
        let elsewhere = format!("/operations?httpStatus={status}{app}");
        all.push(Advice { kind: "Answer", code, meaning, next, elsewhere });
    }
    let of_effect = row.effect.as_deref().and_then(of_effect);
    if let Some(((meaning, next), effect)) = of_effect.zip(row.effect.as_ref()) {
        all.push(Advice {
            kind: "Effect",
            code: answers::plain(effect),
            meaning,
            next,
            elsewhere: format!("/operations?effect={}", encoded(effect)),
        });
    }
    all
}

/// What a skip reason means, and what to do.
fn of_skip(reason: &str) -> (&'static str, &'static str) {
    match reason {
        "NotEffectivelyEntitled" => (
            "The provider took the person for not entitled: not active, not assigned, without a role, or kept out \
             by a filter. The steps say which.",
            "Assign the person, or correct what keeps them out.",
        ),
        "RedundantExport" => (
            "The provider took the account to be as it should be, and wrote nothing.",
            "If the account is not as it should be, restart provisioning: the provider may judge by what it remembers.",
        ),
        "AttributeValidationFailed" => (
            "A value that the application requires is missing or not valid.",
            "Give the attribute a valid value at the source, or correct its mapping.",
        ),
        "JoinNotFound" => (
            "The provider was to delete somebody whom it did not find in the application.",
            "Nothing: there was nothing to delete.",
        ),
        _ => (
            "The provider passed the person over.",
            "See the steps: the one that was skipped says what was looked at.",
        ),
    }
}

/// What the status of an answer means, and what to do (RFC 7644 §3.12).
fn of_answer(status: u16, scim_type: Option<&str>) -> (&'static str, &'static str) {
    match (status, scim_type) {
        (409, _) | (_, Some("uniqueness")) => (
            "A value that must be unique, such as the user name, belongs to another account.",
            "Look at the account that has the value. Match by another attribute, give one of the two another value, \
             or delete the one that is not needed.",
        ),
        (_, Some("invalidFilter")) => (
            "The client asked with a filter that the application does not take.",
            "Correct the matching attribute of the client: it is asked for with this filter.",
        ),
        (_, Some("tooMany")) => (
            "The client asked for more than is answered at once.",
            "Let the client ask for less, or page by page.",
        ),
        (_, Some("mutability")) => (
            "The client tried to change what cannot be changed.",
            "Take the attribute out of the client's mapping.",
        ),
        (_, Some("invalidPath" | "noTarget")) => (
            "The client tried to change a path that the resource does not have.",
            "Correct the path in the client's mapping.",
        ),
        (_, Some("invalidValue")) => (
            "A value is missing, or not one that the attribute takes.",
            "Correct the value at its source, or the client's mapping.",
        ),
        (_, Some("invalidSyntax")) => {
            ("The body was not SCIM.", "See the request: what the client sent cannot be read.")
        }
        (401, _) => (
            "The request brought no valid token.",
            "Give the client the application's current token; see the tokens for one that was revoked or expired.",
        ),
        (403, _) => ("The token may not do this.", "Give the client a token of this application."),
        (404, _) => (
            "The client named a resource that is not there, or no longer.",
            "See its timeline: it may have been deleted. A client that remembers a deleted account must match it again.",
        ),
        (412, _) => (
            "The resource had changed since the client read it.",
            "Nothing at first: a client reads the resource again and repeats its change.",
        ),
        (413, _) => ("The body was too large.", "Let the client send smaller bodies."),
        (429, _) => ("Too much was asked at once.", "Nothing at first: a client repeats it later."),
        (400..500, _) => (
            "The request was refused as it was.",
            "See the reason and the request, and correct what the client sends.",
        ),
        _ => (
            "The request could not be carried out.",
            "Nothing at first: a client repeats it. If it goes on, see the server's or the upstream's log.",
        ),
    }
}

/// What an effect means that leaves a doubt, and what to do.
fn of_effect(effect: &str) -> Option<(&'static str, &'static str)> {
    Some(match effect {
        "unknown" => (
            "The request was sent on, and no answer came: whether it took is not known.",
            "Wait for the next read of the upstream, which settles it, or look there.",
        ),
        "unverified" => (
            "The request was acknowledged, but the answer does not show what it did.",
            "Wait for the next read of the upstream, which settles it, or look there.",
        ),
        "contradicted" => (
            "It was acknowledged, and a later look at the upstream showed something else.",
            "See the event that settled it, and look at the account at the upstream.",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use answers::row::Operation;

    #[test]
    fn every_code_has_advice_and_leads_to_its_like() {
        let row = Operation {
            http_status: Some(409),
            scim_type: Some("uniqueness".to_owned()),
            application: Some("kite".to_owned()),
            effect: Some("rejected".to_owned()),
            ..Operation::default()
        };
        let all = advice(&WholeOperation { row, ..WholeOperation::default() });
        let [one] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((one.kind, one.code.as_str()), ("Answer", "409 uniqueness"));
        assert_eq!(one.elsewhere, "/operations?httpStatus=409&app=kite");

        let row = Operation {
            error_code: Some(Some("Odd code".to_owned())),
            skip_reason: Some(Some("RedundantExport".to_owned())),
            effect: Some("contradicted".to_owned()),
            http_status: Some(200),
            ..Operation::default()
        };
        let all = advice(&WholeOperation { row, ..WholeOperation::default() });
        let told: Vec<_> = all.iter().map(|one| (one.kind, one.elsewhere.as_str())).collect();
        let expected = [
            ("Error code", "/operations?errorCode=Odd%20code"),
            ("Skip reason", "/operations?skipReason=RedundantExport"),
            ("Effect", "/operations?effect=contradicted"),
        ];
        assert_eq!(told, expected);
        assert_eq!(advice(&WholeOperation::default()), []);
    }
}
