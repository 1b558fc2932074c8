//! Texts that are not filters, and their errors.

use proptest::prelude::*;

use super::tests::entry;
use super::*;

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let error = Filter::parse(text).map(|filter| format!("{text}: {filter:?}")).unwrap_err();
    assert_eq!(error.to_string(), expected, "{text}");
}

#[test]
fn refusals_of_the_grammar() {
    let operators = "use eq, ne, gt, ge, lt, le or in";
    check_refused("", "position 1: expected a property, a function or a value");
    check_refused(
        "id",
        "position 1: this is no condition; compare it by eq, ne, gt, ge, lt, le or in",
    );
    check_refused("jobId eqq 'x'", &format!("position 7: `eqq` is no operator; {operators}"));
    check_refused("id 'x'", &format!("position 4: an operator is missing here; {operators}"));
    check_refused("id eq", "position 6: expected a property, a function or a value");
    check_refused("id eq )", "position 7: expected a property, a function or a value");
    check_refused("id eq 'a' id eq 'b'", "position 11: expected `and`, `or` or the end");
    check_refused("id eq 'a' eq 'b'", "position 11: expected `and`, `or` or the end");
    check_refused("id eq 'Åsa')", "position 12: expected `and`, `or` or the end");
    check_refused("(id eq 'a'", "position 11: expected `and`, `or` or `)`");
    check_refused(
        "'a' and id eq 'b'",
        "position 1: this is no condition; compare it by eq, ne, gt, ge, lt, le or in",
    );
    check_refused(
        "id eq 'b' or id",
        "position 14: this is no condition; compare it by eq, ne, gt, ge, lt, le or in",
    );
    check_refused(
        "not id eq 'x'",
        "position 5: `not` takes a condition; put the comparison into parentheses: not (…)",
    );
    check_refused("id in 'x'", "position 7: expected a list such as ('create','update')");
    check_refused("id in ()", "position 8: expected a text in single quotes");
    check_refused("id in ('x' 'y')", "position 12: expected `,` or `)`");
    check_refused("id in (jobId)", "position 8: expected a text in single quotes");
    check_refused(
        "contains(id,'x') in (true)",
        "position 18: a condition is compared by eq or ne with true or false",
    );
}

#[test]
fn refusals_of_values() {
    check_refused("id eq 'Mira", "position 7: this text has no closing quote");
    check_refused(
        "id eq 'O'Dell'",
        "position 10: a space after a text, and '' for a quote inside one",
    );
    check_refused("id eq \"x\"", "position 7: texts stand in single quotes, as in 'create'");
    check_refused("id eq ‘x’", "position 7: texts stand in single quotes, as in 'create'");
    check_refused(
        "id = 'x'",
        "position 4: this character means nothing here; operators are words such as eq, and, not, \
         and texts stand in single quotes",
    );
    check_refused("id eq Mira", "position 7: this is no property; a text stands in single quotes");
    check_refused(
        "id eq (Mira)",
        "position 8: this is no property; a text stands in single quotes",
    );
    check_refused(
        "contains(id, Mira)",
        "position 14: this is no property; a text stands in single quotes",
    );
    for number in [
        "1.5",
        "99999999999999999999",
        "-",
        "6f0c9e0a-2f3d",
        "2026-02-30",
        "2026-7-30",
        "26-07-30",
        "2026-07-30T08:15",
        "2026-07-30T08:15:27",
        "2026-07-30T08:15:27.1234567891Z",
    ] {
        check_refused(
            &format!("durationInMilliseconds gt {number}"),
            "position 27: expected an integer such as 1500, a date such as 2026-07-30 or a time such \
             as 2026-07-30T08:00:00Z; a text stands in single quotes",
        );
    }
}

