//! Texts for people: text from outside is escaped so that it cannot control a terminal; times are to the
//! second.

use std::borrow::Cow;
use std::fmt::Write;

use answers::Moment;
use serde_json::Value;

/// Escapes characters that would act on a terminal or stay invisible: controls, line and paragraph
/// separators, marks that change the direction of text, and characters without width, which make two
/// different names look the same.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if acts(char) {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown.into()
}

/// JSON in one line. Also escapes control characters that JSON itself leaves as they are.
pub(crate) fn json(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(acts) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if acts(char) {
            // Such characters occur only inside strings, so a JSON escape is valid.
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(char);
        }
    }
    shown
}

fn acts(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A time of an answer, to the second, in UTC.
pub(crate) fn second(time: &str) -> Cow<'_, str> {
    escaped(&Moment(time.to_owned()).second()).into_owned().into()
}

/// A value as text; empty for null.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text).into_owned(),
        other => json(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_would_act_on_a_terminal_is_spelled_out() {
        let check = |text: &str, expected: &str| assert_eq!(escaped(text), expected);
        check("mira.lund", "mira.lund");
        check("Zoë 林", "Zoë 林");
        check("a\u{1b}[2Jb", r"a\u{1b}[2Jb");
        check("a\r\n\tb", r"a\r\n\tb");
        check("\u{9b}31m\u{7f}", r"\u{9b}31m\u{7f}");
        // Without escapes, these make two names look the same.
        check("mira\u{200b}\u{feff}", r"mira\u{200b}\u{feff}");
        check(
            "a\u{ad}\u{200d}\u{2060}\u{fe0f}\u{e0041}",
            r"a\u{ad}\u{200d}\u{2060}\u{fe0f}\u{e0041}",
        );
        check("\u{3164}\u{115f}\u{2800}\u{180e}", r"\u{3164}\u{115f}\u{2800}\u{180e}");
        check("\u{61c}\u{200f}\u{2067}x", r"\u{61c}\u{200f}\u{2067}x");
        check("\u{202e}gpj.exe\u{2066}\u{2028}", r"\u{202e}gpj.exe\u{2066}\u{2028}");
    }

    #[test]
    fn json_stays_the_same_value_without_acting() {
        let value = json!({"a\u{9b}": "\u{1b}\u{7f}\u{85}\u{202e}\n", "b": [1.5, null]});
        let text = json(&value);
        assert!(!text.contains(acts), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn times_are_to_the_second() {
        assert_eq!(second("2026-03-31T23:59:59.999999Z"), "2026-03-31T23:59:59Z");
        assert_eq!(second("2026-03-31T23:59:59Z"), "2026-03-31T23:59:59Z");
        assert_eq!(second("-90d"), "-90d");
        assert_eq!(second("1.\u{1b}Z"), r"1.\u{1b}Z");
    }
}
