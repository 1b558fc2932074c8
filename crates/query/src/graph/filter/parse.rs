//! The grammar of filters, by recursive descent: `or` joins terms, `and` joins the comparisons of a term,
//! and `not` may precede each side of a comparison.

use std::borrow::Cow;

use entra_log::entry_id;

use super::property::{self, Enumeration, Kind};
use super::token::{Token, Tokens, instant};
use super::tree::{Condition, FilterError, Literal, Operand, Operator};

const TEXT_BYTES_MAX: usize = 4096;
const NODES_MAX: usize = 200;
const DEPTH_MAX: usize = 32;
const IN_VALUES_MAX: usize = 100;
/// A longer unknown name is not repeated in the error.
const NAME_BYTES_MAX: usize = 40;

/// Parses a filter; `is_beta` also accepts the beta names of properties.
pub(super) fn parse(text: &str, is_beta: bool) -> Result<Condition, FilterError> {
    let mut tokens = Tokens::new(text);
    if text.len() > TEXT_BYTES_MAX {
        let problem = format!("a filter has at most {TEXT_BYTES_MAX} bytes, and this is beyond");
        return Err(tokens.error(text.floor_char_boundary(TEXT_BYTES_MAX), problem));
    }
    let (start, token) = tokens.next()?;
    let mut parser = Parser {
        tokens,
        start,
        token,
        depth: 0,
        nodes: 0,
        lambda: None,
        is_value_expected: false,
        is_beta,
        typed: vec![],
    };
    let parsed = parser.disjunction()?;
    let condition = parser.condition(parsed)?;
    match parser.token {
        Token::End => Ok(condition),
        _ => Err(parser.error("expected `and`, `or` or the end")),
    }
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    /// The byte at which the current token begins.
    start: usize,
    /// The current token, not taken yet.
    token: Token<'a>,
    depth: usize,
    nodes: usize,
    /// Set inside `any` or `all`.
    lambda: Option<Lambda<'a>>,
    /// Whether a value is likely here, so that an unknown word may be personal data.
    is_value_expected: bool,
    is_beta: bool,
    /// Where typed literals began, and their enumerations.
    typed: Vec<(usize, &'static Enumeration)>,
}

#[derive(Clone, Copy)]
struct Lambda<'a> {
    variable: &'a str,
    list: &'static str,
}

/// A parsed part, and the byte at which it begins.
struct Parsed {
    start: usize,
    tree: Tree,
}

enum Tree {
    Condition(Condition),
    Operand(Operand),
}

impl<'a> Parser<'a> {
    fn disjunction(&mut self) -> Result<Parsed, FilterError> {
        let first = self.conjunction()?;
        if !self.is_word("or") {
            return Ok(first);
        }
        let start = first.start;
        let mut terms = vec![self.condition(first)?];
        while self.eat_word("or")? {
            let term = self.conjunction()?;
            terms.push(self.condition(term)?);
        }
        Ok(Parsed { start, tree: Tree::Condition(Condition::Or(terms)) })
    }

    fn conjunction(&mut self) -> Result<Parsed, FilterError> {
        let first = self.comparison()?;
        if !self.is_word("and") {
            return Ok(first);
        }
        let start = first.start;
        let mut terms = vec![];
        let mut next = first;
        loop {
            match self.condition(next)? {
                // Flatten, so that every condition joined by `and` at the top is found.
                Condition::And(inner) => terms.extend(inner),
                other => terms.push(other),
            }
            if !self.eat_word("and")? {
                break;
            }
            next = self.comparison()?;
        }
        Ok(Parsed { start, tree: Tree::Condition(Condition::And(terms)) })
    }

    fn comparison(&mut self) -> Result<Parsed, FilterError> {
        let left = self.unary()?;
        let is_operand = matches!(left.tree, Tree::Operand(_));
        let word = match self.token {
            Token::Word(word) => word,
            Token::Literal(_) | Token::Typed(..) | Token::Open if is_operand => {
                return Err(self.error(format!("an operator is missing here; use {OPERATORS}")));
            }
            _ => return Ok(left),
        };
        if self.is_word("in") {
            return self.membership(left);
        }
        let Some(operator) = operator(word) else {
            return if is_operand && !self.is_word("and") && !self.is_word("or") {
                Err(self.error(format!("{} is no operator; use {OPERATORS}", named(word, false))))
            } else {
                Ok(left)
            };
        };
        let operator_start = self.start;
        self.take_node()?;
        self.is_value_expected = true;
        let right = self.unary()?;
        self.compared(left, operator, operator_start, right)
    }