#[test]
fn refusals_of_types() {
    let time = "expected a time such as 2026-07-30 or 2026-07-30T08:00:00Z";
    check_refused(
        "id gt 'x'",
        "position 4: texts have no order; use eq, ne, in, contains, startswith or endswith",
    );
    check_refused(
        "tolower(id) le jobId",
        "position 13: texts have no order; use eq, ne, in, contains, startswith or endswith",
    );
    check_refused("activityDateTime gt null", "position 18: null has no order; use eq or ne");
    check_refused("null lt null", "position 6: null has no order; use eq or ne");
    check_refused("id eq 5", "position 7: expected a text in single quotes");
    check_refused("5 eq id", "position 1: expected a text in single quotes");
    check_refused("id eq 2026-07-30", "position 7: expected a text in single quotes");
    check_refused("id eq true", "position 7: expected a text in single quotes");
    check_refused("null eq true", "position 9: expected a value");
    check_refused("activityDateTime gt 'x'", &format!("position 21: {time}"));
    for no_time in ["+2026-7-30", "2026- 7-30", "2026-07-3é", "-026-07-30", "2026/07/30"] {
        check_refused(&format!("activityDateTime gt '{no_time}'"), &format!("position 21: {time}"));
    }
    check_refused("activityDateTime in (5)", &format!("position 22: {time}"));
    check_refused("activityDateTime eq jobId", &format!("position 21: {time}"));
    check_refused("durationInMilliseconds gt '5'", "position 27: expected an integer such as 1500");
    check_refused("id in ('x', 5)", "position 13: expected a text in single quotes");
    check_refused(
        "contains(id,'x') gt true",
        "position 18: conditions have no order; use eq or ne",
    );
    check_refused(
        "contains(id,'x') eq 'x'",
        "position 21: expected true or false after a condition",
    );
    check_refused(
        "contains(id,'x') eq (id eq 'x')",
        "position 21: expected true or false after a condition",
    );
}

#[test]
fn refusals_of_functions() {
    let usage = "contains takes two texts, as in contains(jobId, 'a')";
    check_refused("contains()", &format!("position 10: {usage}"));
    check_refused("contains(id)", &format!("position 12: {usage}"));
    check_refused("contains(id, )", &format!("position 14: {usage}"));
    check_refused("contains(id, 'a', 'b')", &format!("position 17: {usage}"));
    check_refused("contains(id 'a')", &format!("position 13: {usage}"));
    check_refused("contains(durationInMilliseconds, '1')", &format!("position 10: {usage}"));
    check_refused("contains(id, 1)", &format!("position 14: {usage}"));
    check_refused("contains(id, null)", &format!("position 14: {usage}"));
    check_refused("contains((id eq 'a'), 'b')", &format!("position 10: {usage}"));
    check_refused(
        "startswith(id)",
        "position 14: startswith takes two texts, as in startswith(jobId, 'a')",
    );
    check_refused(
        "endswith(id)",
        "position 12: endswith takes two texts, as in endswith(jobId, 'a')",
    );
    check_refused(
        "tolower(id, 'x') eq 'x'",
        "position 11: tolower takes one text, as in tolower(jobId)",
    );
    check_refused(
        "toupper(activityDateTime) eq 'x'",
        "position 9: toupper takes one text, as in toupper(jobId)",
    );
    let functions =
        "use contains, startswith, endswith, tolower, toupper, or any and all of a list";
    check_refused(
        "substringof('a', id)",
        &format!("position 1: `substringof` is no function; {functions}"),
    );
    check_refused("id eq Mira(id)", &format!("position 7: this is no function; {functions}"));
    check_refused("mira.lund(id)", &format!("position 1: this is no function; {functions}"));
}

#[test]
fn refusals_of_names() {
    let top = "use id, activityDateTime, tenantId, jobId, cycleId, changeId, provisioningAction, \
               durationInMilliseconds, provisioningStatusInfo/…, servicePrincipal/…, sourceSystem/…, \
               targetSystem/…, initiatedBy/…, sourceIdentity/…, targetIdentity/…, \
               provisioningSteps/any(…), modifiedProperties/any(…)";
    let identity = "sourceIdentity has id, displayName, identityType, details/<key>";
    check_refused("action eq 'x'", &format!("position 1: `action` is no property; {top}"));
    check_refused("mira.lund eq 'x'", &format!("position 1: this is no property; {top}"));
    check_refused(
        &format!("{} eq 'x'", "a".repeat(40)),
        &format!("position 1: `{}` is no property; {top}", "a".repeat(40)),
    );
    check_refused(
        &format!("{} eq 'x'", "a".repeat(41)),
        &format!("position 1: this is no property; {top}"),
    );
    for wrong in ["name", "id/x", "details", "details/", "details/a/b"] {
        check_refused(
            &format!("SOURCEIDENTITY/{wrong} eq 'x'"),
            &format!("position 1: `SOURCEIDENTITY/{wrong}` is no property; {identity}"),
        );
    }
    check_refused(
        "sourceIdentity eq 'x'",
        &format!("position 1: `sourceIdentity` is no property; {identity}"),
    );
    check_refused(
        "provisioningStatusInfo/errorInformation eq null",
        "position 1: `provisioningStatusInfo/errorInformation` is no property; \
         provisioningStatusInfo/errorInformation has errorCode, errorCategory, reason, \
         additionalDetails, recommendedAction",
    );
    let list = "provisioningSteps is a list; use provisioningSteps/any(s: s/…)";
    check_refused("provisioningSteps eq null", &format!("position 1: {list}"));
    check_refused("provisioningSteps/name eq 'x'", &format!("position 1: {list}"));
}

