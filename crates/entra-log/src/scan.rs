//! A quick scan of JSON bytes that may be cut off or broken: where a value ends, what kind of object it
//! is.

const DEPTH_MAX: u32 = 32;

/// What was found, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scan<T> {
    Found(T),
    /// The bytes end too early.
    More,
    /// It is not JSON, or nested too deep.
    Broken,
}

pub(super) fn skip_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    at + rest.iter().take_while(|byte| is_space(byte)).count()
}

/// The end of the string that begins here, after its closing quote.
fn string_end(bytes: &[u8], at: usize) -> Scan<usize> {
    let mut at = at + 1;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(found) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
        else {
            return Scan::More;
        };
        at += found;
        match bytes.get(at) {
            Some(b'"') => return Scan::Found(at + 1),
            Some(b'\\') => at += 2,
            _ => return Scan::Broken,
        }
    }
}

/// The end of the value that begins here. Only brackets and strings are checked.
pub(super) fn value_end(bytes: &[u8], mut at: usize) -> Scan<usize> {
    // One bit for each open bracket: set for `{`.
    let (mut depth, mut kinds) = (0_u32, 0_u64);
    loop {
        let Some(byte) = bytes.get(at) else { return Scan::More };
        match byte {
            b'"' => match string_end(bytes, at) {
                Scan::Found(end) => at = end,
                other => return other,
            },
            b'{' | b'[' if depth < DEPTH_MAX => {
                kinds = kinds << 1 | u64::from(*byte == b'{');
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' if depth > 0 && (kinds & 1 == 1) == (*byte == b'}') => {
                kinds >>= 1;
                depth -= 1;
                at += 1;
            }
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' if depth > 0 => {
                at += 1;
                continue;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'+' | b'.' => {
                let rest = bytes.get(at..).unwrap_or_default();
                let is_part =
                    |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                at += rest.iter().take_while(is_part).count();
                if at == bytes.len() {
                    return Scan::More;
                }
            }
            _ => return Scan::Broken,
        }
        if depth == 0 {
            return Scan::Found(at);
        }
    }
}

/// A member of an object: its name as written, and where its value begins.
pub(super) type Member<'a> = (&'a [u8], usize);

/// The member after the opening brace or a comma; `None` if the object ends here.
pub(super) fn member(bytes: &[u8], at: usize) -> Scan<Option<Member<'_>>> {
    let at = skip_space(bytes, at);
    match bytes.get(at) {
        None => return Scan::More,
        Some(b'}') => return Scan::Found(None),
        Some(b'"') => {}
        Some(_) => return Scan::Broken,
    }
    let end = match string_end(bytes, at) {
        Scan::Found(end) => end,
        Scan::More => return Scan::More,
        Scan::Broken => return Scan::Broken,
    };
    let name = bytes.get(at + 1..end - 1).unwrap_or_default();
    let colon = skip_space(bytes, end);
    match bytes.get(colon) {
        None => Scan::More,
        Some(b':') => {
            let value = skip_space(bytes, colon + 1);
            if value == bytes.len() { Scan::More } else { Scan::Found(Some((name, value))) }
        }
        Some(_) => Scan::Broken,
    }
}

/// Calls `look` with each member of the object that begins at `at`, until it returns an answer. Returns
/// the answer, or the end of the object.
pub(super) fn members<T>(
    bytes: &[u8],
    at: usize,
    mut look: impl FnMut(&[u8], usize) -> Option<T>,
) -> Scan<Result<T, usize>> {
    let mut at = at + 1;
    loop {
        let (name, value) = match member(bytes, at) {
            Scan::Found(Some(found)) => found,
            Scan::Found(None) => return Scan::Found(Err(skip_space(bytes, at) + 1)),
            Scan::More => return Scan::More,
            Scan::Broken => return Scan::Broken,
        };
        if let Some(answer) = look(name, value) {
            return Scan::Found(Ok(answer));
        }
        let end = match value_end(bytes, value) {
            Scan::Found(end) => skip_space(bytes, end),
            Scan::More => return Scan::More,
            Scan::Broken => return Scan::Broken,
        };
        match bytes.get(end) {
            None => return Scan::More,
            Some(b',') => at = end + 1,
            Some(b'}') => return Scan::Found(Err(end + 1)),
            Some(_) => return Scan::Broken,
        }
    }
}