    fn compared(
        &self,
        left: Parsed,
        operator: Operator,
        operator_start: usize,
        right: Parsed,
    ) -> Result<Parsed, FilterError> {
        let start = left.start;
        let condition = match (left.tree, right.tree) {
            (Tree::Operand(one), Tree::Operand(other)) => {
                self.typed((left.start, one), operator, operator_start, (right.start, other))?
            }
            (Tree::Condition(_), Tree::Condition(_)) if !operator.is_equality() => {
                let problem = "conditions have no order; use eq or ne";
                return Err(self.error_at(operator_start, problem));
            }
            (Tree::Condition(condition), Tree::Condition(Condition::Constant(value)))
            | (Tree::Condition(Condition::Constant(value)), Tree::Condition(condition)) => {
                if (operator == Operator::Eq) == value {
                    condition
                } else {
                    Condition::Not(Box::new(condition))
                }
            }
            (Tree::Condition(_), _) => {
                return Err(self.error_at(right.start, "expected true or false after a condition"));
            }
            (Tree::Operand(one), Tree::Condition(_)) => {
                return Err(self.error_at(right.start, expected(kind(&one))));
            }
        };
        Ok(Parsed { start, tree: Tree::Condition(condition) })
    }

    /// A comparison of two operands with their positions, if their types allow it. Moves a literal to the
    /// right.
    fn typed(
        &self,
        left: (usize, Operand),
        operator: Operator,
        operator_start: usize,
        right: (usize, Operand),
    ) -> Result<Condition, FilterError> {
        let is_literal = |operand: &Operand| matches!(operand, Operand::Literal(_));
        let (left, operator, right) = match is_literal(&left.1) && !is_literal(&right.1) {
            true => (right, operator.mirrored(), left),
            false => (left, operator, right),
        };
        let right_start = right.0;
        let right = self.of_kind(kind(&left.1), right)?;
        let right = self.of_words(&left.1, right_start, right)?;
        let left = left.1;
        let problem = match (kind(&left), kind(&right)) {
            _ if operator.is_equality() => None,
            (None, _) | (_, None) => Some("null has no order; use eq or ne"),
            (Some(Kind::Text), _) => {
                Some("texts have no order; use eq, ne, in, contains, startswith or endswith")
            }
            (Some(Kind::Integer | Kind::Time), _) => None,
        };
        match problem {
            Some(problem) => Err(self.error_at(operator_start, problem)),
            None => Ok(Condition::Compare { left, operator, right }),
        }
    }

    /// Converts an operand to a type, or null; a text may be read as a time.
    fn of_kind(
        &self,
        wanted: Option<Kind>,
        (start, operand): (usize, Operand),
    ) -> Result<Operand, FilterError> {
        let found = kind(&operand);
        if wanted.is_none() || found.is_none() || wanted == found {
            return Ok(operand);
        }
        let time = match &operand {
            Operand::Literal(Literal::Text(text)) if wanted == Some(Kind::Time) => instant(text),
            _ => None,
        };
        match time {
            Some(time) => Ok(Operand::Literal(Literal::Time(time))),
            None => Err(self.error_at(start, expected(wanted))),
        }
    }

    /// Normalizes a literal compared with a property. For an enumeration: the canonical word, and only of
    /// that enumeration's type. For an entry's id: the spelling of ids.
    fn of_words(
        &self,
        left: &Operand,
        start: usize,
        right: Operand,
    ) -> Result<Operand, FilterError> {
        let words = match left {
            Operand::Property { property, .. } => property.words,
            _ => None,
        };
        if let Some((_, typed)) = self.typed.iter().find(|(place, _)| *place == start)
            && words != Some(*typed)
        {
            let problem = match words {
                Some(words) => format!("expected a word of {}", words.name),
                None => "this property has no such type; a text stands in single quotes".to_owned(),
            };
            return Err(self.error_at(start, problem));
        }
        let is_id = matches!(left, Operand::Property { property, .. } if property.is_id());
        Ok(match (words, right) {
            // Entries spell ids in one case; spell the literal alike.
            (None, Operand::Literal(Literal::Text(text))) if is_id => {
                Operand::Literal(Literal::Text(entry_id(&text).into_owned()))
            }
            (Some(words), Operand::Literal(Literal::Text(text))) => {
                let word = words.word(&text).map(str::to_owned);
                Operand::Literal(Literal::Text(word.unwrap_or(text)))
            }
            (_, right) => right,
        })
    }

