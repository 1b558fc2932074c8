//! Detects the form of a file from its first bytes.

use super::form::{Form, judge};
use super::headings::{Role, is_table, shown};
use super::rows::head_cells;
use super::scan::{self, Opening, Scan};
use super::split::unreadable;

/// How many bytes from the beginning of a file are enough to detect its form.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Longer cells are not taken for column names.
const HEADING_CHARS_MAX: usize = 40;
const HEADING_WORDS_MAX: usize = 5;

/// Why the form of a file cannot be detected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undetected {
    /// It cannot be read at all.
    #[error("{0}")]
    Unreadable(&'static str),
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// It is another table.
    #[error(
        "its headings are none that are known. Looked for were those of the portal's files (id, \
         activityDateTime and changeId; changeId and name; changeId and displayName) and of Log Analytics \
         (TimeGenerated, Id); found are {found}"
    )]
    Headings {
        /// Its headings, the first of them.
        found: String,
    },
    /// It is something else.
    #[error(
        "this is no log of Microsoft Entra that is known. Known are {}: JSON of Microsoft Graph \
         (`auditLogs/provisioning` or `auditLogs/directoryAudits`), the portal's JSON or CSV download, \
         records of diagnostic settings, rows of the Log Analytics table AADProvisioningLogs as JSON or CSV",
        Form::NAMES
    )]
    Unknown,
}

/// The form of the file with this name and these first bytes ([`HEAD_BYTES`] are enough). A JSON file
/// without records counts as `graph`.
///
/// # Errors
///
/// When it has none of the known forms.
pub fn detect(file_name: &str, head: &[u8]) -> Result<Form, Undetected> {
    if let Some(what) = unreadable(head) {
        return Err(Undetected::Unreadable(what));
    }
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    match head.first() {
        None => Err(Undetected::Empty),
        Some(b'{' | b'[') => json(head),
        Some(_) => {
            let cells = head_cells(head).ok_or(Undetected::Unknown)?;
            if is_table(&cells) {
                return Ok(Form::LogAnalyticsCsv);
            }
            match Role::of(file_name, &cells) {
                Some(_) => Ok(Form::PortalCsv),
                None if cells.len() > 1 && looks_like_headings(head, &cells) => {
                    Err(Undetected::Headings { found: shown(&cells) })
                }
                None => Err(Undetected::Unknown),
            }
        }
    }
}

/// Whether a first row looks like column names and not like values, which a message must not repeat.
fn looks_like_headings(head: &[u8], cells: &[String]) -> bool {
    let plain = |c: char| c.is_alphanumeric() || " _-()[]/.:#".contains(c);
    let is_heading = |cell: &String| {
        let cell = cell.trim();
        cell.is_empty()
            || (cell.chars().count() <= HEADING_CHARS_MAX
                && cell.split_whitespace().count() <= HEADING_WORDS_MAX
                && cell.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && !cell.ends_with('.')
                && cell.chars().all(plain))
    };
    let has_row_below = || {
        let end = head.iter().position(|byte| *byte == b'\n');
        let below = end.and_then(|end| head.get(end + 1..)).unwrap_or_default();
        below.trim_ascii().is_empty()
            || head_cells(below).is_some_and(|below| below.len() == cells.len())
    };
    cells.iter().all(is_heading) && has_row_below()
}