/// What an object in the place of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Record,
    /// It holds a list of records, which begins here.
    List(usize),
    /// It holds a list of tables, which begins here.
    Tables(usize),
}

/// Members of records. An object with one of these before any list is a record and holds no list of
/// records.
const OF_RECORDS: [&[u8]; 10] = [
    b"id",
    b"time",
    b"properties",
    b"category",
    b"activityDateTime",
    b"TimeGenerated",
    b"TenantId",
    b"changeId",
    b"resourceId",
    b"operationName",
];

/// What the object at the beginning of the bytes is.
pub(super) fn opening(bytes: &[u8]) -> Scan<Opening> {
    let found = members(bytes, 0, |name, value| {
        let is_list = bytes.get(value) == Some(&b'[');
        match name {
            b"value" | b"records" if is_list => Some(Opening::List(value)),
            name if is_list && name.eq_ignore_ascii_case(b"tables") => Some(Opening::Tables(value)),
            name => OF_RECORDS
                .iter()
                .any(|other| other.eq_ignore_ascii_case(name))
                .then_some(Opening::Record),
        }
    });
    match found {
        Scan::Found(Ok(opening)) => Scan::Found(opening),
        Scan::Found(Err(_)) | Scan::Broken => Scan::Found(Opening::Record),
        Scan::More => Scan::More,
    }
}

/// Whether the object that begins here is a complete record. It must have a time: of the parts of a
/// record only an entry in its envelope has one.
pub(super) fn is_record(bytes: &[u8], at: usize, is_in_envelope: bool) -> Scan<()> {
    let (mut has_time, mut is_envelope) = (false, false);
    let end = members(bytes, at, |name, _| {
        let times: [&[u8]; 3] = [b"activityDateTime", b"time", b"TimeGenerated"];
        has_time |= times.iter().any(|time| time.eq_ignore_ascii_case(name));
        is_envelope |= name.eq_ignore_ascii_case(b"properties");
        None::<()>
    });
    match end {
        Scan::Found(_) if has_time && (is_envelope || !is_in_envelope) => Scan::Found(()),
        Scan::Found(_) | Scan::Broken => Scan::Broken,
        Scan::More => Scan::More,
    }
}

/// Whether the value that begins here fills its line: it is broken, or only a comma follows it.
pub(super) fn is_line(bytes: &[u8], at: usize) -> Scan<()> {
    let Scan::Found(end) = value_end(bytes, at) else {
        return Scan::Found(());
    };
    let rest = bytes.get(end..).unwrap_or_default();
    match rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b',')) {
        Some(b'\n') | None => Scan::Found(()),
        Some(_) => Scan::Broken,
    }
}

/// Whether the object that begins here is a table: it has `columns`.
pub(super) fn is_table(bytes: &[u8], at: usize) -> Scan<()> {
    let found = members(bytes, at, |name, value| {
        (name == b"columns" && bytes.get(value) == Some(&b'[')).then_some(())
    });
    match found {
        Scan::Found(Ok(())) => Scan::Found(()),
        Scan::More => Scan::More,
        Scan::Found(Err(_)) | Scan::Broken => Scan::Broken,
    }
}

/// Whether the list that begins here has this many items.
pub(super) fn is_row(bytes: &[u8], at: usize, items: usize) -> Scan<()> {
    let (mut at, mut count) = (at + 1, 0);
    loop {
        at = match value_end(bytes, skip_space(bytes, at)) {
            Scan::Found(end) => skip_space(bytes, end),
            Scan::More => return Scan::More,
            Scan::Broken => return Scan::Broken,
        };
        count += 1;
        match bytes.get(at) {
            None => return Scan::More,
            Some(b',') if count < items => at += 1,
            Some(b']') if count == items => return Scan::Found(()),
            Some(_) => return Scan::Broken,
        }
    }
}