    /// Parses the rest of an `in` comparison.
    fn membership(&mut self, left: Parsed) -> Result<Parsed, FilterError> {
        let Tree::Operand(operand) = left.tree else {
            return Err(self.error("a condition is compared by eq or ne with true or false"));
        };
        self.take_node()?;
        let wanted = kind(&operand);
        self.expect(Token::Open, "expected a list such as ('create','update')")?;
        let mut values = vec![];
        loop {
            if values.len() == IN_VALUES_MAX {
                return Err(self.error(format!("in takes at most {IN_VALUES_MAX} values")));
            }
            let start = self.start;
            let literal = match self.take()? {
                Token::Literal(literal) => literal,
                Token::Typed(words, word) => {
                    self.typed.push((start, words));
                    Literal::Text(word.to_owned())
                }
                Token::Word(word) if word.eq_ignore_ascii_case("null") => Literal::Null,
                _ => return Err(self.error_at(start, expected(wanted))),
            };
            let value = self.of_kind(wanted, (start, Operand::Literal(literal)))?;
            if let Operand::Literal(value) = self.of_words(&operand, start, value)? {
                values.push(value);
            }
            if self.token != Token::Comma {
                break;
            }
            self.take()?;
        }
        self.expect(Token::Close, "expected `,` or `)`")?;
        let condition = Condition::In { left: operand, values };
        Ok(Parsed { start: left.start, tree: Tree::Condition(condition) })
    }

    fn unary(&mut self) -> Result<Parsed, FilterError> {
        if !self.is_word("not") {
            return self.primary();
        }
        let start = self.start;
        self.deeper()?;
        self.take_node()?;
        let inner = self.unary()?;
        self.depth -= 1;
        let Tree::Condition(condition) = inner.tree else {
            let problem = "`not` takes a condition; put the comparison into parentheses: not (…)";
            return Err(self.error_at(inner.start, problem));
        };
        Ok(Parsed { start, tree: Tree::Condition(Condition::Not(Box::new(condition))) })
    }

    fn primary(&mut self) -> Result<Parsed, FilterError> {
        let start = self.start;
        if self.token == Token::Open {
            self.deeper()?;
            self.take()?;
            let inner = self.disjunction()?;
            self.expect(Token::Close, "expected `and`, `or` or `)`")?;
            self.depth -= 1;
            return Ok(Parsed { start, tree: inner.tree });
        }
        let is_value_expected = self.is_value_expected;
        let word = match self.token {
            Token::Word(word) => word,
            Token::Literal(_) | Token::Typed(..) => "",
            _ => return Err(self.error("expected a property, a function or a value")),
        };
        let tree = match self.take_node()? {
            Token::Literal(literal) => Tree::Operand(Operand::Literal(literal)),
            Token::Typed(words, word) => {
                self.typed.push((start, words));
                Tree::Operand(Operand::Literal(Literal::Text(word.to_owned())))
            }
            _ if self.token == Token::Open => self.call(start, word, is_value_expected)?,
            _ => match word.to_ascii_lowercase().as_str() {
                "true" => Tree::Condition(Condition::Constant(true)),
                "false" => Tree::Condition(Condition::Constant(false)),
                "null" => Tree::Operand(Operand::Literal(Literal::Null)),
                _ => Tree::Operand(self.property(start, word, is_value_expected)?),
            },
        };
        Ok(Parsed { start, tree })
    }