fn json(head: &[u8]) -> Result<Form, Undetected> {
    let (mut rest, mut is_bare, mut is_list) = (head, true, false);
    loop {
        match rest.first() {
            Some(b'[') => {
                is_list = true;
                rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
            }
            Some(b'{') => match scan::opening(rest) {
                Scan::Found(Opening::List(at)) => {
                    (is_bare, is_list) = (false, true);
                    rest = rest.get(at..).unwrap_or_default();
                }
                Scan::Found(Opening::Tables(_)) => return Ok(Form::LogAnalytics),
                _ => break,
            },
            None | Some(b']') if is_list => return Ok(Form::Graph),
            _ => return Err(Undetected::Unknown),
        }
    }
    let mut members = Vec::new();
    // If the record is cut off or broken, decide by the members before that.
    let _ = scan::members(rest, 0, |name, value| {
        let text = match scan::value_end(rest, value) {
            Scan::Found(end) => rest.get(value..end).unwrap_or_default(),
            Scan::More | Scan::Broken => &[],
        };
        let text = String::from_utf8_lossy(text);
        let name = String::from_utf8_lossy(name).into_owned();
        members.push((name, text.trim_matches('"').to_owned()));
        None::<()>
    });
    // The first record may be of another log. Those are skipped later, and have a time too.
    let is_logged = members.iter().any(|(name, _)| {
        let name = name.to_ascii_lowercase();
        name == "time" || name == "timegenerated" || name.ends_with("datetime")
    });
    match judge(members.iter().map(|(name, text)| (name.as_str(), text.as_str()))) {
        Some(Form::Graph) if is_bare && is_list => Ok(Form::PortalJson),
        Some(form) => Ok(form),
        None if is_logged => Ok(Form::Graph),
        None => Err(Undetected::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::{Undetected, detect};
    use crate::Form;

    fn check(name: &str, head: &str, form: Form) {
        assert_eq!(detect(name, head.as_bytes()), Ok(form), "{head}");
    }

    #[test]
    fn the_form_is_told_by_the_members_of_the_first_record() {
        let entry = r#"{"id":"e","changeId":"c","activityDateTime":"2026-03-09T08:02:11Z"}"#;
        check("a", &format!("{{\"@odata.context\":\"x\",\"value\":[{entry}]}}"), Form::Graph);
        check("a", entry, Form::Graph);
        check("a", &format!("\u{feff}\r\n [ {entry} ]"), Form::PortalJson);
        check("a", r#"[{"id":"e","action":"Create"}]"#, Form::PortalJson);
        let stream = r#"{"time":"t","category":"ProvisioningLogs","properties":{"id":"e"}}"#;
        check("a", stream, Form::Stream);
        check("a", &format!("[{{\"records\":[{stream}]}}]"), Form::Stream);
        check("a", r#"{"tables":[{"columns":[{"na"#, Form::LogAnalytics);
        check("a", r#"{"TenantId":"w","TimeGenerated":"t","Id":"e"}"#, Form::LogAnalytics);
        check("a", r#"{"time":"t","category":"AuditLogs","properties":{"id":"e"}}"#, Form::Audit);
        check("a", r#"{"value":[{"id":"e","activityDisplayName":"Export"}]}"#, Form::Audit);
        check("a", r#"{"value":[]}"#, Form::Graph);
        check("a", r#"[{"id":"s","createdDateTime":"t","appId":"a"}]"#, Form::Graph);
    }

    #[test]
    fn a_record_that_is_cut_off_is_told_by_what_is_there() {
        check("a", r#"{"value":[{"id":"e","jobId":"j","provisioningSteps":[{"na"#, Form::Graph);
    }

    #[test]
    fn csv_is_told_by_its_headings() {
        check("a", "Id,Change ID,Date (UTC),Action,Status\r\n1,2,3,4,5\r\n", Form::PortalCsv);
        check("a", "\"Change Id\",\"Name\",\"Old Value\",\"New Value\"\n", Form::PortalCsv);
        check("a", "\u{feff}sep=;\nId;Change ID;Date (UTC);Action\n", Form::PortalCsv);
        check("a", "Id\tChange ID\tDate (UTC)\tAction\n", Form::PortalCsv);
        let table = "TenantId,TimeGenerated [UTC],Id,Category\n";
        check("AADProvisioningLogs.csv", table, Form::LogAnalyticsCsv);
    }

    #[test]
    fn other_files_are_refused_with_the_known_forms() {
        for head in ["hello", "{\"name\":\"x\"}", "[1,2]", "<xml/>", "{\"a"] {
            assert_eq!(detect("a", head.as_bytes()), Err(Undetected::Unknown), "{head}");
        }
        let headings = detect("a", b"Zeitpunkt;Vorgang\n1;2\n").map_err(|error| error.to_string());
        let said = headings.unwrap_err();
        assert!(
            said.contains("changeId") && said.ends_with("found are Zeitpunkt, Vorgang"),
            "{said}"
        );
        assert_eq!(detect("a", b" \n"), Err(Undetected::Empty));
        let utf16 = [0xFF, 0xFE, b'{', 0];
        let said = detect("a", &utf16).map_err(|error| error.to_string());
        assert_eq!(said, Err("the file is UTF-16: save it as UTF-8".to_owned()));
        let known = Undetected::Unknown.to_string();
        for name in ["graph", "portal-json", "portal-csv", "stream", "log-analytics", "audit"] {
            assert!(known.contains(&format!("`{name}`")), "{known}");
        }
    }
}
