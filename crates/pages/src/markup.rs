//! A check of HTML for tests: what templates wrote is markup, what people wrote is text.

/// Texts that a careless page would obey.
pub(crate) const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\" onmouseover=\"alert(1)\" x=\"",
    "' autofocus onfocus='alert(1)",
    "</title></svg></table></textarea><img src=x onerror=alert(1)>",
    "\u{202e}gpj.exe\u{2066}\u{200f}שלום\u{feff}",
    "\u{0}\u{1}\u{1b}[31m\u{7f}\u{85}\r\n\ttab",
    "👩\u{200d}🔧 ❤\u{fe0f} 🇺🇳 Zoë 名前 مرحبا",
    "&lt;b&gt; &amp; {{ 7*7 }} {% raw %} ${x} javascript:alert(1)",
];

const VOID: [&str; 8] = ["br", "hr", "img", "input", "link", "meta", "wbr", "!DOCTYPE"];

/// Checks that elements are closed in order, that no attribute acts or styles, that nothing but our own files is
/// loaded, and that no character acts without being seen.
///
/// # Panics
/// If something is wrong.
pub(crate) fn check(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let tag_end = end_of_tag(&rest[start..]);
        let tag = &rest[start + 1..start + tag_end];
        rest = &rest[start + tag_end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed out of order before {}", head(rest));
            continue;
        }
        let is_closed = tag.ends_with('/');
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default();
        assert!(name.chars().all(|char| char.is_ascii_alphanumeric() || char == '!'), "<{name}");
        attributes(name, tag[name.len()..].trim_end_matches('/'));
        if !is_closed && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new(), "not closed");
}

/// Checks that no unseen character is in what is shown; values of fields are sent back as they are.
pub(crate) fn check_seen(html: &str) {
    for char in html.chars() {
        let is_unseen = (char.is_control() && char != '\n' && char != '\t')
            || matches!(char, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        assert!(!is_unseen, "{char:?} acts in the page");
    }
}

fn head(text: &str) -> String {
    text.chars().take(80).collect()
}

fn end_of_tag(tag: &str) -> usize {
    let mut quoted = false;
    for (at, char) in tag.char_indices() {
        match char {
            '"' => quoted = !quoted,
            '>' if !quoted => return at,
            _ => {}
        }
    }
    panic!("a tag has no end: {}", head(tag));
}

fn attributes(element: &str, mut rest: &str) {
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return;
        }
        let end = rest.find([' ', '\n', '=']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let fits = |char: char| char.is_ascii_alphanumeric() || char == '-';
        assert!(name.chars().all(fits) || element == "!DOCTYPE", "<{element} {name}");
        assert!(!name.starts_with("on") && name != "style", "<{element} {name}");
        let Some(value) = after.strip_prefix("=\"") else {
            assert!(!after.starts_with('='), "<{element} {name}: a value without quotes");
            rest = after;
            continue;
        };
        let (value, after) =
            value.split_once('"').unwrap_or_else(|| panic!("<{element} {name}: no end"));
        if name == "src" || (name == "href" && element == "link") {
            assert!(value.starts_with("/assets/"), "<{element} {name}={value}");
        }
        assert!(element != "script" || name != "href", "a script from elsewhere");
        rest = after;
    }
}

#[test]
fn the_check_finds_what_it_is_for() {
    check("<!DOCTYPE html><p class=\"a > b\">x<br>&#60;<svg><path d=\"M0\"/></svg></p>");
    for wrong in [
        "<p><b></p></b>",
        "<p>",
        "<p onclick=\"x\"></p>",
        "<p style=\"x\"></p>",
        "<p class=x></p>",
        "<img src=\"https://elsewhere.example/x\">",
        "<script src=\"//elsewhere.example/x\"></script>",
    ] {
        assert!(std::panic::catch_unwind(|| check(wrong)).is_err(), "{wrong}");
    }
    assert!(std::panic::catch_unwind(|| check_seen("a\u{202e}b")).is_err());
    check_seen("a\u{200d}\n\tb");
}