    fn property(
        &self,
        start: usize,
        word: &str,
        is_value_expected: bool,
    ) -> Result<Operand, FilterError> {
        let below_variable = |lambda: Lambda<'_>| {
            let (first, rest) = word.split_once('/')?;
            let is_variable = first.eq_ignore_ascii_case(lambda.variable);
            is_variable.then(|| Cow::Owned(format!("{}/{rest}", lambda.list)))
        };
        let of_beta = if self.is_beta { property::of_beta(word) } else { None };
        let path = match self.lambda {
            Some(lambda) => below_variable(lambda),
            None => Some(Cow::Borrowed(of_beta.unwrap_or(word))),
        };
        let found = path.as_deref().and_then(property::find);
        let problem = match (found, &path) {
            (Some((property, key)), _) if property.of_list == self.lambda.is_some() => {
                return Ok(Operand::Property { property, key: key.map(str::to_owned) });
            }
            _ if is_value_expected && !word.contains('/') => {
                "this is no property; a text stands in single quotes".to_owned()
            }
            (_, None) => {
                "inside any and all a property begins with the variable, as s/… in any(s: s/…)"
                    .to_owned()
            }
            (_, Some(path)) => match path.split('/').next().and_then(property::list) {
                Some(list) if self.lambda.is_none() => {
                    format!("{list} is a list; use {list}/any(s: s/…)")
                }
                _ => {
                    let name = named(word, is_value_expected);
                    format!("{name} is no property; {}", property::advice(path))
                }
            },
        };
        Err(self.error_at(start, problem))
    }

    /// A function, `any` or `all`, from its opening parenthesis on.
    fn call(
        &mut self,
        start: usize,
        word: &'a str,
        is_value_expected: bool,
    ) -> Result<Tree, FilterError> {
        self.deeper()?;
        self.take()?;
        let tree = match word.to_ascii_lowercase().as_str() {
            "contains" => self.text_test("contains", Operator::Contains)?,
            "startswith" => self.text_test("startswith", Operator::StartsWith)?,
            "endswith" => self.text_test("endswith", Operator::EndsWith)?,
            "tolower" => Tree::Operand(match self.only_text("tolower")? {
                Operand::Literal(Literal::Text(text)) => {
                    Operand::Literal(Literal::Text(text.to_lowercase()))
                }
                other => Operand::Lower(Box::new(other)),
            }),
            "toupper" => Tree::Operand(match self.only_text("toupper")? {
                Operand::Literal(Literal::Text(text)) => {
                    Operand::Literal(Literal::Text(text.to_uppercase()))
                }
                other => Operand::Upper(Box::new(other)),
            }),
            _ => Tree::Condition(self.elements(start, word, is_value_expected)?),
        };
        self.depth -= 1;
        Ok(tree)
    }

    fn text_test(&mut self, name: &str, operator: Operator) -> Result<Tree, FilterError> {
        let usage = format!("{name} takes two texts, as in {name}(jobId, 'a')");
        let left = self.text(&usage)?;
        self.expect(Token::Comma, &usage)?;
        self.is_value_expected = true;
        let right = self.text(&usage)?;
        self.expect(Token::Close, &usage)?;
        // Enumeration words ignore case, so compare both sides in lower case.
        let of_words = |operand: &Operand| matches!(operand, Operand::Property { property, .. } if property.words.is_some());
        let (left, right) = match of_words(&left) || of_words(&right) {
            true => (Operand::Lower(Box::new(left)), Operand::Lower(Box::new(right))),
            false => (left, right),
        };
        Ok(Tree::Condition(Condition::Compare { left, operator, right }))
    }

    fn only_text(&mut self, name: &str) -> Result<Operand, FilterError> {
        let usage = format!("{name} takes one text, as in {name}(jobId)");
        let text = self.text(&usage)?;
        self.expect(Token::Close, &usage)?;
        Ok(text)
    }

    /// A function's argument, which must be a text.
    fn text(&mut self, usage: &str) -> Result<Operand, FilterError> {
        if self.token == Token::Close {
            return Err(self.error(usage));
        }
        let parsed = self.unary()?;
        match parsed.tree {
            Tree::Operand(operand) if kind(&operand) == Some(Kind::Text) => Ok(operand),
            _ => Err(self.error_at(parsed.start, usage)),
        }
    }

    /// `any` or `all`, after the opening parenthesis.
    fn elements(
        &mut self,
        start: usize,
        word: &'a str,
        is_value_expected: bool,
    ) -> Result<Condition, FilterError> {
        let every = word.rsplit_once('/').and_then(|(list, last)| {
            let every = last.eq_ignore_ascii_case("all");
            (every || last.eq_ignore_ascii_case("any")).then_some((list, every))
        });
        let Some((list, every)) = every else {
            let problem = format!(
                "{} is no function; use contains, startswith, endswith, tolower, toupper, or any and \
                 all of a list",
                named(word, is_value_expected)
            );
            return Err(self.error_at(start, problem));
        };
        if self.lambda.is_some() {
            return Err(self.error_at(start, "any and all cannot stand inside each other"));
        }
        let Some(list) = property::list(list) else {
            let problem = "only provisioningSteps and modifiedProperties have any and all";
            return Err(self.error_at(start, problem));
        };
        // `any()` holds if the list has an element.
        if !every && self.token == Token::Close {
            self.take()?;
            let condition = Box::new(Condition::Constant(true));
            return Ok(Condition::Elements { list, every, condition });
        }
        let usage = "expected a variable and `:`, as in any(s: s/…)";
        let variable = match self.token {
            Token::Word(variable) if !variable.contains(['/', '.', '-']) => variable,
            _ => return Err(self.error(usage)),
        };
        self.take()?;
        self.expect(Token::Colon, usage)?;
        self.lambda = Some(Lambda { variable, list });
        let parsed = self.disjunction()?;
        let condition = Box::new(self.condition(parsed)?);
        self.lambda = None;
        self.expect(Token::Close, "expected `and`, `or` or `)`")?;
        Ok(Condition::Elements { list, every, condition })
    }

    /// Requires a condition.
    fn condition(&self, parsed: Parsed) -> Result<Condition, FilterError> {
        match parsed.tree {
            Tree::Condition(condition) => Ok(condition),
            Tree::Operand(_) => {
                let problem = format!("this is no condition; compare it by {OPERATORS}");
                Err(self.error_at(parsed.start, problem))
            }
        }
    }

    fn take(&mut self) -> Result<Token<'a>, FilterError> {
        let (start, next) = self.tokens.next()?;
        self.start = start;
        let taken = std::mem::replace(&mut self.token, next);
        // A value is still expected after `(`, but after no other token.
        self.is_value_expected &= taken == Token::Open;
        Ok(taken)
    }

    fn take_node(&mut self) -> Result<Token<'a>, FilterError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(self.error(format!(
                "a filter has at most {NODES_MAX} names, values, functions and operators"
            )));
        }
        self.take()
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(wanted))
    }

    fn eat_word(&mut self, wanted: &str) -> Result<bool, FilterError> {
        let found = self.is_word(wanted);
        if found {
            self.take_node()?;
        }
        Ok(found)
    }

    fn expect(&mut self, wanted: Token<'a>, problem: &str) -> Result<(), FilterError> {
        if self.token != wanted {
            return Err(self.error(problem));
        }
        self.take().map(drop)
    }

    fn deeper(&mut self) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let problem = format!(
                "parentheses, functions and not stand in each other at most {DEPTH_MAX} deep"
            );
            return Err(self.error(problem));
        }
        Ok(())
    }

    /// An error at the current token.
    fn error(&self, message: impl Into<String>) -> FilterError {
        self.error_at(self.start, message)
    }

    fn error_at(&self, start: usize, message: impl Into<String>) -> FilterError {
        self.tokens.error(start, message)
    }
}