#[test]
fn refusals_of_any_and_all() {
    let variable = "expected a variable and `:`, as in any(s: s/…)";
    let inside = "inside any and all a property begins with the variable, as s/… in any(s: s/…)";
    check_refused("provisioningSteps/any(s s/name eq 'x')", &format!("position 25: {variable}"));
    check_refused("provisioningSteps/any('s')", &format!("position 23: {variable}"));
    check_refused("provisioningSteps/any(s/t: true)", &format!("position 23: {variable}"));
    check_refused("provisioningSteps/all()", &format!("position 23: {variable}"));
    check_refused(
        "provisioningSteps/any(s: s/name)",
        "position 26: this is no condition; compare it by eq, ne, gt, ge, lt, le or in",
    );
    check_refused(
        "provisioningSteps/any(s: s/name eq 'x'",
        "position 39: expected `and`, `or` or `)`",
    );
    for other in ["id", "t/name", "name", "provisioningSteps/name", "modifiedProperties/oldValue"] {
        let text = format!("provisioningSteps/any(s: {other} eq 'x')");
        check_refused(&text, &format!("position 26: {inside}"));
    }
    check_refused(
        "provisioningSteps/any(s: s/oldValue eq 'x')",
        "position 26: `s/oldValue` is no property; provisioningSteps has name, \
         provisioningStepType, status, description, details/<key>",
    );
    check_refused(
        "provisioningSteps/any(s: modifiedProperties/any(p: true))",
        "position 26: any and all cannot stand inside each other",
    );
    check_refused(
        "sourceIdentity/any(s: true)",
        "position 1: only provisioningSteps and modifiedProperties have any and all",
    );
    check_refused(
        "provisioningSteps/any(s: true) and s/name eq 'x'",
        "position 36: `s/name` is no property; use id, activityDateTime, tenantId, jobId, cycleId, \
         changeId, provisioningAction, durationInMilliseconds, provisioningStatusInfo/…, \
         servicePrincipal/…, sourceSystem/…, targetSystem/…, initiatedBy/…, sourceIdentity/…, \
         targetIdentity/…, provisioningSteps/any(…), modifiedProperties/any(…)",
    );
}

#[test]
fn what_is_too_much_is_refused_where_it_begins_to_be() {
    let fine =
        |text: &str| assert!(Filter::parse(text).is_ok(), "{}", Filter::parse(text).unwrap_err());

    let long = |bytes: usize| format!("id eq '{}'", "a".repeat(bytes - 8));
    fine(&long(4096));
    check_refused(
        &long(4097),
        "position 4097: a filter has at most 4096 bytes, and this is beyond",
    );
    let wide = format!("id eq '{}'", "å".repeat(2045));
    check_refused(&wide, "position 2052: a filter has at most 4096 bytes, and this is beyond");

    // Three nodes per comparison and one per `and`.
    let many = |count: usize| vec!["id eq 'a'"; count].join(" and ");
    fine(&many(50));
    fine(&format!("{} and true", "not ".repeat(31) + "true and " + &many(41)));
    let nodes = "a filter has at most 200 names, values, functions and operators";
    check_refused(&many(51), &format!("position 701: {nodes}"));
    check_refused(&format!("not({}) and id eq 'a'", many(50)), &format!("position 702: {nodes}"));

    let deep = "parentheses, functions and not stand in each other at most 32 deep";
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    fine(&nested(32));
    check_refused(&nested(33), &format!("position 33: {deep}"));
    check_refused(&"(".repeat(4096), &format!("position 33: {deep}"));
    let negated = |depth: usize| format!("{}true", "not ".repeat(depth));
    fine(&negated(32));
    check_refused(&negated(33), &format!("position 129: {deep}"));
    let lowered =
        |depth: usize| format!("{}id{} eq 'a'", "tolower(".repeat(depth), ")".repeat(depth));
    fine(&lowered(32));
    check_refused(&lowered(33), &format!("position 264: {deep}"));
    let inside = |depth: usize| format!("provisioningSteps/any(s: {})", nested(depth));
    fine(&inside(31));
    check_refused(&inside(32), &format!("position 57: {deep}"));
    // Depth counts only what is still open.
    fine(&vec!["(not (not true))"; 30].join(" or "));
    fine(&vec!["tolower(id) eq 'a'"; 35].join(" or "));

    let listed = |count: usize| format!("id in ({})", vec!["'a'"; count].join(","));
    fine(&listed(100));
    check_refused(&listed(101), "position 408: in takes at most 100 values");
}