const OPERATORS: &str = "eq, ne, gt, ge, lt, le or in";

fn operator(word: &str) -> Option<Operator> {
    match word.to_ascii_lowercase().as_str() {
        "eq" => Some(Operator::Eq),
        "ne" => Some(Operator::Ne),
        "gt" => Some(Operator::Gt),
        "ge" => Some(Operator::Ge),
        "lt" => Some(Operator::Lt),
        "le" => Some(Operator::Le),
        _ => None,
    }
}

/// The type of an operand; `None` for null.
fn kind(operand: &Operand) -> Option<Kind> {
    match operand {
        Operand::Property { property, .. } => Some(property.kind),
        Operand::Literal(Literal::Text(_)) | Operand::Lower(_) | Operand::Upper(_) => {
            Some(Kind::Text)
        }
        Operand::Literal(Literal::Integer(_)) => Some(Kind::Integer),
        Operand::Literal(Literal::Time(_)) => Some(Kind::Time),
        Operand::Literal(Literal::Null) => None,
    }
}

/// What should be there instead of an operand of another type.
fn expected(wanted: Option<Kind>) -> String {
    match wanted {
        Some(kind) => format!("expected {kind}"),
        None => "expected a value".to_owned(),
    }
}

/// An unknown word, quoted if it may be repeated.
fn named(word: &str, is_value_expected: bool) -> String {
    let is_plain = !is_value_expected
        && word.len() <= NAME_BYTES_MAX
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_".contains(&byte));
    if is_plain { format!("`{word}`") } else { "this".to_owned() }
}