/// The nodes and levels of a parsed condition, without parentheses.
fn size(condition: &Condition) -> (usize, usize) {
    let of_operand = |operand: &Operand| {
        let mut size = (1, 0);
        let mut operand = operand;
        while let Operand::Lower(inner) | Operand::Upper(inner) = operand {
            size = (size.0 + 1, size.1 + 1);
            operand = inner;
        }
        size
    };
    let sum = |sizes: &mut dyn Iterator<Item = (usize, usize)>| {
        sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1.max(size.1)))
    };
    match condition {
        Condition::And(terms) | Condition::Or(terms) => {
            let (nodes, depth) = sum(&mut terms.iter().map(size));
            (nodes + terms.len() - 1, depth)
        }
        Condition::Not(inner) | Condition::Elements { condition: inner, .. } => {
            let (nodes, depth) = size(inner);
            (nodes + 1, depth + 1)
        }
        Condition::Compare { left, right, .. } => {
            let (nodes, depth) = sum(&mut [of_operand(left), of_operand(right)].into_iter());
            (nodes + 1, depth)
        }
        Condition::In { left, values } => {
            assert!(values.len() <= 100);
            let (nodes, depth) = of_operand(left);
            (nodes + 1, depth)
        }
        Condition::Constant(_) => (1, 0),
    }
}

/// Fragments of filters, and values that no error may repeat.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("id "),
        Just("activityDateTime "),
        Just("s/name "),
        Just("durationInMilliseconds "),
        Just("provisioningSteps/any(s: "),
        Just("modifiedProperties/all("),
        Just("contains("),
        Just("tolower("),
        Just("not "),
        Just("and "),
        Just("or "),
        Just("eq "),
        Just("gt "),
        Just("in ("),
        Just("( "),
        Just(") "),
        Just(","),
        Just(":"),
        Just("true "),
        Just("null "),
        Just("5 "),
        Just("-1 "),
        Just("2026-07-30 "),
        Just("'Mira Lund' "),
        Just("'O''Mira' "),
        Just("'Mira"),
        Just("id eq Mira "),
        Just("id eq s/Mira "),
        Just("contains(id, Mira "),
        Just("é"),
        Just("\""),
        Just("\u{0}"),
        Just("(true)"),
        Just("id eq 'a' and "),
        Just("sourceIdentity/details/"),
        Just("T08:00:00 02:00"),
    ];
    prop::collection::vec((piece, 1..40_usize), 0..12).prop_map(|pieces| {
        let repeat =
            |(piece, count): (&str, usize)| piece.repeat(if count < 30 { 1 } else { count });
        pieces.into_iter().map(repeat).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn any_text_is_read_or_refused_within_bounds(text in prop_oneof![any::<String>(), soup()]) {
        match Filter::parse(&text) {
            Ok(filter) => {
                let (nodes, depth) = size(&filter.condition);
                prop_assert!(text.len() <= 4096 && nodes <= 200 && depth <= 32);
                filter.fits(&entry());
            }
            Err(error) => {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.position));
                prop_assert!(!error.to_string().contains("Mira"), "{}", error);
            }
        }
    }
}
